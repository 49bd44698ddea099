"""Every flag that --help lists, with every kind of bad value: status 2, the flag's name, and nothing left behind.

A flag that is not in the tables below fails the test: say there what it refuses.
"""
import re
import sys

from refusals import Cases, mt, text

# Whole numbers: values below and above what is allowed, beside those that are no whole numbers at all.
COUNTS = {
    "data_seed": ["-1"], "shuffle_window": ["0", "16777217"], "max_epochs": ["-1"], "batch_size": ["0", "3"],
    "total_batch_size": ["0", "3", "16777218"], "gradient_accumulation": ["0", "16777217"], "seq_len": ["1", "16"],
    "seed": ["-1"], "log_layers_every": ["-1"], "eval_every": ["-1"], "eval_tokens": ["0"], "save_every": ["-1"], "keep_last": ["-1"],
    "num_training_steps": ["-1"], "max_train_tokens": ["0"], "warmup_steps": ["-1"], "cycle_length": ["-1"],
    "restart_warmup_steps": ["-1"], "decay_steps": ["-1"], "threads": ["0", "1025"], "workers": ["-1", "1025"], "steps": ["0"],
    "vocab_size": ["7"], "documents": ["0"],
    "runs": ["0"], "rows": ["-1"], "layer": ["-1", "2"], "batches total_batch_size": ["0", "4294967296"], "batches steps": ["0", "1B"],
    "tokenize seq_len": ["1", "1048577"],
    "emulator_seed": ["-1"], "max_new_tokens": ["-1", "8"], "top_k": ["-1"], "num_samples": ["0"],
}
# Numbers: likewise, beside those that are no finite numbers.
NUMBERS = {
    "spike_zscore": ["-1"], "lr": ["-1e-9"], "min_lr_ratio": ["-0.1", "1.1"], "beta1": ["-0.1", "1"],
    "beta2": ["-0.1", "1"], "eps": ["-1e-9"], "weight_decay": ["-1"], "grad_clipping": ["-1"], "z_loss": ["-1"],
    "temperature": ["-0.1", "1e7"], "top_p": ["-0.1", "1.1"],
}
TABLES = ["init_std", "lr_mult", "decay"]
# Names of files, and words: what cannot be meant.
TEXTS = {
    "data": ["none*.jsonl", "."], "tokenizer": ["none.model", "."], "save_dir": ["config.json"], "weights": ["none"],
    "continue_from": ["none"], "rerun": ["none", "."], "eval_data": ["none*.jsonl", "."], "dtype": ["fp8", "bf16"],
    "batch": ["none", "."], "save_at": ["0", "2,1", "1,x"], "out": ["none/out", "."], "fetch": ["test", "train:9-8", "validation:8"],
    "prompt": [""], "prompt_file": ["none", "."], "prompt_ids": ["x", "1,,2", "40", "-1", "1.5"], "checkpoint": ["none"],
    "export out": [".", "initial"], "remove-layer out": [".", "initial"],
}
# Recorded as they are, or folders that are created: only an empty value is refused.
FREE = {"run_name", "name", "tags", "dir"}

# What is fixed at compile time; placeholders do not say what a value is.
COMPILED = {
    "model_config": ["none.json", "."], "norm": ["none", "post_pre:99", "3xpost"], "post_num": ["-1", "x", "99"],
    "norm_kind": ["none"], "batch_size": ["0", "-1", "x", "1.5"], "seq_len": ["0", "-1", "x"],
    "dtype": ["fp8", "none"], "target": ["tpu"], "gpu_arch": ["sm_1", "h100"], "gpu_matmul": ["cublas", ""], "mcpu": ["none"], "compile_from": ["none"], "compile_to": ["none"],
    "dump_phases_to": ["config.json"], "chunk_rows": ["0", "x"], "chunk_threshold": ["0", "x"],
    "attention_scale": ["1/", "none"], "logit_scale": ["1/", "none"], "measure": ["none.json", "."],
    "entries": ["none"], "memory_limit": ["0", "-1", "x", "1XiB"], "activation_checkpointing": ["maybe"],
}


def flags_of(command):
    """name -> type, as --help lists them; toggles have none."""
    help = mt.run([*command, "--help"]).stdout
    return dict(re.findall(r"^ +--(\w+)(?: ([^\s]+))?(?:  |$)", help, re.M))


def is_choice(kind):
    """Its words stand in the help, separated by bars."""
    return kind.replace("|", "").replace("_", "").isalnum() and kind.lower() == kind


def bad_values(command, name, kind):
    if kind == "":
        return ["maybe", "2"]
    if kind == "COUNT":
        return COUNTS.get(f"{command} {name}", COUNTS.get(name)) + ["x", "1.5", "1e30", "0x10", "nan", "1T"]
    if kind == "NUMBER":
        return NUMBERS[name] + ["x", "nan", "inf", "1e999", "1,5"]
    if kind == "KEY=NUMBER,...":
        return ["x=1", "embed", "embed=", "embed=-1", "embed=nan", "=1", "embed=1,x=1"]
    if is_choice(kind):
        return ["none", kind + "|", kind.split("|")[0] + "s"]
    return TEXTS.get(f"{command} {name}", TEXTS.get(name))


def known(name, kind):
    return (name in COUNTS if kind == "COUNT" else name in NUMBERS if kind == "NUMBER" else name in TABLES
            if kind.startswith("KEY") else True if kind == "" or is_choice(kind) else name in TEXTS or name in FREE)


def check(cases, command, good, instead={}):
    """`good`: flags with which nothing else is wrong; `instead` of them for some flags."""
    found = flags_of(command)
    if len(found) < 2:
        mt.fail(f"{command}: --help lists {found}")
    for name, kind in found.items():
        if name == "help":
            continue
        if not known(name, kind):
            mt.fail(f"--{name} {kind} of {command[-1]}: no test says what it refuses; add it to {__file__}")
        values = [] if name in FREE else bad_values(command[-1], name, kind)
        for value in values:
            # A message about a file names the file too.
            says = [f"--{name}", value.removesuffix("*.jsonl")] if kind == "TEXT" else [name]
            cases.refused(f"--{name}={value}", [*command, *instead.get(name, good), f"--{name}={value}"], *says)
        if kind:
            cases.refused(f"--{name} without value", [*command, *good, f"--{name}"], name, "value")
    return len(found)


if __name__ == "__main__":
    import pathlib
    work = pathlib.Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    config = mt.write_config(work / "config.json", vocab_size=40)
    exe = mt.compile_model(config, work / "exe", "post_pre:1", 2, 8)
    mt.write_ids(work / "ids.bin", 4096, 40)
    mt.write_tokenizer(work / "letters.model", mt.LETTERS)
    text(work / "text.jsonl", '{"text": "the quick brown fox jumps over the lazy dog"}\n' * 50)
    mt.run([exe, "train", "--num_training_steps", "0", "--save_dir", work / "initial"])
    mt.random_batch(work / "batch.safetensors", 2, 8, 40)
    cases = Cases(work)
    IDS = ["--data", "ids.bin", "--raw", "uint16", "--packing", "concat"]
    TEXT = ["--data", "text.jsonl", "--tokenizer", "letters.model"]
    WEIGHTS = ["--weights", "initial/model_0"]
    GENERATE = {name: [*WEIGHTS, "--tokenizer", "letters.model"] for name in ("prompt", "prompt_file", "prompt_ids")}
    number = 0
    for command, good in {
            "train": [*TEXT, "--eval_data", "text.jsonl", "--save_dir", "run", "--gradient_accumulation", "1"],
            "eval": [*TEXT, *WEIGHTS], "replay": [*WEIGHTS, "--batch", "batch.safetensors", "--out", "out"],
            "layers": [*TEXT, *WEIGHTS, "--out", "out"], "batches": [*TEXT, "--out", "out"], "info": [],
            "export": [*WEIGHTS, "--tokenizer", "letters.model", "--out", "exported"],
            "generate": [*WEIGHTS, "--tokenizer", "letters.model", "--prompt", "a"],
            "remove-layer": [*WEIGHTS, "--layer", "0", "--out", "removed"]}.items():
        if command == "layers":
            # A batch and data exclude each other.
            cases.refused("batch and data", [exe, "layers", *good, "--batch", "batch.safetensors"], "--batch")
        number += check(cases, [exe, command], good, {"layers": {"batch": WEIGHTS}, "generate": GENERATE}.get(command, {}))
    for command, good in {"tokenize": [*TEXT, "--seq_len", "8", "--out", "out.bin"],
                          "train-tokenizer": ["--data", "text.jsonl", "--vocab_size", "40", "--out", "out.model"],
                          "c4": ["--list"]}.items():
        number += check(cases, ["mixln-data", command], good, {"fetch": [], "data": ["--verify"]} if command == "c4" else {})
    # Contradictions.
    RUN = [exe, "train", *TEXT, "--save_dir", "run"]
    for name, flags, *words in (
            ("batch sizes", ["--total_batch_size", "8", "--gradient_accumulation", "3"], "--gradient_accumulation 3"),
            ("two lengths", ["--num_training_steps", "3", "--max_train_tokens", "64"], "exclude each other"),
            ("two beginnings", [*WEIGHTS, "--continue_from", "initial"], "exclude each other"),
            ("warm-up longer than a cycle", ["--scheduler", "cosine_restarts", "--cycle_length", "4"], "--cycle_length"),
            ("a decay longer than the run", ["--scheduler", "wsd", "--num_training_steps", "9", "--decay_steps", "10"],
             "--decay_steps"),
            ("restarts without a cycle", ["--scheduler", "cosine_restarts"], "--cycle_length"),
            ("text without its tokenizer", ["--eval_data", "text.jsonl", *IDS, "--tokenizer", "none"], "none")):
        cases.refused(name, [*RUN, *flags], *words)
    # The compiler's own.
    switches = {"help", "print", "compile_only", "verbose", "emulator"}  # of mixln-train itself, without a value
    found = [name for name in flags_of(["mixln-train"]) if name not in switches]
    for name in found:
        if name not in COMPILED:
            mt.fail(f"--{name} is fixed at compile time: no test says what it refuses; add it to {__file__}")
        for value in COMPILED[name]:
            cases.refused(f"mixlnc --{name} {value}",
                          ["mixlnc", "config.json", "--norm", "post_pre", "--post_num", "1", "--batch_size", "2",
                           "--seq_len", "8", "-o", "out", f"--{name}", value])
    number += len(found)
    mt.run(["mixlnc", config, "--batch_size", 2, "--seq_len", 8, "--compile_to", "import", f"--output={work / 'written.mlir'}"])
    if "mixln.model" not in (work / "written.mlir").read_text():
        mt.fail("mixlnc --output=FILE wrote something else")
    print(f"{number} flags in all")
    sys.exit(cases.finish())

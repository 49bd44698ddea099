"""Losses, gradients and weights are the same bits however much of the forward is computed again."""
import pathlib
import re
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T, V, LAYERS = 4, 32, 500, 4
# A long row and one that fills no vector; sums over rows of several chunks.
config = mt.write_config(work / "config.json", hidden_size=80, intermediate_size=184, num_attention_heads=4,
                         num_key_value_heads=2, vocab_size=V, num_hidden_layers=LAYERS)
# Two micro-batches: gradient and gradient_add.
batch = mt.random_batch(work / "batch.safetensors", 2 * B, T, V, seed=5)
CHUNKS = ["--chunk_rows", "48", "--chunk_threshold", "1"]


def bytes_of(exe):
    program = mt.program_of(exe)
    reach = {entry["name"]: max(o[0] + o[1] for d in entry["dispatches"] for o in d["operands"])
             for entry in program["entries"] if entry["dispatches"]}
    again = sum(".again" in d["site"] for e in program["entries"] for d in e["dispatches"])
    return max(reach["gradient"], reach["gradient_add"], reach["update"]), again


def replay(exe, weights, out):
    mt.run([exe, "replay", "--weights", weights, "--batch", batch, "--steps", "3", "--lr", "1e-2", "--logits", "--out",
            out])
    return out.read_bytes()


for spec in sys.argv[2:]:
    name = re.sub(r"\W", "_", pathlib.Path(spec).stem)
    folder = work / name
    folder.mkdir(exist_ok=True)
    fused = folder / "fuse.mlir"
    mt.run(["mixlnc", config, "--norm", spec, "--batch_size", B, "--seq_len", T, *CHUNKS, "--compile_to", "fuse", "-o",
            fused])
    exes = {"nothing": folder / "nothing"}
    mt.run(["mixlnc", fused, "--compile_from", "plan", "-o", exes["nothing"]])
    for label, flags in (("default", []), ("checkpoints", ["--activation-checkpointing"])):
        exes[label] = mt.compile_model(config, folder / label, spec, B, T, [*CHUNKS, *flags])
    default, _ = bytes_of(exes["default"])
    checkpoints, again = bytes_of(exes["checkpoints"])
    if not checkpoints < default or again < 5 * LAYERS:
        mt.fail(f"{spec}: {default} bytes, with checkpoints {checkpoints}, {again} operations computed again")
    # The least, and a step that needs half of what that saves.
    refused = mt.run(["mixlnc", config, "--norm", spec, "--batch_size", B, "--seq_len", T, *CHUNKS, "--memory_limit",
                      "1KiB", "-o", folder / "refused"], status=2)
    least = int(re.search(r"at least \S+ \S+ \((\d+) bytes\)", refused.stderr)[1])
    for label, limit in (("least", least), ("half", (default + least) // 2)):
        exes[label] = mt.compile_model(config, folder / label, spec, B, T, [*CHUNKS, f"--memory-limit={limit}"])
        reached, _ = bytes_of(exes[label])
        if reached > limit:
            mt.fail(f"{spec}: limit {limit}, the step reaches {reached}")
    mt.run([exes["default"], "train", "--num_training_steps", 0, "--save_dir", folder / "run", "--warmup_steps", "0"])
    results = {label: replay(exe, folder / "run" / "model_0", folder / f"{label}.safetensors")
               for label, exe in exes.items()}
    for label, result in results.items():
        if result != results["nothing"]:
            a, b = (mt.read_safetensors(folder / f"{which}.safetensors") for which in ("nothing", label))
            mt.fail(f"{spec}, {label}: other bits in {[name for name in a if a[name] != b[name]]}")
    print(f"{spec}: {len(results)} executables, the same bits; {default} bytes, checkpoints {checkpoints}, least {least}",
          flush=True)

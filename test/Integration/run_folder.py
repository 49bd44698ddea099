"""A run folder stands for itself: its executable finds weights, data and tokenizer, and `--rerun` repeats the run."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1]).resolve()
work.mkdir(parents=True, exist_ok=True)
B, T, V = 2, 16, 40
config = mt.write_config(work / "config.json", vocab_size=V)
environment = {**os.environ, "MIXLN_CACHE_DIR": str(work / "cache")}
mt.write_tokenizer(work / "letters.model", mt.LETTERS)
story = "the quick brown fox jumps over the lazy dog again and again"
for name, times in (("train.jsonl", 400), ("eval.jsonl", 30)):
    (work / name).write_text("".join(json.dumps({"text": story[i % 20:]}) + "\n" for i in range(times)))
# Relative paths, as a person types them.
FLAGS = ["--model_config", "config.json", "--norm", "post_pre:1", "--batch_size", B, "--seq_len", T, "--data",
         "train.jsonl", "--tokenizer", "letters.model", "--num_training_steps", "12", "--warmup_steps", "2", "--lr",
         "3e-3", "--total_batch_size", 2 * B, "--save_every", "5", "--scheduler", "wsd", "--lr_mult", "embed=0.5",
         "--init_std", "head=0.01", "--threads", "1", "--packing", "concat"]


def train(*more, status=0):
    return mt.run(["mixln-train", *more], status=status, cwd=work, env=environment)


def timeless(run):
    lines = [json.loads(line) for line in (work / run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("step_seconds", "tokens_per_second")} for line in lines]


def same(first, second, step=12):
    if timeless(first) != timeless(second):
        mt.fail(f"{second}: other losses than {first}")
    for name in ("model.safetensors", "optimizer.safetensors"):
        if (work / first / f"model_{step}" / name).read_bytes() != (work / second / f"model_{step}" / name).read_bytes():
            mt.fail(f"{second}: another {name} than {first}")


def says(done, *words):
    for word in words:
        if word not in done.stderr:
            mt.fail(f"no '{word}' in\n{done.stderr}")


train(*FLAGS, "--save_dir", "run", "--eval_data", "eval.jsonl", "--eval_every", "6")
run = json.loads((work / "run/run.json").read_text())
if not {"data", "tokenizer", "eval_data", "executable"} <= set(run["hashes"]) or len(run["data_files"][0]["xxh64"]) != 16:
    mt.fail(f"run.json: {run['hashes']}, {run.get('data_files')}")

# From another folder, without a flag, without the original tokenizer.
(work / "letters.model").rename(work / "gone.model")
for command in (["eval"], ["layers"], ["layers", "--out", work / "layers.json"], ["info"], ["info", "--json"]):
    done = subprocess.run([str(work / "run/exe"), *map(str, command)], capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        mt.fail(f"exe {command}: {done.stderr}")
    if command == ["eval"]:
        last = timeless("run")[-1]
        if {k: v for k, v in last.items() if k != "step"} != json.loads(done.stdout):
            mt.fail(f"eval: {done.stdout}, in the run {last}")
layers = json.loads((work / "layers.json").read_text())
if layers["weights"] != str(work / "run/model_12") or len(layers["gradient_norm"]) != 2:
    mt.fail(f"layers: {layers}")
# The rows are those of the run's evaluations, packed as these were, not of its training.
for name, packing, equal in (("eval.jsonl", "pad", True), ("train.jsonl", "concat", False)):
    mt.run([work / "run/exe", "layers", "--data", work / name, "--packing", packing, "--out", work / "of.json"])
    rows = json.loads((work / "of.json").read_text())
    if (rows["rows_id"] == layers["rows_id"]) != equal or rows["rows"] != B or rows["positions"] != "last":
        mt.fail(f"layers of {name}: {rows['rows_id']}, of the run {layers['rows_id']}")
print("eval, layers and info need no flags")

same_run = train("--rerun", "run")
says(same_run, "repeats run")
if "differs" in same_run.stderr or "changed" in same_run.stderr:
    mt.fail(same_run.stderr)
same("run", "run-rerun")
if (work / "run-rerun/memory.svg").read_bytes() != (work / "run/memory.svg").read_bytes():
    mt.fail("a repeated run has another memory.svg")
train("--rerun", "run/", "--save_dir", "again", "--threads", "2")
same("run", "again")
train("--rerun", "again")
same("run", "again-rerun")
if json.loads((work / "again-rerun/run.json").read_text())["hashes"] != run["hashes"]:
    mt.fail("the repetition has other hashes")
print("a repeated run is the same bits")

# What is no longer the same is said.
text = (work / "train.jsonl").read_text()
(work / "train.jsonl").write_text(text.replace("fox", "cat"))
done = train("--rerun", "run", "--save_dir", "other")
says(done, "differs from the run that is repeated: the hash of data was " + run["hashes"]["data"])
(work / "train.jsonl").write_text(text)
done = mt.run([work / "run/exe", "train", "--rerun", "run", "--save_dir", "longer", "--steps", "14"], cwd=work)
if len(mt.losses(work / "longer")) != 14:
    mt.fail("a flag beside --rerun does not count")
shutil.copytree(work / "run", work / "changed")
shutil.rmtree(work / "changed/model_12")
mt.run([work / "changed/exe", "train", "--rerun", "run", "--save_dir", "changed", "--resume", "--lr", "1e-3"], cwd=work)
says(train("--rerun", "changed", "--save_dir", "third"), "a resumption of it changed --lr was 0.003, is 0.001")
# With the length in tokens, of which the number of updates follows.
shutil.copy(work / "gone.model", work / "letters.model")
i = FLAGS.index("--num_training_steps")
tokens = FLAGS[:i] + ["--max_train_tokens", 5 * 2 * B * T] + FLAGS[i + 2:]
train(*tokens, "--save_dir", "tokens", "--weights", "run/model_5")
done = train("--rerun", "tokens")
if "differs" in done.stderr:
    mt.fail(done.stderr)
same("tokens", "tokens-rerun", 5)
print("what differs is said")

says(train("--rerun", "none", status=2), "--rerun none: it has no executable exe")
says(train("--rerun", "run", "--save_dir", "again", status=2), "already holds a run")
says(train("--rerun", "run", "--save_dir", "x", "--norm", "pre", status=2), "fixed at compile time")
(work / "empty").mkdir()
shutil.copy(work / "run/exe", work / "empty/exe")
says(train("--rerun", "empty", status=2), "empty/run.json")
(work / "empty/run.json").write_text("[1, 2]")
says(train("--rerun", "empty", status=2), "empty/run.json does not describe a run")
if (work / "x").exists() or (work / "empty-rerun").exists():
    mt.fail("a refused repetition left a folder")
print("what cannot be repeated is refused")

"""--z_loss in training runs: what it changes and what it does not."""
import json
import math
import pathlib
import shutil
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
VOCABULARY, Z = 40, 0.05
exe = mt.compile_model(mt.write_config(work / "config.json", vocab_size=VOCABULARY), work / "exe", "post_pre:1", 2, 8)
ids = mt.write_ids(work / "ids.bin", 4000, VOCABULARY)


def train(name, *flags):
    mt.run([exe, "train", "--data", ids, "--raw", "uint16", "--packing", "concat", "--lr", "1e-2", "--warmup_steps", "0",
            "--total_batch_size", "4", "--steps", "4", "--threads", "1", "--eval_data", ids, "--eval_packing", "concat",
            "--eval_tokens", "100", "--save_dir", work / name, *flags])
    lines = [json.loads(line) for line in (work / name / "metrics.jsonl").read_text().splitlines()]
    keys = ("step", "loss", "grad_norm", "z_loss", "eval_loss")
    return [{key: line[key] for key in keys if key in line} for line in lines]


plain, zero, added = train("plain"), train("zero", "--z_loss", "0"), train("added", "--z-loss", str(Z))
weights = [(work / name / "model_4" / "model.safetensors").read_bytes() for name in ("plain", "zero", "added")]
if plain != zero or weights[0] != weights[1] or any("z_loss" in line for line in plain):
    mt.fail(f"--z_loss 0 differs from no --z_loss:\n{plain}\n{zero}")
if added[0]["loss"] != plain[0]["loss"] or added[0]["grad_norm"] == plain[0]["grad_norm"]:
    mt.fail(f"first update {plain[0]}, with --z_loss {added[0]}")
if weights[2] == weights[0] or not all(line["z_loss"] > 0 for line in added if "loss" in line):
    mt.fail(f"--z_loss {Z} changed nothing: {added}")
# Small initial weights: the softmax is nearly uniform, its denominator's logarithm near log V.
expected = Z * math.log(VOCABULARY) ** 2
if not abs(added[0]["z_loss"] / expected - 1) <= 0.05:
    mt.fail(f"z_loss {added[0]['z_loss']}, expected about {expected}")
mt.run([exe, "train", "--z_loss", "-1", "--data", ids, "--raw", "uint16", "--save_dir", work / "bad"], status=2)
if "cross-entropy" not in mt.run([exe, "train", "--help"]).stdout.replace("\n", " "):
    mt.fail("train --help does not say that the loss stays the cross-entropy")
print("3 runs, as expected")

"""The main job on real C4: LLaMA-9M with Mix-LN trains, in both packings; its checkpoint loads again."""
import json
import pathlib
import sys

import mixlntest as mt

work, shared = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
work.mkdir(parents=True, exist_ok=True)
DATA = ["--data", shared / "data/c4/c4-sample.train.json.gz", "--tokenizer", shared / "data/tokenizer/t5/spiece.model"]
STEPS = 8
# The command of the public script; short rows, so that the test is short.
TRAIN = ["mixln-train", "--model_config", mt.ROOT / "configs" / "llama_9m.json", "--norm_type", "post_pre",
         "--post_num", "1", *DATA, "--batch_size", "2", "--total_batch_size", "4", "--max_length", "64",
         "--warmup_steps", "2", "--lr", "5e-3", "--seed", "1"]


def train(name, packing, *extra):
    mt.run([*TRAIN, "--packing", packing, "--num_training_steps", STEPS, "--save_dir", work / name, *extra])
    records = [json.loads(line) for line in (work / name / "metrics.jsonl").read_text().splitlines()]
    losses = [r["loss"] for r in records if "loss" in r]
    if len(losses) != STEPS:
        mt.fail(f"{name}: {len(losses)} steps, expected {STEPS}")
    for key in ("step", "loss", "lr", "grad_norm", "tokens", "epoch", "tokens_per_second", "step_seconds"):
        if key not in records[0]:
            mt.fail(f"{name}: metrics.jsonl has no {key}")
    return losses


for packing in ("pad", "concat"):
    losses = train(packing, packing)
    # A uniform guess over 32000 pieces is 10.37.
    if not 9.5 < losses[0] < 11.5 or not losses[-1] < losses[0] - 0.5:
        mt.fail(f"{packing}: losses {losses}")
    print(f"{packing}: the loss falls from {losses[0]:.3f} to {losses[-1]:.3f}", flush=True)

checkpoint = work / "concat" / f"model_{STEPS}"
left = {p.name for p in checkpoint.iterdir()}
if not {"config.json", "model.safetensors"} <= left:
    mt.fail(f"the checkpoint holds {left}")
about = json.loads((checkpoint / "config.json").read_text())
if about["norm_type"] != "post_pre" or about["post_num"] != 1 or about["model_type"] != "mixln":
    mt.fail(f"the checkpoint's config says {about}")
# Trained weights go on where they were: the first loss on the same rows is far below the first of a fresh model.
again = train("again", "concat", "--weights", checkpoint)
fresh = mt.losses(work / "concat")
if not again[0] < fresh[0] - 0.5:
    mt.fail(f"from the checkpoint the loss starts at {again[0]}, from nothing at {fresh[0]}")
# The checkpoint's own config compiles to a model that takes its weights.
exe = mt.compile_model(checkpoint / "config.json", work / "exe", None, 2, 64)
done = mt.run([exe, "eval", "--weights", checkpoint, *DATA, "--eval_tokens", "500"])
print(f"the checkpoint loads: first loss {again[0]:.3f}, evaluation {json.loads(done.stdout)['eval_loss']:.3f}")

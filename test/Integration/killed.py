"""A compiled model, killed at random moments, resumed with other numbers of threads: the bits of a run never killed."""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
STEPS, B, T, V = 120, 2, 16, 64
config = mt.write_config(work / "config.json", vocab_size=V)
exe = mt.compile_model(config, work / "exe", "post_pre:1", B, T)
ids = mt.write_ids(work / "ids.bin", 3000, V)
FLAGS = [str(w) for w in [
    exe, "train", "--data", ids, "--raw", "uint16", "--packing", "concat", "--num_training_steps", STEPS,
    "--warmup_steps", "10", "--lr", "3e-3", "--total_batch_size", 2 * B, "--save_every", "12", "--keep_last", "2",
    "--eval_data", ids, "--eval_packing", "concat", "--eval_every", "25", "--eval_tokens", "300", "--shuffle_window",
    "50", "--resume"]]


def timeless(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("step_seconds", "tokens_per_second")} for line in lines]


begin = time.monotonic()
mt.run([*FLAGS, "--threads", "1", "--save_dir", work / "whole"])
length = time.monotonic() - begin
seed = int(os.environ.get("MIXLN_SEED", random.randrange(10 ** 6)))
moments = random.Random(seed)
kills, steps = 0, []
for i in range(12):
    child = subprocess.Popen([*FLAGS, "--threads", str(1 + i % 3), "--save_dir", str(work / "run")],
                             stderr=subprocess.DEVNULL)
    try:
        child.wait(timeout=moments.uniform(0.05, 0.8) * length)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    if child.wait() == -signal.SIGKILL:
        kills += 1
    checkpoints = sorted(int(p.name[6:]) for p in (work / "run").glob("model_*[0-9]"))
    for step in checkpoints:
        for name in ("model", "optimizer"):
            mt.read_safetensors(work / "run" / f"model_{step}" / f"{name}.safetensors")
    steps.append(checkpoints[-1] if checkpoints else 0)
    if child.returncode == 0:
        break
mt.run([*FLAGS, "--threads", "2", "--save_dir", work / "run"])
if kills == 0:
    mt.fail("no run was killed")
if timeless(work / "run") != timeless(work / "whole"):
    mt.fail(f"seed {seed}: other losses after the kills at {steps}")
for name in ("model.safetensors", "optimizer.safetensors"):
    if (work / "run" / f"model_{STEPS}" / name).read_bytes() != (work / "whole" / f"model_{STEPS}" / name).read_bytes():
        mt.fail(f"seed {seed}: another {name} after the kills at {steps}")
print(f"{kills} kills, newest checkpoints {steps}: the same bits (seed {seed})")

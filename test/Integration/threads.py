"""Training is bit-identical for 1, 2 and 3 threads: losses, gradient norms and weights. Without --threads a run takes
what the affinity and SLURM_CPUS_PER_TASK leave, and says so."""
import json
import os
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T, V, STEPS = 4, 32, 512, 8
config = mt.write_config(work / "config.json", hidden_size=64, intermediate_size=176, num_attention_heads=4,
                         num_key_value_heads=2, vocab_size=V, num_hidden_layers=3)
ids = mt.write_ids(work / "ids.bin", 40000, V)

for spec, extra in (("post_pre:1", ()), ("siamese", ("--chunk_rows", "20", "--chunk_threshold", "1"))):
    exe = mt.compile_model(config, work / "exe", spec, B, T, extra)
    program = mt.program_of(exe)
    split = sum(max(d["tasks"]) > 1 for e in program["entries"] for d in e["dispatches"] if e["name"] == "gradient")
    if split < 20:
        mt.fail(f"{spec}: only {split} dispatches of the step have several tasks")
    results = {}
    for threads in (1, 2, 3):
        run = work / f"{spec.split(':')[0]}-{threads}"
        # Two micro-batches an update: gradient and gradient_add.
        mt.run([exe, "train", "--data", ids, "--raw", "uint16", "--packing", "concat", "--num_training_steps", STEPS,
                "--warmup_steps", "2", "--lr", "5e-3", "--total_batch_size", 2 * B, "--threads", threads, "--save_dir",
                run])
        records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        numbers = [(r["step"], r["loss"], r["grad_norm"], r["lr"], r["tokens"]) for r in records if "loss" in r]
        if [n[0] for n in numbers] != list(range(1, STEPS + 1)):
            mt.fail(f"{spec}: metrics.jsonl has the steps {[n[0] for n in numbers]}")
        results[threads] = numbers, (run / f"model_{STEPS}" / "model.safetensors").read_bytes()
    for threads in (2, 3):
        if results[threads] != results[1]:
            mt.fail(f"{spec}: {threads} threads train to other bits than 1 thread")
    first, last = results[1][0][0][1], results[1][0][-1][1]
    if not last < first:
        mt.fail(f"{spec}: the loss went from {first} to {last}")
    print(f"{spec}: losses and weights of 1, 2 and 3 threads are the same bits ({split} dispatches with several tasks)")

affinity = os.sched_getaffinity(0)
for name, cpus, environment, expected in (
        ("slurm", affinity, {"SLURM_CPUS_PER_TASK": "1"}, f"1 thread (affinity {len(affinity)}, SLURM_CPUS_PER_TASK 1"),
        ("affinity", {min(affinity)}, {}, "1 thread (affinity 1")):
    said = mt.run([exe, "train", "--num_training_steps", "0", "--save_dir", work / name],
                  env={**os.environ, **environment}, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if expected not in said.stdout + said.stderr:
        mt.fail(f"{name}: expected '{expected}' in\n{said.stdout}{said.stderr}")
print("threads follow the affinity and SLURM_CPUS_PER_TASK")

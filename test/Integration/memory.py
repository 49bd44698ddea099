"""Memory is known before the run: info, drawings, --fit, --memory_limit, --batch_size auto."""
import json
import math
import os
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
T, V = 32, 500
config = mt.write_config(work / "config.json", hidden_size=64, intermediate_size=176, num_attention_heads=4,
                         vocab_size=V, num_hidden_layers=4)
CHUNKS = ["--chunk_rows", "64", "--chunk_threshold", "1"]


def info(exe):
    return json.loads(mt.run([exe, "info", "--json"]).stdout)


# What info says adds up to what the dispatches touch.
exe = mt.compile_model(config, work / "exe", "pre", 8, T, CHUNKS)
about = info(exe)
memory, program = about["memory"], mt.program_of(exe)
reach = {e["name"]: max((o[0] + o[1] for d in e["dispatches"] for o in d["operands"]), default=0)
         for e in program["entries"]}
step = max(size for name, size in reach.items() if name not in ("logits", "prefill", "decode", "decode_weights", "gradient.measured"))
if about["arena_bytes"] != step or memory["step_bytes"] != step:
    mt.fail(f"info has arena_bytes {about['arena_bytes']}, the dispatches reach {step}")
parameters = sum(math.prod(t["shape"]) * 4 for t in program["tensors"] if t["role"] == "parameter")
for entry in ("gradient", "gradient_add"):
    peak = memory[entry]
    kinds = ["parameters", "gradients", "moments", "other_variables", "packed_weights", "activations", "recomputed",
             "temporaries", "workspace"]
    if peak["parameters"] != parameters or peak["moments"] != 2 * parameters:
        mt.fail(f"{entry}: {peak}")
    if sum(peak[kind] for kind in kinds) != peak["held_bytes"] or not peak["held_bytes"] <= peak["reach_bytes"]:
        mt.fail(f"{entry}: the parts do not add up: {peak}")
    if not peak["activations"] > 0 or not peak["packed_weights"] > 0:
        mt.fail(f"{entry}: no activations or packed weights: {peak}")
if memory["gradient_add"]["gradients"] != parameters or not memory["gradient"]["gradients"] < parameters:
    mt.fail("gradient overwrites the gradients, gradient_add holds them all the time")
text = mt.run([exe, "info"]).stdout
for word in ("activations", "packed_weights", "moments", "scratch a worker"):
    if word not in text:
        mt.fail(f"info does not name {word}")
print("info: the parts add up", flush=True)

# A drawing has a box for every dispatch's results, and a legend.
svg = work / "memory.svg"
mt.run(["mixlnc", config, "--norm", "pre", "--batch_size", 8, "--seq_len", T, *CHUNKS, "--draw-memory", svg])
root = xml.parse(svg).getroot()
titles = [t.text for t in root.iter("{http://www.w3.org/2000/svg}title")]
kinds = {re.search(r" \((\w+)\): ", title)[1] for title in titles}
if not {"parameters", "gradients", "moments", "activations", "packed_weights", "temporaries"} <= kinds:
    mt.fail(f"the drawing has only {kinds}")
if not any(title.startswith("layers.2.mlp.down_proj") for title in titles):
    mt.fail("the drawing's boxes do not name their sites")
print(f"a drawing of {len(titles)} boxes", flush=True)

# --fit agrees with what is compiled: the largest fits, one more does not.
limit = about["arena_bytes"]
table = mt.run(["mixlnc", config, "--norm", "pre", "--seq_len", T, *CHUNKS, "--fit", limit]).stdout
largest = [int(n) for n in re.search(r"largest\s+(\d+)\s+(\d+)\s+(\d+)", table).groups()]
if largest[0] != 8 or not largest[0] < largest[1] <= largest[2]:
    mt.fail(f"--fit {limit}: {table}")
# Its title has the types that the placement sets.
table = mt.run(["mixlnc", config, "--norm", "deepnorm@mixln-repo", "--seq_len", T, *CHUNKS, "--fit", "1KiB"],
               status=2).stdout
if f"T {T}, bf16_pure, limit" not in table:
    mt.fail(f"--fit of deepnorm@mixln-repo: {table}")
for extra, batch_size in (([], largest[0]), (["--activation_checkpointing"], largest[1]),
                          ([f"--memory_limit={limit}"], largest[2])):
    fits = mt.compile_model(config, work / "fits", "pre", batch_size, T, [*CHUNKS, *extra])
    if info(fits)["arena_bytes"] > limit:
        mt.fail(f"--batch_size {batch_size} {extra} needs {info(fits)['arena_bytes']} of {limit}")
    if "--memory_limit" not in "".join(extra):
        larger = mt.compile_model(config, work / "larger", "pre", batch_size + 1, T, [*CHUNKS, *extra])
        if info(larger)["arena_bytes"] <= limit:
            mt.fail(f"--batch_size {batch_size + 1} {extra} fits too")
said = mt.run(["mixlnc", config, "--norm", "pre", "--batch_size", largest[2] + 1, "--seq_len", T, *CHUNKS,
               "--memory-limit", limit, "-o", work / "refused"], status=2).stderr
if f"largest micro-batch that fits is {largest[2]}" not in said or "at least" not in said or \
        (work / "refused").exists():
    mt.fail(f"--memory_limit {limit}: {said}")
said = mt.run(["mixlnc", config, "--norm", "pre", "--batch_size", "2", "--seq_len", T, *CHUNKS, "--memory_limit",
               "10KiB", "-o", work / "refused"], status=2).stderr
if "no micro-batch fits, one sequence needs" not in said:
    mt.fail(f"--memory_limit 10KiB: {said}")
for bad in ("0", "-1GiB", "2XiB", "GiB", "nan", "1e400", ""):
    said = mt.run(["mixlnc", config, "--batch_size", "2", f"--memory_limit={bad}", "-o", work / "refused"],
                  status=2).stderr
    if f"--memory_limit is '{bad}', expected a size" not in said:
        mt.fail(f"--memory_limit={bad}: {said}")
mt.run(["mixlnc", config, "--batch_size", "2", "--activation_checkpointing=maybe", "-o", work / "refused"], status=2)
print(f"--fit: {largest}; a limit holds or names what fits", flush=True)

# --batch_size auto: the most that fits and divides the batch; the same results up to rounding.
environment = dict(os.environ, MIXLN_CACHE_DIR=str(work / "cache"))
(work / "cache").mkdir(mode=0o700, exist_ok=True)
ids = mt.write_ids(work / "ids.bin", 20000, V)


def train(name, *flags):
    run = work / name
    done = mt.run(["mixln-train", "--model_config", config, "--norm", "pre", "--seq_len", T, *CHUNKS, "--data", ids,
                   "--raw", "uint16", "--packing", "concat", "--num_training_steps", "6", "--warmup_steps", "1",
                   "--lr", "5e-3", "--total_batch_size", "12", "--save_dir", run, *flags], env=environment)
    return mt.losses(run), json.loads((run / "run.json").read_text()), done.stderr


losses, record, said = train("auto", "--batch_size", "auto", "--memory_limit", limit)
if "--batch_size auto: 6 of 12" not in said or record["program"]["batch_size"] != 6 or \
        record["program"]["memory_limit"] != limit:
    mt.fail(f"--batch_size auto: {said} {record}")
others, record, _ = train("two", "--batch_size", "2", "--activation-checkpointing")
if record["program"]["activation_checkpointing"] is not True:
    mt.fail(f"run.json: {record['program']}")
error = mt.relative(losses, others)
if len(losses) != 6 or not error <= 1e-5:
    mt.fail(f"--batch_size auto: losses differ by {error}: {losses} {others}")
_, record, said = train("machine", "--batch-size=auto")
if record["program"]["batch_size"] != 12:
    mt.fail(f"--batch_size auto on this machine: {said}")
mt.run(["mixln-train", "--model_config", config, "--batch_size", "auto", "--save_dir", work / "none"], status=2)
mt.run(["mixlnc", config, "--batch_size", "auto", "-o", work / "refused"], status=2)
print(f"--batch_size auto: 6 of 12, losses within {error:.1e}", flush=True)

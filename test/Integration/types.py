"""Training in fp32, bf16 and bf16_pure: close losses, checkpoints of the right types, runs that resume bit for bit."""
import json
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
# Odd widths: the last pair of a bf16 product is half there.
B, T, V, STEPS = 4, 16, 211, 24
config = mt.write_config(work / "config.json", hidden_size=36, intermediate_size=55, num_attention_heads=6,
                         num_key_value_heads=3, vocab_size=V, num_hidden_layers=3)
ids = mt.write_ids(work / "ids.bin", 40000, V)
DATA = ["--data", ids, "--raw", "uint16", "--packing", "concat"]


def header(path):
    data = pathlib.Path(path).read_bytes()
    tensors = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    return {name: info["dtype"] for name, info in tensors.items() if name != "__metadata__"}


def train(exe, run, *extra):
    mt.run([exe, "train", *DATA, "--num_training_steps", STEPS, "--warmup_steps", 4, "--lr", "4e-3", "--total_batch_size",
            2 * B, "--save_dir", work / run, *extra])
    return mt.losses(work / run)


def evaluate(exe, weights):
    done = mt.run([exe, "eval", "--weights", weights, *DATA, "--eval_tokens", 2000])
    return json.loads(done.stdout)["eval_loss"]


losses, exes, arena = {}, {}, {}
for dtype in ("fp32", "bf16", "bf16_pure"):
    exe = exes[dtype] = mt.compile_model(config, work / f"exe-{dtype}", "post_pre:1", B, T, ["--dtype", dtype])
    info = json.loads(mt.run([exe, "info", "--json"]).stdout)
    if info["dtype"] != dtype or ("bf16" in info["products"]) != (dtype != "fp32"):
        mt.fail(f"{dtype}: info says {info['dtype']}, {info['products']}")
    # With a limit no packed weights are kept, which outweigh the activations of so small a model.
    lean = mt.compile_model(config, work / f"lean-{dtype}", "post_pre:1", B, T,
                            ["--dtype", dtype, "--memory_limit", "1GiB"])
    arena[dtype] = json.loads(mt.run([lean, "info", "--json"]).stdout)["arena_bytes"]
    losses[dtype] = train(exe, dtype)
    checkpoint = work / dtype / f"model_{STEPS}"
    expected = "BF16" if dtype == "bf16_pure" else "F32"
    for name in ("model", "optimizer"):
        found = set(header(checkpoint / f"{name}.safetensors").values())
        if found != {expected}:
            mt.fail(f"{dtype}: {name}.safetensors holds {found}, expected {expected}")
    saved = json.loads((checkpoint / "config.json").read_text())
    if saved.get("torch_dtype", "float32") != ("bfloat16" if dtype == "bf16_pure" else "float32"):
        mt.fail(f"{dtype}: config.json says {saved['torch_dtype']}")
    # One thread, interrupted half way: the same bits.
    mt.run([exe, "train", *DATA, "--num_training_steps", STEPS, "--warmup_steps", 4, "--lr", "4e-3", "--total_batch_size",
            2 * B, "--save_dir", work / f"{dtype}-again", "--save_every", STEPS // 2, "--threads", 1])
    mt.run(["rm", "-r", work / f"{dtype}-again" / f"model_{STEPS}"])
    again = train(exe, f"{dtype}-again", "--resume", "--threads", 3)
    same = [(work / run / f"model_{STEPS}" / "model.safetensors").read_bytes() for run in (dtype, f"{dtype}-again")]
    if again != losses[dtype] or same[0] != same[1]:
        mt.fail(f"{dtype}: the resumed run has other losses or weights")
    mt.run([exe, "layers", "--weights", checkpoint, *DATA, "--out", work / "layers.json"])

wide = losses["fp32"]
if not wide[-1] < 0.8 * wide[0]:
    mt.fail(f"the loss went from {wide[0]} to {wide[-1]}")
for dtype, limit in (("bf16", 5e-3), ("bf16_pure", 5e-2)):
    if losses[dtype] == wide:
        mt.fail(f"{dtype} has the losses of fp32")
    worst = max(abs(a / b - 1) for a, b in zip(losses[dtype], wide))
    if not worst <= limit:
        mt.fail(f"{dtype}: losses differ from fp32's by {worst:.1e}, limit {limit}")
    if not arena[dtype] < arena["fp32"]:
        mt.fail(f"{dtype}: needs {arena[dtype]} bytes, fp32 {arena['fp32']}")
# Weights of each type in the executable of each other.
for weights in exes:
    found = [evaluate(exe, work / weights / f"model_{STEPS}") for exe in exes.values()]
    if not max(found) <= 1.005 * min(found):
        mt.fail(f"weights of {weights} have the losses {found}")
# A run goes on in the other type with masters.
mt.run([exes["bf16"], "train", *DATA, "--num_training_steps", STEPS + 2, "--lr", "4e-3", "--total_batch_size", 2 * B,
        "--continue_from", work / "fp32" / f"model_{STEPS}", "--save_dir", work / "continued"])
print(f"3 types, {STEPS} updates: close losses, resumed bit for bit, weights of each read by each")

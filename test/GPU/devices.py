"""Executables for GPUs without a GPU."""
import json
import math
import os
import pathlib
import random
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
ON_EMULATOR = ["--device", "emulator"]


def close(a, b, limit, what):
    size = math.sqrt(math.fsum(x * x for x in a))
    error = math.sqrt(math.fsum((x - y) ** 2 for x, y in zip(a, b)))
    if not error <= limit * max(size, 1e-12):
        mt.fail(f"{what}: {error:.3e} apart, of {size:.3e}")


def compile_for(config, name, *extra, **sizes):
    return mt.compile_model(config, work / name, extra=extra, **sizes)


# What is missing.
config = mt.write_config(work / "tiny.json")
plain = compile_for(config, "plain", "--target", "cuda")
gpu = compile_for(config, "gpu", "--target", "cuda", "--emulator")
cpu = compile_for(config, "cpu")
nowhere = {**os.environ, "MIXLN_LIBCUDA": "/nowhere/libcuda.so.1"}
bin_file = work / "rows.bin"
random.seed(3)
bin_file.write_bytes(b"".join(random.randrange(2, 40).to_bytes(2, "little") for _ in range(8 * 64)))
DATA = ["--data", bin_file, "--raw", "uint16", "--packing", "concat", "--total_batch_size", 4, "--lr", "1e-3",
        "--warmup_steps", 1]
run_flags = ["train", *DATA, "--num_training_steps", 2, "--save_every", 0]
done = mt.run([gpu, *run_flags, "--save_dir", work / "none"], status=2, env=nowhere)
if "--device cuda: no NVIDIA driver: " not in done.stderr or "/nowhere/libcuda.so.1" not in done.stderr:
    mt.fail(done.stderr)
print("no driver: status 2")
done = mt.run([plain, *run_flags, *ON_EMULATOR, "--save_dir", work / "none"], status=2)
if "this executable was compiled without --emulator" not in done.stderr:
    mt.fail(done.stderr)
print("no emulator: status 2")

# The driver alone: one that only moves memory, and no cublasLt.
generated = compile_for(config, "generated", "--target", "cuda", "--gpu_matmul", "generated")
driver = {**os.environ, "MIXLN_LIBCUDA": str(pathlib.Path(sys.argv[2]) / "lib/libmixln_fake_cuda.so"),
          "MIXLN_LIBCUBLASLT": "/nowhere/libcublasLt.so"}
mt.run([generated, *run_flags, "--device", "cuda", "--save_dir", work / "generated-run"], env=driver)
done = mt.run([plain, *run_flags, "--device", "cuda", "--save_dir", work / "none"], status=2, env=driver)
if "no cublasLt" not in done.stderr:
    mt.fail(done.stderr)
print("generated products need the driver alone")

# Layers are measured there too, attention on both of its paths: heads of 16 in fp32 and bf16.
wide = mt.write_config(work / "wide.json", hidden_size=32, num_attention_heads=2, num_key_value_heads=1)
measured = {}
for dtype in ("fp32", "bf16"):
    for name, more in [("cpu", []), ("gpu", ["--target", "cuda", "--emulator"])]:
        exe = compile_for(wide, f"wide-{name}-{dtype}", "--dtype", dtype, *more)
        folder = work / f"wide-run-{name}-{dtype}"
        mt.run([exe, *run_flags, "--log_layers_every", "1", "--save_dir", folder, *(ON_EMULATOR if more else [])])
        measured[name] = [json.loads(line) for line in (folder / "layers.jsonl").read_text().splitlines()]
    if len(measured["cpu"]) != 2:
        mt.fail(f"{len(measured['cpu'])} measurements")
    for on_cpu, on_gpu in zip(measured["cpu"], measured["gpu"]):
        for name in ("attention_max", "attention_entropy", "stream_rms"):
            close(on_cpu[name], on_gpu[name], 1e-4 if dtype == "fp32" else 2e-2, f"{dtype} {name}")
print("layers measured as on the CPU")

# One update of LLaMA-9M.
sizes = {"batch_size": 1, "seq_len": 64, "norm": "post_pre:2"}
large = mt.ROOT / "configs/llama_9m.json"
exes = [compile_for(large, "9m-cpu", **sizes), compile_for(large, "9m-gpu", "--target", "cuda", "--emulator", **sizes)]
rows = work / "9m.bin"
rows.write_bytes(b"".join(random.randrange(2, 32000).to_bytes(2, "little") for _ in range(65 * 4)))
nine = ["--data", rows, "--raw", "uint16", "--packing", "concat"]
mt.run([exes[0], "train", *nine, "--num_training_steps", 0, "--save_dir", work / "9m"])
mt.run([exes[0], "batches", *nine, "--no_shuffle", "--out", work / "9m.batch"])
found = []
for exe, more in [(exes[0], []), (exes[1], [*ON_EMULATOR, "--emulator_seed", random.randrange(1000)])]:
    mt.run([exe, "replay", "--weights", work / "9m/model_0", "--batch", work / "9m.batch", "--out", work / "out", *more])
    found.append(mt.read_safetensors(work / "out"))
for name, value in found[0].items():
    close(value[1], found[1][name][1], 1e-4, name)
print(f"9M on the emulator: {len(found[0])} tensors as on the CPU")

# Two updates on one device and two on the other end where four on one do.
ends = {}
for first, second in [("cpu", "cpu"), ("cpu", "gpu"), ("gpu", "cpu")]:
    folder = work / f"{first}-{second}"
    for steps, device in [(2, first), (4, second)]:
        mt.run([work / device, "train", *DATA, "--scheduler", "constant", "--num_training_steps", steps, "--save_every",
                2, "--resume", "--save_dir", folder, *(ON_EMULATOR if device == "gpu" else [])])
    ends[first, second] = [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()
                           if "loss" in json.loads(line)]
for pair, losses in ends.items():
    if len(losses) != 4:
        mt.fail(f"{pair}: {len(losses)} losses")
    close(ends["cpu", "cpu"], losses, 1e-4, f"losses of {pair}")
print("checkpoints moved both ways")

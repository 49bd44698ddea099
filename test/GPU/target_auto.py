"""What `--target auto` and the default of --gpu_arch follow: the first GPU that the driver shows."""
import json
import os
import pathlib
import re
import sys

import mixlntest as mt

work, fake = pathlib.Path(sys.argv[1]), sys.argv[2]
work.mkdir(parents=True, exist_ok=True)
config = mt.write_config(work / "config.json")
# compute capability (None: no driver), flags, what is compiled for
CASES = [
    ("90", ["--target", "auto"], ("cuda", "sm_90a")),
    ("80", ["--target", "auto"], ("cuda", "sm_80")),
    ("89", ["--target", "auto"], ("cuda", "sm_89")),
    # Newer than the compiler knows: the latest code that is not bound to one generation.
    ("120", ["--target", "auto"], ("cuda", "sm_90")),
    # Older than it makes code for.
    ("75", ["--target", "auto"], ("cpu", "")),
    (None, ["--target", "auto"], ("cpu", "")),
    ("90", [], ("cpu", "")),
    ("90", ["--target", "cuda"], ("cuda", "sm_90a")),
    (None, ["--target", "cuda"], ("cuda", "sm_80")),
    ("90", ["--target", "auto", "--gpu_arch", "sm_80"], ("cuda", "sm_80")),
]
for capability, flags, expected in CASES:
    env = {**os.environ, "MIXLN_LIBCUDA": fake if capability else "/nowhere/libcuda.so.1",
           "MIXLN_LIBCUBLASLT": fake, "FAKE_CUDA_CAPABILITY": capability or ""}
    mt.run(["mixlnc", config, "--batch_size", 2, "--seq_len", 8, *flags, "-o", work / "exe"], env=env)
    program = mt.program_of(work / "exe")
    if (program["target"], program["gpu_arch"]) != expected:
        mt.fail(f"{flags} on {capability}: {program['target']} {program['gpu_arch']}, expected {expected}")
print(f"{len(CASES)} machines: the code that they run")

# --batch_size auto plans with the GPU's kernels and the GPU's memory.
gpu = {**os.environ, "MIXLN_LIBCUDA": fake, "MIXLN_LIBCUBLASLT": fake, "FAKE_CUDA_FREE": str(260 << 20)}
said = mt.run(["mixln-train", "--model_config", config, "--norm_type", "pre", "--data", "none.bin", "--save_dir",
               work / "auto", "--batch_size", "auto", "--total_batch_size", 4096, "--max_length", 8, "--target", "cuda",
               "--compile_only"], env=gpu)
found = re.search(r"auto: (\d+) of 4096 sequences at a time; up to (\d+) fit into 4.00 MiB \(free on the GPU 260.00 MiB",
                  said.stderr)
if not found or not 1 <= int(found[1]) < 4096:
    mt.fail(f"{said.stderr}")
table = mt.run(["mixlnc", config, "--norm", "pre", "--seq_len", 8, "--target", "cuda", "--fit", "4MiB"], env=gpu).stdout
planned = re.search(rf"^ *{found[2]} +(\d+\.\d+) MiB", table, re.M)
mt.run(["mixlnc", config, "--norm", "pre", "--batch_size", found[2], "--seq_len", 8, "--target", "cuda", "-o",
        work / "exe"], env=gpu)
bytes_needed = json.loads(mt.run([work / "exe", "info", "--json"]).stdout)["memory"]["step_bytes"]
if not planned or f"{bytes_needed / (1 << 20):.2f}" != planned[1]:
    mt.fail(f"{bytes_needed} bytes, planned were {table}")
print("batch size: as the GPU has memory")

# The recipe's command, shortened; the flag changes nothing where there is no GPU.
ids = mt.write_ids(work / "ids.bin", 4000, 40)
losses = {}
for name, flags in {"without": [], "with": ["--target", "auto"]}.items():
    env = {**os.environ, "MIXLN_LIBCUDA": "/nowhere/libcuda.so.1"}
    mt.run(["mixln-train", "--model_config", config, "--norm_type", "post_pre", "--post_num", 1, "--data", ids, "--raw",
            "uint16", "--packing", "concat", "--save_dir", work / name, "--lr", "1e-3", "--batch_size", 2,
            "--max_length", 8, "--total_batch_size", 4, "--num_training_steps", 3, "--warmup_steps", 1, *flags], env=env)
    losses[name] = mt.losses(work / name)
if losses["with"] != losses["without"] or len(losses["with"]) != 3:
    mt.fail(f"{losses}")
print("recipe: the same losses")

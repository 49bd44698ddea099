"""What `--target auto` and the default of --gpu_arch follow: the first GPU that the driver shows."""
import os
import pathlib
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

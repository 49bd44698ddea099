"""An executable in a root folder that holds the C library and nothing else."""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import mixlntest as mt

root = pathlib.Path(sys.argv[1])
root.mkdir(parents=True, exist_ok=True)
config = mt.write_config(root.parent / "config.json")
exe = mt.compile_model(config, root / "exe", "post_pre:1", 2, 8)
mt.write_ids(root / "ids.bin", 4096, 40)
# The loader stands under its absolute name, the libraries where the loader looks.
loaded = subprocess.run(["ldd", str(exe)], capture_output=True, text=True).stdout
libraries = re.findall(r"(/\S+)", loaded)
for library in libraries:
    target = root / library.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(library, target)
names = sorted(pathlib.Path(library).name for library in libraries)
if not all(re.match(r"(ld-linux|libc\.|libm\.)", name) for name in names):
    mt.fail(f"it loads {names}")


def inside(*arguments, status=0):
    return mt.run(["chroot", root, "/exe", *arguments], status=status)


info = json.loads(inside("info", "--json").stdout)
inside("train", "--data", "/ids.bin", "--raw", "uint16", "--packing", "concat", "--steps", "2", "--warmup_steps", "0",
       "--save_dir", "/run", "--eval_data", "/ids.bin", "--eval_tokens", "100", "--eval_packing", "concat")
if len(mt.losses(root / "run")) != 2 or not (root / "run/model_2/model.safetensors").exists():
    mt.fail("no two steps")
inside("train", "--data", "/ids.bin", "--raw", "uint16", "--packing", "concat", "--steps", "3", "--warmup_steps", "0",
       "--save_dir", "/run", "--resume")
inside("layers", "--weights", "/run/model_3", "--data", "/ids.bin", "--raw", "uint16", "--packing", "concat")
print(f"{', '.join(names)}: {info['norm']} trains")

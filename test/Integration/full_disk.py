"""A disk that fills up and a folder that turns read-only lose nothing that was whole, and say so."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import mixlntest as mt

# Mounts end with this process: it has a mount namespace of its own.
if "MIXLN_OWN_MOUNTS" not in __import__("os").environ:
    done = subprocess.run(["unshare", "-m", "env", "MIXLN_OWN_MOUNTS=1", sys.executable, *sys.argv])
    sys.exit(done.returncode)

work = pathlib.Path(sys.argv[1])
disk = work / "disk"
disk.mkdir(parents=True)
config = mt.write_config(work / "config.json", hidden_size=32, intermediate_size=64)
exe = mt.compile_model(config, work / "exe", "pre", 2, 8)
ids = mt.write_ids(work / "ids.bin", 40000, 40)
FLAGS = ["train", "--data", ids, "--raw", "uint16", "--packing", "concat", "--steps", "60", "--warmup_steps", "0",
         "--save_every", "10", "--threads", "1"]


def mount(*options):
    mt.run(["mount", *options])


def timeless(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"], line["grad_norm"]) for line in lines]


def whole(run, step):
    return (run / f"model_{step}" / "model.safetensors").read_bytes()


def fails(status, *words, more=()):
    done = mt.run([exe, *FLAGS, "--save_dir", disk / "run", *more], status=status)
    for word in words:
        if word not in done.stderr:
            mt.fail(f"no '{word}' in\n{done.stderr}")
    return done.stderr


def checkpoints():
    names = sorted(p.name for p in (disk / "run").iterdir() if p.name.startswith("model_"))
    for name in names:
        if not re.fullmatch(r"model_\d+", name):
            mt.fail(f"left {name}")
    return {int(name[6:]) for name in names}


mt.run([exe, *FLAGS, "--save_dir", work / "reference"])
saved = sum(p.stat().st_size for p in (work / "reference/model_10").iterdir())
tools = (work / "reference/exe").stat().st_size

# 1 MiB is less than the executable's copy: it fails at once and names the file.
mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", disk)
fails(1, "cannot write", "run/exe", "no space left", "no checkpoint is whole")
left = [p.name for p in (disk / "run").iterdir() if ".tmp" in p.name or p.name.startswith("model_")]
if left:
    mt.fail(f"left {left}")
subprocess.run(["umount", str(disk)], check=True)
print("1 MiB: refused")

# Room for three checkpoints and a half.
room = tools + 3 * saved + saved // 2 + 200_000
mount("-t", "tmpfs", "-o", f"size={room}", "tmpfs", disk)
said = fails(1, "no space left", "the last whole checkpoint is", "--resume continues from it")
kept = checkpoints()
last = int(re.search(r"last whole checkpoint is \S*model_(\d+)", said)[1])
if last != max(kept) or not 1 <= len(kept) <= 3:
    mt.fail(f"kept {kept}, named {last}")
for step in kept:
    if whole(disk / "run", step) != whole(work / "reference", step):
        mt.fail(f"model_{step} is not whole")
# Full still: again nothing is lost.
fails(1, "no space left", more=["--resume"])
if not kept <= checkpoints():
    mt.fail(f"lost {kept - checkpoints()}")
# Room again: as if nothing had happened.
mount("-o", f"remount,size={room + 8 * saved}", disk)
mt.run([exe, *FLAGS, "--save_dir", disk / "run", "--resume"])
if timeless(disk / "run") != timeless(work / "reference") or whole(disk / "run", 60) != whole(work / "reference", 60):
    mt.fail("the resumed run has other bits")
print("a disk that fills up: nothing whole is lost, the resumed run has the same bits")

# Read-only from the beginning, and between two runs.
before = {p: p.stat().st_mtime_ns for p in disk.rglob("*")}
mount("-o", "remount,ro", disk)
fails(2, "cannot write", "read-only file system", more=["--resume", "--steps", "70"])
done = mt.run([exe, *FLAGS, "--save_dir", disk / "new"], status=2)
if "read-only file system" not in done.stderr or str(disk / "new") not in done.stderr:
    mt.fail(done.stderr)
if before != {p: p.stat().st_mtime_ns for p in disk.rglob("*")}:
    mt.fail("something changed")
# While a run is under way: files that are open can still be written, a checkpoint cannot.
mount("-o", "remount,rw", disk)
shutil.rmtree(disk / "run")
bind = work / "bind"
bind.mkdir()
(disk / "run").mkdir()
mount("--bind", disk / "run", bind)
child = subprocess.Popen([str(w) for w in [exe, *FLAGS[:7], "--steps", "100M", "--save_every", "300", "--keep_last",
                                           "2", "--warmup_steps", "0", "--threads", "1", "--save_dir", bind]],
                         stderr=subprocess.PIPE, text=True)
for _ in range(3000):
    if list(bind.glob("model_*[0-9]")):
        break
    time.sleep(0.01)
for _ in range(500):
    done = subprocess.run(["mount", "-o", "remount,bind,ro", str(bind)], capture_output=True)
    if done.returncode == 0:
        break
    time.sleep(0.01)
if done.returncode == 0:
    said = child.communicate(timeout=60)[1]
    if child.returncode != 1 or "cannot" not in said or "the last whole checkpoint is" not in said:
        mt.fail(f"status {child.returncode}: {said}")
else:
    # A mount with files open for writing stays writable: the run goes on.
    child.terminate()
    if child.wait(timeout=60) != 75:
        mt.fail(f"status {child.returncode}")
print("a read-only folder: refused, nothing changed")

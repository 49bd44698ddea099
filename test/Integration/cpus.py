"""An executable for another CPU: its kernels use what that CPU has, and one that lacks it says so and exits with 2."""
import pathlib
import re
import subprocess
import sys

import mixlntest as mt

work, mode = pathlib.Path(sys.argv[1]), sys.argv[2]
work.mkdir(parents=True, exist_ok=True)
config = mt.write_config(work / "config.json")
RUN = ["train", "--num_training_steps", "0", "--threads", "1"]


def registers(exe):
    """The widest vector registers that its kernels name."""
    listing = subprocess.run(["llvm-objdump", "-d", "--no-show-raw-insn", exe], capture_output=True, text=True).stdout
    kernels, inside = [], False
    for line in listing.splitlines():
        if header := re.match(r"[0-9a-f]+ <(.*)>:", line):
            inside = header[1].startswith(("rows.", "matmul.", "attention"))
        elif inside:
            kernels.append(line)
    return {r for r in ("xmm", "ymm", "zmm") if any(f"%{r}" in line for line in kernels)}


def features(exe):
    return {f.lstrip("+") for f in mt.program_of(exe)["cpu_features"] if not f.startswith("-")}


if mode == "lacking":
    # No machine has everything of these lines of CPUs at once.
    for cpu, lacks in (("diamondrapids", "avx10.2"), ("graniterapids", "avx512fp16"), ("znver4", "sse4a"), ("bdver4", "fma4")):
        exe = mt.compile_model(config, work / cpu, "pre", 1, 8, ["--mcpu", cpu])
        if lacks not in features(exe):
            mt.fail(f"{cpu}: does not say that it needs {lacks}")
        flags = next((l for l in open("/proc/cpuinfo") if l.startswith("flags")), "").split()
        if lacks.replace("512fp", "512_fp").replace("10.", "10_") in flags:
            continue
        done = mt.run([exe, *RUN, "--save_dir", work / "run"], status=2)
        if f"compiled for {cpu}" not in done.stderr or lacks not in done.stderr or "--mcpu" not in done.stderr:
            mt.fail(f"{cpu}: {done.stderr}")
        if (work / "run").exists():
            mt.fail(f"{cpu}: wrote {work / 'run'}")
        mt.run([exe, "info"])  # what does not run a kernel still works
        print(f"refused: {done.stderr.strip()}")
        break
    else:
        print("refused: SKIPPED, this CPU has everything")
else:
    exe = mt.compile_model(config, work / mode, "post_pre:1", 2, 8, ["--mcpu", mode])
    used = registers(exe)
    mt.run([exe, *RUN, "--save_dir", work / f"run-{mode}"])
    print(f"{mode}: runs, registers {' '.join(sorted(used))}, needs avx512f: {'avx512f' in features(exe)}")

#!/usr/bin/env python3
"""Replays packed golden cases and holds them against the expected numbers (a part of gpu.sh).

    gpu_golden.py DIR [--device cuda]       DIR made by `gpu.sh pack`
    gpu_golden.py --shape CASE              rows and length of a case's batch
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "test/Golden"):
    sys.path.insert(0, str(folder))
import run_golden  # noqa: E402


def main():
    if sys.argv[1] == "--shape":
        print(*run_golden.read_safetensors(pathlib.Path(sys.argv[2]) / "batch.safetensors")["input_ids"][0])
        return 0
    packed = pathlib.Path(sys.argv[1])
    device = sys.argv[3] if len(sys.argv) > 3 else "cuda"
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        for exe in sorted((packed / "exe").glob("golden-*")):
            name, dtype = exe.name.removeprefix("golden-").rsplit("-", 1)
            case = packed / "golden" / name
            about = json.loads((case / "case.json").read_text())
            out = pathlib.Path(work) / "out.safetensors"
            done = subprocess.run(
                [exe, "replay", "--device", device, "--weights", case, "--batch", case / "batch.safetensors", "--steps",
                 str(about["N"]), "--lr", str(about["lr"]), "--grad_clipping", str(about["clip"]), "--z_loss",
                 str(about.get("z_loss", 0)), "--logits", "--out", out], capture_output=True, text=True)
            if done.returncode != 0:
                print(f"FAIL {exe.name}: exit status {done.returncode}: {done.stderr.strip()}")
                failed += 1
                continue
            comparison = run_golden.Comparison(case, out, dtype)
            comparison.run()
            print(f"{exe.name}: {comparison.compared} compared, {comparison.failed} failed", flush=True)
            failed += comparison.failed
    print(f"golden: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

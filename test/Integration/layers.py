#!/usr/bin/env python3
"""Measures the layers of a golden case and holds them against the independent model's gradients.

    layers.py CASE_DIR WORK_DIR

CASE_DIR is a case as run_golden.py reads it. Gradient norms agree to 1e-4, like every gradient of the case. Prints
"layers agree" or what differs.
"""
import json
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Golden"))
from run_golden import read_safetensors  # noqa: E402


def main():
    case, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    (rows, length), _ = read_safetensors(case / "batch.safetensors")["input_ids"]
    expected = read_safetensors(case / "expected.safetensors")
    for batch in (rows, 1):
        subprocess.run(["mixlnc", case / "config.json", "--batch_size", str(batch), "--seq_len", str(length), "-o",
                        work / "exe"], check=True)
        subprocess.run([work / "exe", "layers", "--weights", case, "--batch", case / "batch.safetensors", "--out",
                        work / "layers.json"], check=True, stdout=subprocess.DEVNULL)
        found = json.loads((work / "layers.json").read_text())
        for name, values, reference, limit in (
                ("loss", [found["loss"]], expected["loss"][1][:1], 1e-5),
                ("gradient_norm", found["gradient_norm"], expected["layer_grad_norm"][1], 1e-4)):
            error = math.dist(values, reference) / math.hypot(*reference)
            if not (len(values) == len(reference) and error <= limit):
                sys.exit(f"FAIL {name} at batch size {batch}: error {error:.3e}, limit {limit:.0e}")
        streams = found["stream_rms"]
        if len(streams) != len(found["gradient_norm"]) + 1 or not all(value > 0 for value in streams):
            sys.exit(f"FAIL stream_rms: {streams}")
    print("layers agree")


if __name__ == "__main__":
    main()

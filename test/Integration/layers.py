#!/usr/bin/env python3
"""Measures the layers of a golden case and holds them against the independent model's gradients.

    layers.py CASE_DIR WORK_DIR
    layers.py --all CASES_DIR WORK_DIR

CASE_DIR is a case as run_golden.py reads it; with --all every case of a folder is measured once, at its own batch size,
without removing layers. Gradient norms agree to 1e-4, like every gradient of the case; angles to
1e-4 of a half turn. The loss without a layer is that of the checkpoint that `remove-layer` writes, compiled by itself:
its placements are those of the trained model, so both run the same kernels on the same numbers (1e-6). Prints "layers
agree" or what differs.
"""
import json
import math
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Golden"))
from run_golden import read_safetensors  # noqa: E402


def loss_without(work, case, layer, batch, length):
    shorter = work / f"without-{layer}-{batch}"
    subprocess.run([work / "exe", "remove-layer", "--weights", case, "--layer", str(layer), "--out", shorter], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["mixlnc", shorter / "config.json", "--batch_size", str(batch), "--seq_len", str(length), "-o",
                    work / "shorter"], check=True)
    subprocess.run([work / "shorter", "replay", "--weights", shorter, "--batch", case / "batch.safetensors", "--steps", "1",
                    "--out", work / "shorter.safetensors"], check=True)
    return read_safetensors(work / "shorter.safetensors")["loss"][1][0]


def close(name, found, expected):
    if isinstance(expected, dict):
        return all(close(name, found[key], values) for key, values in expected.items())
    # Relative to the largest, so that a value near zero has no say.
    error = max(abs(a - b) for a, b in zip(found, expected)) / max(map(abs, expected))
    if len(found) != len(expected) or not error <= 1e-4:
        sys.exit(f"FAIL {name}: {found}, expected {expected}")
    return True


def check_measurements(found, case):
    expected = json.loads((pathlib.Path(__file__).resolve().parent.parent / "Trust" / "recorded-layers.json").read_text())[case.name]
    for name, values in expected.items():
        close(name, found[name], values)
    print(f"{len(expected)} measurements agree with the independent model")


def measure(case, work, expected, batch, length):
    """What `layers` says, held against what the case expects."""
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
            sys.exit(f"FAIL {case.name}: {name} at batch size {batch}: error {error:.3e}, limit {limit:.0e}")
    angles, reference = found["angular_distance"], expected["angular_distance"][1]
    if [len(line) for line in angles] != list(range(len(reference), 0, -1)):
        sys.exit(f"FAIL {case.name}: angular_distance has lines of {[len(line) for line in angles]} values")
    error = max(abs(a - b) for a, b in zip(angles[0], reference))
    if not error <= 1e-4:
        sys.exit(f"FAIL {case.name}: angular_distance at batch size {batch}: error {error:.3e}")
    return found


def read_case(case):
    (rows, length), _ = read_safetensors(case / "batch.safetensors")["input_ids"]
    return read_safetensors(case / "expected.safetensors"), rows, length


def measure_all(cases, work):
    work.mkdir(parents=True, exist_ok=True)
    folders = sorted(path.parent for path in cases.glob("*/expected.safetensors"))
    for case in folders:
        measure(case, work, *read_case(case))
    print(f"{len(folders)} cases agree")


def main():
    if sys.argv[1] == "--all":
        return measure_all(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    case, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    expected, rows, length = read_case(case)
    for batch in (rows, 1):
        found = measure(case, work, expected, batch, length)
        if batch == rows:
            check_measurements(found, case)
        for layer in (0, len(found["gradient_norm"]) - 1):
            drop = loss_without(work, case, layer, batch, length) - found["loss"]
            if not abs(drop - found["performance_drop"][layer]) <= 1e-6:
                sys.exit(f"FAIL without layer {layer} the loss grows by {drop}, layers says {found['performance_drop']}")
        streams = found["stream_rms"]
        if len(streams) != len(found["gradient_norm"]) + 1 or not all(value > 0 for value in streams):
            sys.exit(f"FAIL stream_rms: {streams}")
    print("layers agree")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compiles golden cases and holds a replay against the expected numbers.

    run_golden.py CASES_DIR [--case NAME ...] [--batch_size 0|B ...] [--mcpu NAME] [--dtype TYPE]

CASES_DIR holds one folder a case: config.json, model.safetensors, batch.safetensors, expected.safetensors, case.json.
Each case is compiled by mixlnc at its own batch size (0) and at the others given (accumulated), replayed, and compared
by relative L2 norm. The limits are those of single-precision sums over a few hundred terms (1e-4 of a gradient's norm)
carried through a few updates of Adam (1e-2 of a parameter's own change), or with --dtype bf16 those of activations with
eight bits; a NaN never passes.

Prints a line a failing tensor and last "N tensors compared, M failed". Exit status 1 if any failed.
"""
import argparse
import array
import json
import math
import pathlib
import subprocess
import sys
import tempfile

# Relative limits by name; `gradient` and `parameter` have their own rules below. A gradient may be off by a floor too,
# relative to the global norm; a higher one where a tensor of few elements sums terms of both signs over all tokens.
LIMITS = {
    "fp32": {"loss": 1e-5, "grad_norm": 1e-4, "logits": 1e-4, "layer_grad_norm": 1e-4, "gradient": 1e-4,
             "parameter": 1e-2, "floor": 0.0, "small_floor": 1e-6},
    "bf16": {"loss": 1e-2, "grad_norm": 5e-2, "logits": 5e-2, "layer_grad_norm": 5e-2, "gradient": 5e-2,
             "parameter": 5e-1, "floor": 1e-4, "small_floor": 3e-4},
}
SMALL = 8
# A gradient this far below the global norm is rounding noise, of which Adam makes steps of size lr.
VANISHING = 1e-5


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    tensors = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        values = array.array({"F32": "f", "I32": "i", "F64": "d"}[info["dtype"]])
        values.frombytes(data[8 + size + begin:8 + size + end])
        tensors[name] = (info["shape"], values)
    return tensors


def norm(values):
    return math.sqrt(math.fsum(v * v for v in values))


def distance(a, b):
    return math.sqrt(math.fsum((x - y) * (x - y) for x, y in zip(a, b)))


class Comparison:
    def __init__(self, case, out, dtype):
        self.narrow = dtype == "bf16"
        self.limits = LIMITS[dtype]
        self.case = json.loads((case / "case.json").read_text())
        self.expected = read_safetensors(case / "expected.safetensors")
        self.initial = read_safetensors(case / "model.safetensors")
        self.out = read_safetensors(out)
        self.global_norm = self.expected["grad_norm"][1][0]
        self.compared = self.failed = 0

    def report(self, name, error, limit):
        self.compared += 1
        if not error <= limit:
            self.failed += 1
            print(f"FAIL {self.case['name']} {name}: error {error:.3e}, limit {limit:.3e}")

    def fault(self, name, what):
        self.compared += 1
        self.failed += 1
        print(f"FAIL {self.case['name']} {name}: {what}")

    def compare(self, name):
        (shape, ref), (found_shape, found) = self.expected[name], self.out[name]
        if shape != found_shape:
            return self.fault(name, f"shape {found_shape} when it must be {shape}")
        if name == "loss":
            error = max(abs(x - y) / abs(y) if math.isfinite(x) else math.nan for x, y in zip(found, ref))
            return self.report(name, error, self.limits[name])
        if name in self.limits:
            return self.report(name, distance(found, ref) / norm(ref), self.limits[name])
        if name.startswith("grad."):
            size = max(norm(ref), 1e-300)
            floor = self.limits["small_floor" if len(ref) <= SMALL else "floor"] * self.global_norm
            return self.report(name, distance(found, ref) / size, self.limits["gradient"] + floor / size)
        start = self.initial[name[len("param."):]][1]
        gradient = self.expected["grad." + name[len("param."):]][1]
        # In bf16 the sign of a sum of few terms may be noise too.
        if norm(gradient) < VANISHING * self.global_norm or (self.narrow and len(ref) <= SMALL):
            moved = max(abs(x - y) if math.isfinite(x) else math.nan for x, y in zip(found, start))
            return self.report(name, moved, 1.01 * self.case["N"] * self.case["lr"] + 1e-6)
        return self.report(name, distance(found, ref) / distance(ref, start), self.limits["parameter"])

    def run(self):
        for name in sorted(self.expected):
            if name == "angular_distance":
                continue
            if name not in self.out:
                self.fault(name, "missing")
            else:
                self.compare(name)
        for name in sorted(set(self.out) - set(self.expected)):
            self.fault(name, "extra")


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAIL: {' '.join(map(str, command))}\nexit status {done.returncode}\n{done.stdout}{done.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--case", action="append")
    parser.add_argument("--batch_size", type=int, action="append")
    parser.add_argument("--mcpu", default="native")
    parser.add_argument("--dtype", choices=sorted(LIMITS), default="fp32")
    parser.add_argument("--compile", action="append", default=[], help="a further argument for mixlnc")
    parser.add_argument("--replay", action="append", default=[], help="a further argument for replay")
    args = parser.parse_args()
    cases = sorted(p.parent for p in args.cases.glob("*/case.json"))
    if args.case:
        cases = [c for c in cases if c.name in args.case]
    if not cases:
        sys.exit(f"FAIL: no case in {args.cases}")
    compared = failed = 0
    with tempfile.TemporaryDirectory() as work:
        for case in cases:
            (rows, length), _ = read_safetensors(case / "batch.safetensors")["input_ids"]
            about = json.loads((case / "case.json").read_text())
            for batch in args.batch_size or [0]:
                exe, out = f"{work}/exe", f"{work}/out.safetensors"
                run(["mixlnc", case / "config.json", "--batch_size", str(batch or rows), "--seq_len", str(length),
                     "--mcpu", args.mcpu, "--dtype", args.dtype, "-o", exe, *args.compile])
                run([exe, "replay", "--weights", case, "--batch", case / "batch.safetensors", "--steps",
                     str(about["N"]), "--lr", str(about["lr"]), "--grad_clipping", str(about["clip"]), "--z_loss",
                     str(about.get("z_loss", 0)), "--logits", "--out", out, *args.replay])
                comparison = Comparison(case, out, args.dtype)
                comparison.run()
                print(f"{about['name']} at batch size {batch or rows}: {comparison.compared} compared, "
                      f"{comparison.failed} failed", flush=True)
                compared += comparison.compared
                failed += comparison.failed
    print(f"{compared} tensors compared, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

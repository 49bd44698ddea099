"""FLOPs and bytes of dispatches against the model's sizes."""
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T, H, F, L, V = 2, 8, 16, 24, 2, 40
R = B * T
exe = mt.compile_model(mt.write_config(work / "config.json"), work / "exe", batch_size=B, seq_len=T)
program = mt.program_of(exe)
entries = {entry["name"]: entry["dispatches"] for entry in program["entries"]}
kernels = [kernel["name"] for kernel in program["kernels"]]


def total(what, prefix, entry="gradient"):
    return sum(d[what] for d in entries[entry] if kernels[d["kernel"]].startswith(prefix))


def expect(what, found, expected):
    if found != expected:
        mt.fail(f"{what}: {found}, expected {expected}")


weights = L * (4 * H * H + 3 * H * F) + V * H
# The head's gradient is summed over chunks of rows, and adding costs an operation an element.
chunks = sum(1 for d in entries["gradient"] if d["site"].startswith("head") and
             kernels[d["kernel"]].startswith("matmul.tn"))
expect("matmul", total("flops", "matmul"), 6 * R * weights + (chunks - 1) * V * H)
# A product over all keys is 2*R*T*H; the mask leaves half of it. Two forward, five backward.
expect("attention", total("flops", "attention"), 7 * L * R * T * H)
# q, k, v in, the context and a number a head and row out; both tables.
expect("attention's bytes", total("bytes", "attention.attention"),
       L * 4 * (4 * R * H + R * 2 + 2 * T * (H // 2 // 2)))

first = next(d for d in entries["gradient"] if d["site"] == "layers.0.attention.read")
expect("bytes of a norm", first["bytes"], 4 * (2 * R * H + H))

# Operands and results of a dispatch are all that it moves, but for its workspace and the rows of a table it looks up.
rows = 0
for entry in entries.values():
    for d in entry:
        if not kernels[d["kernel"]].startswith("rows."):
            continue
        rows += 1
        moved = sum(size for _, size, access in d["operands"] if access != 3)
        if not d["bytes"] <= moved <= d["bytes"] + 64 * len(d["operands"]):
            mt.fail(f"{d['site']}: counts {d['bytes']} bytes, its operands have {moved}")

# Without tied weights, a step is 6 operations a weight and the attention's twelve half products.
expect("flops_per_token", program["flops_per_token"], 6 * (weights + (2 * L + 1) * H) + 12 * L * H * T / 2)
print(f"6 matmuls a weight, 7 products of attention, bytes of {rows} row programs")

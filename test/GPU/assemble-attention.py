#!/usr/bin/env python3
"""Assembles attention on tensor cores for heads of every size that it takes.

    assemble-attention.py WORK_DIR

Writes planned kernels, compiles them with mixlnc for sm_80 and sm_90a and reads what ptxas says. Prints each kernel that
spills or has a stack frame, and last "N kernels assembled, M faults". Exit status 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

KERNELS = """
mixln.kernel @forward{d} {{
^bb0(%q: {q}, %k: {k}, %v: {k}, %c: {c}, %s: {c}):
  %r:2 = mixln.attention %q, %k, %v, %c, %s {{heads = 2 : i64}} : {q}, {k}, {k}, {c}, {c} -> {q}, {l}
}}
mixln.kernel @measured{d} {{
^bb0(%q: {q}, %k: {k}, %v: {k}, %c: {c}, %s: {c}):
  %r:4 = mixln.attention %q, %k, %v, %c, %s {{heads = 2 : i64}} : {q}, {k}, {k}, {c}, {c} -> {q}, {l}, {l}, {l}
}}
mixln.kernel @backward{d} {{
^bb0(%q: {q}, %k: {k}, %v: {k}, %c: {c}, %s: {c}, %o: {q}, %l: {l}, %g: {q}):
  %r:3 = mixln.attention_grad %q, %k, %v, %c, %s, %o, %l, %g {{heads = 2 : i64}}
    : {q}, {k}, {k}, {c}, {c}, {q}, {l}, {q} -> {q}, {k}, {k}
}}
"""
ROWS = 1000  # no multiple of a tile


def main():
    work = pathlib.Path(sys.argv[1])
    text = ("module attributes {mixln.arena_bytes = 64 : i64, mixln.scratch_bytes = 0 : i64, "
            "mixln.shared_offset = 64 : i64, mixln.step_bytes = 64 : i64} {\n")
    for d in range(16, 129, 16):
        text += KERNELS.format(d=d, q=f"tensor<{ROWS}x{2 * d}xbf16>", k=f"tensor<{ROWS}x{d}xbf16>",
                               c=f"tensor<{ROWS}x{d // 2}xf32>", l=f"tensor<{ROWS}x2xf32>")
    count = faults = 0
    for arch in ("sm_80", "sm_90a"):
        out = work / arch
        out.mkdir(parents=True, exist_ok=True)
        (work / "kernels.mlir").write_text(text + "}\n")
        subprocess.run(["mixlnc", work / "kernels.mlir", "--compile_from", "lower", "--target", "cuda", "--gpu_arch", arch,
                        "--dump_phases_to", out, "-o", out / "exe"], check=True)
        pattern = r"Function properties for (\S+)\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes"
        for name, *numbers in re.findall(pattern, (out / "09-emit.ptxas.txt").read_text()):
            count += 1
            if numbers != ["0", "0", "0"]:
                faults += 1
                print(f"FAIL {arch} {name}: {numbers[0]} bytes of stack, {numbers[1]} and {numbers[2]} bytes spilled")
    print(f"{count} kernels assembled, {faults} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Compiles models for GPUs and reads what the assembler says of every kernel.

    assemble.py WORK_DIR --config FILE --norm SPEC[,SPEC...]|all --arch sm_80[,sm_90a] --dtype fp32[,bf16] [--batch_size B] [--seq_len T] [--gpu_matmul HOW]

Each model is compiled by mixlnc, forward, backward and optimizer, and assembled by ptxas. Faults: a kernel that spills or
has a stack frame, a call of a function that PTX does not hold (__nv_*), a kernel of rows whose rows are multiples of 16
bytes without 16-byte accesses or with shorter vectors beside them. Prints each fault and last
"N kernels assembled, M faults". Exit status 1 if there is one.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Row programs with more parameters than this may spill: several programs in one, whose addresses alone take 60 of the
# 255 registers, and whose results all wait for the last load, because one may lie over an operand.
MOST_PARAMETERS = 28


def check_report(text, ptx):
    """(kernels, faults) of what ptxas -v printed."""
    parameters = {m[1]: m[2].count(".param") for m in re.finditer(r"\.entry (\S+?)\((.*?)\n\)", ptx, re.S)}
    kernels, faults = [], []
    pattern = (r"Function properties for (\S+)\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores, "
               r"(\d+) bytes spill loads")
    for match in re.finditer(pattern, text):
        kernels.append(match[1])
        if any(match[i] != "0" for i in (2, 3, 4)) and parameters[match[1]] <= MOST_PARAMETERS:
            faults.append(f"{match[1]}: {match[2]} bytes of stack, {match[3]} and {match[4]} bytes spilled")
    return kernels, faults


def check_ptx(text):
    faults = []
    if "__nv_" in text:
        faults.append("calls " + re.search(r"__nv_\w+", text)[0])
    for match in re.finditer(r"\.entry (\S+?)\(.*?\n\{(.*?)\n\}", text, re.S):
        name, body = match[1], match[2]
        accesses = re.findall(r"(?:ld|st)\.global(?:\.nc)?(?:\.relaxed)?\.(\S+)", body)
        if re.search(r"\b(ld|st)\.local", body):
            faults.append(f"{name}: arrays in local memory")
        width = re.match(r"rows\$\S*?\$(\d+)(\$\d+)?$", name)
        if not width or int(width[1]) % 8 != 0:
            continue
        if not any(a.startswith("v4.") for a in accesses):
            faults.append(f"{name}: no access of 16 bytes")
        if any(a.startswith("v2.") for a in accesses):
            faults.append(f"{name}: an access of less than 16 bytes")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--config", required=True)
    parser.add_argument("--norm", required=True)
    parser.add_argument("--arch", default="sm_80")
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--batch_size", default="2")
    parser.add_argument("--seq_len", default="64")
    parser.add_argument("--gpu_matmul", default="library")
    args = parser.parse_args()
    norms = args.norm.split(",")
    if norms == ["all"]:
        texts = {p.stem: p.read_text() for p in sorted((ROOT / "configs/norms").glob("*.json"))}
        norms = [name + ":3" * bool(re.search(r"\bK\b", text)) for name, text in texts.items() if '"select"' not in text]
    args.work.mkdir(parents=True, exist_ok=True)
    count = wrong = 0
    for norm in norms:
        for arch in args.arch.split(","):
            for dtype in args.dtype.split(","):
                phases = args.work / f"{norm}-{arch}-{dtype}".replace(":", "_")
                done = subprocess.run(
                    ["mixlnc", ROOT / "configs" / args.config, "--norm", norm, "--batch_size", args.batch_size,
                     "--seq_len", args.seq_len, "--dtype", dtype, "--target", "cuda", "--gpu_arch", arch,
                     "--gpu_matmul", args.gpu_matmul, "--dump_phases_to", phases, "-o", args.work / "exe"], capture_output=True, text=True)
                if done.returncode != 0:
                    wrong += 1
                    print(f"FAIL {norm} {arch} {dtype}: {done.stderr}", flush=True)
                    continue
                ptx = (phases / "09-emit.ptx").read_text()
                kernels, faults = check_report((phases / "09-emit.ptxas.txt").read_text(), ptx)
                faults += check_ptx(ptx)
                count += len(kernels)
                wrong += len(faults) + (not kernels)
                for fault in faults:
                    print(f"FAIL {norm} {arch} {dtype} {fault}", flush=True)
    print(f"{count} kernels assembled, {wrong} faults")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())

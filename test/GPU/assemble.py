#!/usr/bin/env python3
"""Compiles models for GPUs and reads what the assembler says of every kernel.

    assemble.py WORK_DIR --config FILE --norm SPEC[,SPEC...]|all --arch sm_80[,sm_90a] --dtype fp32[,bf16]
        [--batch_size B] [--seq_len T] [--gpu_matmul HOW] [--machine_code]

Each model is compiled by mixlnc, forward, backward and optimizer, and assembled by ptxas. Faults: a kernel that spills
or has a stack frame, a call of a function that PTX does not hold (__nv_*), a kernel of rows whose rows are multiples
of 16 bytes without 16-byte accesses or with shorter vectors beside them, a product of bf16 whose rows are not. With
--machine_code the same is read in the machine code of the cubin (by nvdisasm, MIXLN_NVDISASM): every kernel is there,
none touches local memory (LDL, STL), those of rows access memory by 128 bits and by single numbers only. Prints each
fault and last "N kernels assembled, M faults". Exit status 1 if there is one.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

import mixlntest as mt

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check_products(exe):
    """Faults of products that the library is slow on: rows that do not start at multiples of 16 bytes."""
    program = mt.program_of(exe)
    sizes = {"f32": 4, "bf16": 2}
    faults = []
    for entry in program["entries"]:
        for dispatch in entry["dispatches"]:
            product = program["kernels"][dispatch["kernel"]].get("matmul")
            if not product or product["b"] != "bf16":
                continue
            rows = zip("abd", dispatch["sizes"][3:])
            wrong = [f"{side} {leading}" for side, leading in rows if leading * sizes[product[side]] % 16 != 0]
            if wrong:
                faults.append(f"{entry['name']} {dispatch['site']}: leading dimensions {', '.join(wrong)}")
    return faults


def has_whole_chunks(name):
    """Whether it is a kernel of rows that are multiples of 16 bytes."""
    width = re.match(r"rows\$\S*?\$(\d+)(\$\d+)?$", name)
    return width is not None and int(width[1]) % 8 == 0


def check_report(text):
    """(kernels, faults) of what ptxas -v printed."""
    kernels, faults = [], []
    pattern = (r"Function properties for (\S+)\n\s*(\d+) bytes stack frame, (\d+) bytes spill stores, "
               r"(\d+) bytes spill loads")
    for match in re.finditer(pattern, text):
        kernels.append(match[1])
        if any(match[i] != "0" for i in (2, 3, 4)):
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
        if not has_whole_chunks(name):
            continue
        if not any(a.startswith("v4.") for a in accesses):
            faults.append(f"{name}: no access of 16 bytes")
        if any(a.startswith("v2.") for a in accesses):
            faults.append(f"{name}: an access of less than 16 bytes")
    return faults


def check_machine_code(cubin, kernels):
    """Faults of the instructions that nvdisasm prints."""
    text = subprocess.run([os.environ["MIXLN_NVDISASM"], "-c", cubin], capture_output=True, text=True, check=True).stdout
    bodies = dict(re.findall(r"^\.text\.(\S+):\n(.*?)(?=^\.text\.|\Z)", text, re.S | re.M))
    faults = [f"{name}: no machine code" for name in kernels if name not in bodies]
    for name, body in bodies.items():
        operations = re.findall(r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)", body, re.M)
        if not any(op == "EXIT" for op in operations):
            faults.append(f"{name}: no instructions")
        if any(op.split(".")[0] in ("LDL", "STL") for op in operations):
            faults.append(f"{name}: local memory")
        if not has_whole_chunks(name):
            continue
        accesses = [op for op in operations if op.split(".")[0] in ("LDG", "STG", "LD", "ST")]
        if not any(".128" in op for op in accesses):
            faults.append(f"{name}: no access of 128 bits")
        for op in sorted({op for op in accesses if ".64" in op}):
            faults.append(f"{name}: {op}, expected 128 bits or one number")
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
    parser.add_argument("--machine_code", action="store_true")
    args = parser.parse_args()
    norms = args.norm.split(",")
    if norms == ["all"]:
        texts = {p.stem: p.read_text() for p in sorted((ROOT / "configs/norms").glob("*.json"))}
        norms = [name + ":3" * bool(re.search(r"\bK\b", text)) for name, text in texts.items() if '"refused"' not in text]
    args.work.mkdir(parents=True, exist_ok=True)
    count = wrong = 0
    for norm in norms:
        for arch in args.arch.split(","):
            for dtype in args.dtype.split(","):
                phases = args.work / f"{norm}-{arch}-{dtype}".replace(":", "_")
                done = subprocess.run(
                    ["mixlnc", ROOT / "configs" / args.config, "--norm", norm, "--batch_size", args.batch_size,
                     "--seq_len", args.seq_len, "--dtype", dtype, "--target", "cuda", "--gpu_arch", arch,
                     "--gpu_matmul", args.gpu_matmul, "--dump_phases_to", phases, "-o", args.work / "exe"],
                    capture_output=True, text=True)
                if done.returncode != 0:
                    wrong += 1
                    print(f"FAIL {norm} {arch} {dtype}: {done.stderr}", flush=True)
                    continue
                ptx = (phases / "09-emit.ptx").read_text()
                kernels, faults = check_report((phases / "09-emit.ptxas.txt").read_text())
                faults += check_ptx(ptx) + check_products(args.work / "exe")
                if args.machine_code:
                    faults += check_machine_code(phases / "09-emit.cubin", kernels)
                count += len(kernels)
                wrong += len(faults) + (not kernels)
                for fault in faults:
                    print(f"FAIL {norm} {arch} {dtype} {fault}", flush=True)
    print(f"{count} kernels assembled, {wrong} faults")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())

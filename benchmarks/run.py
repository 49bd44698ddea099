#!/usr/bin/env python3
"""One training step of mixln and of its peers, alternately, on this machine.

    PYTHON benchmarks/run.py --peers PEERS --out benchmarks/results/NAME.json [--case NAME ...] [--quick]

Cases stand in cases.json. A round runs every system of a case once; the figure of each is the median of its rounds'
medians over steps, the first two steps of a run and those during which others used the CPU left out. mixln runs twice
in the first round: with an empty cache, for the time that compiling takes, and from the cache. Prints a table; --out
takes the JSON of every run (read by table.py) and, beside it, a picture. PYTHON has torch, transformers, jax and
matplotlib for what of them is wanted; PEERS (or MIXLN_PEERS) is the folder of the peers' trainers.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import systems
from summary import VECTORS, held_rate, label, print_case

HERE = pathlib.Path(__file__).resolve().parent


def machine():
    cpuinfo = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        cpuinfo.setdefault(key.strip(), value.strip())
    flags = cpuinfo.get("flags", "").split()
    with open("/proc/meminfo") as meminfo:
        memory = int(meminfo.readline().split()[1]) // 1024
    return {"machine": cpuinfo.get("model name", "unknown"),
            # Virtual machines of unlike CPUs may have one name.
            "vectors": next((name for flag, name in VECTORS.items() if flag in flags), "none"),
            "cores": os.cpu_count(), "memory_mib": memory, "system": platform.platform(),
            "libc": " ".join(platform.libc_ver()), "date": time.strftime("%Y-%m-%d %H:%M")}


def measure_ceilings(args, threads):
    """What the machine could do at most, in the same call; without the tool none."""
    tool = args.bin / "mixln-bench-ceilings"
    if not tool.exists():
        print(f"{tool} is not built: no shares of peak", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "ceilings.json"
        subprocess.run([tool, "--threads", ",".join(map(str, sorted(threads))), "--json", file], check=True,
                       stdout=subprocess.DEVNULL)
        return json.loads(file.read_text())["ceilings"]


def versions(python):
    """Of mixln's sources and of the peers' packages."""
    found = {}
    done = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    if done.returncode == 0:
        found["mixln"] = done.stdout.strip()
    code = ("import importlib.metadata as m\nfor p in ('torch', 'transformers', 'jax', 'jaxlib'):\n"
            " try: print(p, m.version(p))\n except m.PackageNotFoundError: pass")
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    found.update(line.split() for line in done.stdout.splitlines())
    return found


def run_beside_loop(case, system, args, cache):
    """One run of mixln, and what the loop that ceilings are measured with held just before and after."""
    flags, _ = systems.flags_of(case, system)

    def held():
        return [held_rate(one, flags["dtype"]) for one in measure_ceilings(args, {int(flags["threads"])})]

    before = held()
    record = systems.run(case, system, args, cache)
    rates = [rate for rate in before + held() if rate]
    return {**record, "held_flops": statistics.mean(rates)} if rates else record


def run_case(case, args, caches):
    runs = {}
    for turn in range(args.rounds):
        for system in ["mixln", *case["systems"]]:
            if args.only and not any(word in system for word in args.only):
                continue
            cache = caches / f"{case['name']} {system}".replace(" ", "-")
            try:
                cold, mine = {}, system.split()[0] == "mixln"
                if turn == 0 and mine:
                    first = systems.run(case, system, argparse.Namespace(**{**vars(args), "steps": 1}), cache)
                    cold = {"cold_first_step_done_s": first["first_step_done_s"],
                            "cold_to_first_step_s": first["to_first_step_s"]}
                run = run_beside_loop if mine else systems.run
                record = {**run(case, system, args, cache), **cold}
            except systems.Failed as error:
                record = {"error": str(error)}
            runs.setdefault(system, []).append(record)
            rate = record.get("tokens_per_s")
            print(f"  {case['name']} round {turn + 1} {label(system)}: " +
                  (f"{rate:.0f} tokens/s" if rate else record["error"]), file=sys.stderr, flush=True)
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = pathlib.Path(os.environ.get("MIXLN_SHARED", HERE.parent.parent / "shared"))
    parser.add_argument("--bin", type=pathlib.Path, default=HERE.parent / "build/release/bin")
    parser.add_argument("--peers", type=pathlib.Path, default=os.environ.get("MIXLN_PEERS", shared / "peers"))
    parser.add_argument("--python", default=sys.executable, help="runs the peers; default: this one")
    parser.add_argument("--data", default=shared / "data/c4/c4-sample.train.json.gz")
    parser.add_argument("--tokenizer", default=shared / "data/tokenizer/t5/spiece.model")
    parser.add_argument("--cases", type=pathlib.Path, default=HERE / "cases.json")
    parser.add_argument("--case", action="append", help="only this case; may be given several times")
    parser.add_argument("--only", action="append", help="only systems whose name holds this text")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--quick", action="store_true", help="one round of three steps")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.steps = 1, 3
    cases = json.loads(args.cases.read_text())
    if args.case:
        unknown = set(args.case) - {case["name"] for case in cases}
        if unknown:
            parser.error(f"no case {', '.join(sorted(unknown))}; --list shows them")
        cases = [case for case in cases if case["name"] in args.case]
    if args.list:
        for case in cases:
            print(case["name"], "|", ", ".join(["mixln", *case["systems"]]))
        return
    report = machine()
    report["ceilings"] = measure_ceilings(args, {case["threads"] for case in cases})
    report["versions"] = versions(args.python)
    report["settings"] = {"rounds": args.rounds, "steps": args.steps}
    report["cases"] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            report["cases"].append({"case": case, "runs": run_case(case, args, pathlib.Path(folder))})
            print_case(report, report["cases"][-1])
            if args.out:
                args.out.write_text(json.dumps(report, indent=1) + "\n")
    if args.out:
        subprocess.run([sys.executable, HERE / "plot.py", args.out])


if __name__ == "__main__":
    main()

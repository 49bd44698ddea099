#!/usr/bin/env python3
"""The tables of benchmark results in README.md and benchmarks/README.md, made from the result files.

    benchmarks/table.py            prints the table
    benchmarks/table.py --write    puts it between the markers of both files
    benchmarks/table.py --check    fails if it does not stand there already

A table for each machine, the fastest vectors first. Of a case that several files in benchmarks/results hold for one
machine, the newest counts.
"""
import json
import pathlib
import sys

from summary import VECTORS, best_peers, figures, label, number

HERE = pathlib.Path(__file__).resolve().parent
FILES = [HERE.parent / "README.md", HERE / "README.md"]


def newest_cases():
    """{(vectors, machine, cores): {name of a case: (report, entry)}}, cases in the order of cases.json."""
    reports = []
    for path in (HERE / "results").glob("*.json"):
        report = json.loads(path.read_text())
        if "cases" in report:
            reports.append((report["date"], path.name, report))
    found = {}
    for _, _, report in sorted(reports, key=lambda one: one[:2]):
        machine = found.setdefault((report["vectors"], report["machine"], report["cores"]), {})
        for entry in report["cases"]:
            if "mixln" in figures(report, entry) and "error" not in figures(report, entry)["mixln"]:
                machine[entry["case"]["name"]] = (report, entry)
    fastest = [*VECTORS.values(), "none"]
    order = [case["name"] for case in json.loads((HERE / "cases.json").read_text())]
    return {machine: {name: cases[name] for name in order if name in cases}
            for machine, cases in sorted(found.items(), key=lambda one: (fastest.index(one[0][0]), one[0]))}


def rows_of(report, entry):
    """A row for each type that peers computed in; for each of mixln's own systems where there is no peer."""
    case, found = entry["case"], figures(report, entry)
    mine = found["mixln"]
    name = f"{case['size'].upper()} {case['dtype']}, {case['norm']}, B {case['batch']}"
    if case["threads"] == 1:
        name += ", one thread"

    def row(name, me, peer, other):
        ratio = f"**{me['tokens_per_s'] / other['tokens_per_s']:.2f}**" if other else "-"
        memory = f"{me['peak_rss_mib'] / other['peak_rss_mib']:.2f}" if other else "-"
        return [name, number(me["tokens_per_s"]), number(me["ms_per_step"]),
                number(me["share_of_peak"], "{:.0f} %", 100), number(me["share_of_held"], "{:.0f} %", 100),
                number(me["peak_rss_mib"]),
                label(peer) if peer else "-", number(other["tokens_per_s"]) if other else "-", ratio, memory]

    best = best_peers(found)
    rows = [row(name, mine, peer, found[peer]) for peer in best.values()] or [row(name, mine, None, None)]
    for system, one in found.items():
        if system.startswith("mixln ") and "error" not in one:
            rows.append(row(name, one, None, None))
            rows[-1][0] = name.replace(f", {case['norm']},", f", {system.split('--norm ')[-1]},", 1) \
                if "--norm" in system else f"{name}, {label(system).removeprefix('mixln ')}"
    return rows


def make_table():
    lines = []
    for (vectors, machine, cores), cases in newest_cases().items():
        days = sorted({report["date"][:10] for report, _ in cases.values()})
        lines += [f"{machine}, {cores} cores, {vectors} ({', '.join(days)}):", "",
                  "| model, B x 256 tokens | tokens/s | ms a step | of peak | of held | MiB | best peer | its tokens/s | "
                  "ratio | memory |", "|---|---|---|---|---|---|---|---|---|---|"]
        for report, entry in cases.values():
            lines += ["| " + " | ".join(row) + " |" for row in rows_of(report, entry)]
        lines.append("")
    return "\n".join(lines[:-1])


def place(table, files, script, mode):
    """Prints `table`; with --write puts it between the markers of `files`, with --check fails if it is not there."""
    if mode not in ("--write", "--check"):
        print(table)
        return
    begin, end = f"<!-- benchmarks/{script}: begin -->", f"<!-- benchmarks/{script}: end -->"
    for path in files:
        text = path.read_text()
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            sys.exit(f"{path} has no markers {begin} ... {end}")
        made = f"{before}{begin}\n{table}\n{end}{after}"
        if mode == "--write":
            path.write_text(made)
        elif made != text:
            sys.exit(f"{path} differs from what the result files give; run benchmarks/{script} --write")


if __name__ == "__main__":
    place(make_table(), FILES, "table.py", sys.argv[1] if len(sys.argv) > 1 else "")

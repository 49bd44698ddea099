#!/usr/bin/env python3
"""The tables of docs/Evidence.md, made from benchmarks/results/evidence (what scripts/evidence.sh measured).

    benchmarks/evidence_table.py            prints them
    benchmarks/evidence_table.py --write    puts them between the markers of docs/Evidence.md
    benchmarks/evidence_table.py --check    fails if they do not stand there already
"""
import json
import pathlib
import statistics
import sys

from table import place

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results/evidence"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def losses_by_rate(runs):
    """A row for each placement: the loss on C4 and on books at each learning rate."""
    rates = sorted({float(run["flags"]["lr"]) for run in runs})
    rows = []
    for norm in dict.fromkeys(run["flags"]["norm"] for run in runs):
        row = [norm]
        for name in ("eval", "books"):
            found = {float(run["flags"]["lr"]): run["evaluations"][name]["loss"] for run in runs
                     if run["flags"]["norm"] == norm}
            best = min(found.values())
            row += [f"{found[rate]:.3f}" if found[rate] > best else f"**{found[rate]:.3f}**" for rate in rates]
        rows.append(row)
    return table(["placement", *(f"{text} {rate:g}" for text in ("C4", "books") for rate in rates)], rows)


def thirds(numbers, form="{:.3f}"):
    """Means of the first, the middle and the last third of the layers."""
    size = len(numbers) // 3
    return " / ".join(form.format(statistics.mean(numbers[i * size:(i + 1) * size])) for i in range(3))


def at_layers(records, key):
    """[L]: a measurement of each layer, averaged over the second half of the records."""
    half = records[len(records) // 2:]
    return [statistics.mean(layer) for layer in zip(*(record[key] for record in half))]


def seeds_tables():
    """(losses, layers): a row for each finished run of stage 2."""
    runs = [run for run in json.loads((RESULTS / "seeds/results.json").read_text())["runs"] if run["state"] == "done"]
    of_pre = {run["flags"]["seed"]: run for run in runs if run["flags"]["norm"] == "pre"}
    losses, layers = [], []
    for run in runs:
        flags, folder = run["flags"], RESULTS / "seeds" / run["name"]
        name = [flags["norm"], str(flags["seed"])]
        row = [*name, flags["lr"]]
        for text in ("eval", "books"):
            loss = run["evaluations"][text]["loss"]
            other = of_pre[flags["seed"]]["evaluations"][text]["loss"]
            row += [f"{loss:.4f}", f"{loss - other:+.4f}" if flags["norm"] != "pre" else "-"]
        losses.append(row)
        records = [json.loads(line) for line in (folder / "layers.jsonl").read_text().splitlines()]
        after = json.loads((folder / "layers.json").read_text())
        layers.append([*name, thirds(at_layers(records, "gradient_norm"), "{:.1e}"),
                       thirds(at_layers(records, "stream_rms")[1:], "{:.2f}"), thirds(after["angular_distance"][0]),
                       thirds(after["performance_drop"])])
    return (table(["placement", "seed", "rate", "C4", "to pre", "books", "to pre"], losses),
            table(["placement", "seed", "gradient norm", "stream RMS", "angle to the next layer", "loss without it"],
                  layers))


def make_tables():
    rates = json.loads((RESULTS / "rates/results.json").read_text())["runs"]
    parts = ["Stage 1, loss after 0.5M tokens (natural logarithm; the best rate in bold):", losses_by_rate(rates)]
    if (RESULTS / "seeds/results.json").exists():
        losses, layers = seeds_tables()
        parts += ["Stage 2, loss after 2M tokens:", losses,
                  "Stage 2, by layer: means of the first / middle / last eight layers; gradients and streams over the "
                  "second half of the\nupdates, angles and losses after the last:", layers]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    place(make_tables(), [HERE.parent / "docs/Evidence.md"], "evidence_table.py", sys.argv[1] if len(sys.argv) > 1 else "")

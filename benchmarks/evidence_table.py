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


def loss_of(run, text):
    """The loss on a text, or None: the run diverged, is not at its end, or is not there."""
    if run is None or run["state"] != "done":
        return None
    return run.get("evaluations", {}).get(text, {}).get("loss")


def shown(run, text, form="{:.3f}"):
    loss = loss_of(run, text)
    if loss is not None:
        return form.format(loss)
    return f"diverged at {run['step']:.0f}" if run and run["state"] == "diverged" else "-"


def losses_by_rate(runs):
    """A row for each placement: the loss on C4 and on books at each learning rate."""
    rates = sorted({float(run["flags"]["lr"]) for run in runs})
    rows = []
    for norm in dict.fromkeys(run["flags"]["norm"] for run in runs):
        row = [norm]
        for name in ("eval", "books"):
            found = {float(run["flags"]["lr"]): run for run in runs if run["flags"]["norm"] == norm}
            losses = [loss for run in found.values() if (loss := loss_of(run, name)) is not None]
            for rate in rates:
                run = found.get(rate)
                best = losses and loss_of(run, name) == min(losses)
                row.append(f"**{shown(run, name)}**" if best else shown(run, name))
        rows.append(row)
    return table(["placement", *(f"{text} {rate:g}" for text in ("C4", "books") for rate in rates)], rows)


def differences_table(results):
    """Mean differences over seeds with their intervals, or None where no placement has two seeds."""
    texts = {"eval": "C4", "books": "books"}
    found = {(one["placement"], one["measure"]): one for one in results["differences"]
             if one["each_at_its_best"] and one["seeds"] > 1 and one["measure"] in texts}
    rows = []
    # As the sweep calls them, in its order: post_pre:25%, which became post_pre:6.
    names = {run["placement"]: run["flags"]["norm"] for run in results["runs"] if "placement" in run}
    there = {placement for placement, _ in found}
    for placement in [one for one in names if one in there] + sorted(there - names.keys()):
        row = [names.get(placement, placement)]
        for measure in texts:
            one = found.get((placement, measure))
            row += [str(one["seeds"]), f"{one['mean']:+.4f}", "{:+.4f} to {:+.4f}".format(*one["t_interval_95"])] \
                if one else ["-", "-", "-"]
        rows.append(row)
    head = ["placement", *(f"{text} {what}".strip() for text in texts.values()
                           for what in ("seeds", "to pre", "95 % interval"))]
    return table(head, rows) if rows else None


def thirds(numbers, form="{:.3f}"):
    """Means of the first, the middle and the last third of the layers."""
    size = len(numbers) // 3
    return " / ".join(form.format(statistics.mean(numbers[i * size:(i + 1) * size])) for i in range(3))


def at_layers(records, key):
    """[L]: a measurement of each layer, averaged over the second half of the records."""
    half = records[len(records) // 2:]
    return [statistics.mean(layer) for layer in zip(*(record[key] for record in half))]


def seeds_tables(results):
    """(losses, layers): a row for each run of stage 2 that came to its end or diverged."""
    runs = [run for run in results["runs"] if run["state"] in ("done", "diverged")]
    of_pre = {run["flags"]["seed"]: run for run in runs if run["flags"]["norm"] == "pre"}
    losses, layers = [], []
    for run in runs:
        flags, folder = run["flags"], RESULTS / "seeds" / run["name"]
        name = [flags["norm"], str(flags["seed"])]
        row = [*name, flags["lr"]]
        for text in ("eval", "books"):
            loss, other = loss_of(run, text), loss_of(of_pre.get(flags["seed"]), text)
            compares = flags["norm"] != "pre" and loss is not None and other is not None
            row += [shown(run, text, "{:.4f}"), f"{loss - other:+.4f}" if compares else "-"]
        losses.append(row)
        if run["state"] == "diverged":
            continue
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
        results = json.loads((RESULTS / "seeds/results.json").read_text())
        losses, layers = seeds_tables(results)
        parts += ["Stage 2, loss after 2M tokens:", losses]
        if paired := differences_table(results):
            parts += ["Stage 2, mean differences to pre over pairs of one seed, with paired 95 % t intervals:", paired]
        parts += ["Stage 2, by layer: means of the first / middle / last eight layers; gradients and streams over the "
                  "second half of the\nupdates, angles and losses after the last:", layers]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    place(make_tables(), [HERE.parent / "docs/Evidence.md"], "evidence_table.py", sys.argv[1] if len(sys.argv) > 1 else "")

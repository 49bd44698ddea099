"""Tables of evidence that is not whole: runs that diverged, placements that are ahead of pre, one seed or two."""
import json
import pathlib
import sys

sys.path.insert(0, sys.argv[1])
import evidence_table

work = pathlib.Path(sys.argv[2])


def run(norm, seed, state, loss, rate="0.001"):
    evaluations = {} if loss is None else {text: {"loss": loss} for text in ("eval", "books")}
    folder = work / "seeds" / f"{norm}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "layers.jsonl").write_text(json.dumps({"gradient_norm": [1.0] * 3, "stream_rms": [1.0] * 4}) + "\n")
    (folder / "layers.json").write_text(json.dumps({"angular_distance": [[0.1] * 3], "performance_drop": [0.1] * 3}))
    one = {"name": folder.name, "flags": {"norm": norm, "seed": seed, "lr": rate}, "state": state, "step": 7.0}
    return one if loss is None and state == "not begun" else {**one, "evaluations": evaluations}


def difference(seeds, interval):
    return [{"measure": measure, "placement": "lns", "baseline": "pre", "each_at_its_best": best, "seeds": seeds,
             "mean": -0.5, "t_interval_95": interval} for measure in ("eval", "books") for best in (True, False)]


def tables(rates, seeds, differences):
    evidence_table.RESULTS = work
    for stage, runs in (("rates", rates), ("seeds", seeds)):
        (work / stage).mkdir(parents=True, exist_ok=True)
        (work / stage / "results.json").write_text(json.dumps({"runs": runs, "differences": differences}))
    return evidence_table.make_tables()


rates = [run("pre", 1, "done", 3.0), run("pre", 1, "diverged", None, "0.003"), run("post", 1, "diverged", None),
         run("post", 1, "not begun", None, "0.003")]
one = tables(rates, [run("lns", 2, "done", 2.5), run("post", 1, "diverged", None), run("pre", 1, "done", 3.0)],
             difference(1, [None, None]))
for row in ("| pre | **3.000** | diverged at 7 | **3.000** | diverged at 7 |", "| post | diverged at 7 | - |",
            "| lns | 2 | 0.001 | 2.5000 | - | 2.5000 | - |", "| post | 1 | 0.001 | diverged at 7 | - | diverged at 7 | - |"):
    assert row in one, one
assert "mean differences" not in one, one
two = tables(rates, [run("lns", 1, "done", 2.5), run("pre", 1, "done", 3.0)], difference(2, [-1.0, 0.0]))
assert "| lns | 2 | -0.5000 | -1.0000 to +0.0000 | 2 | -0.5000 | -1.0000 to +0.0000 |" in two, two
assert "| lns | 1 | 0.001 | 2.5000 | -0.5000 | 2.5000 | -0.5000 |" in two, two
print("evidence that is not whole: tables all the same")

#!/usr/bin/env python3
"""A picture of a result file: tokens a second of every system, a row of bars a case.

    benchmarks/plot.py RESULT.json      writes RESULT.svg; needs matplotlib
"""
import json
import pathlib
import sys

from summary import figures, is_peer, label


def main():
    try:
        import matplotlib
    except ImportError:
        print("no matplotlib: no picture", file=sys.stderr)
        return
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "mixln"
    import matplotlib.pyplot as plt

    path = pathlib.Path(sys.argv[1])
    report = json.loads(path.read_text())
    cases = [(entry, figures(report, entry)) for entry in report["cases"]]
    cases = [(entry, {s: f for s, f in found.items() if "error" not in f}) for entry, found in cases]
    cases = [(entry, found) for entry, found in cases if found]
    if not cases:
        return
    heights = [0.35 * len(found) + 0.7 for _, found in cases]
    figure, axes = plt.subplots(len(cases), 1, figsize=(8, sum(heights)), squeeze=False, layout="constrained",
                                gridspec_kw={"height_ratios": heights})
    for (entry, found), axis in zip(cases, axes[:, 0]):
        names = list(found)[::-1]
        rates = [found[name]["tokens_per_s"] for name in names]
        bars = axis.barh([label(name) for name in names], rates,
                         color=["#b8c4d0" if is_peer(name) else "#2f6fab" for name in names])
        shares = [found[name]["share_of_peak"] for name in names]
        axis.bar_label(bars, [f"{rate:.0f}" + (f" ({share:.0%} of peak)" if share else "")
                              for rate, share in zip(rates, shares)], padding=3, fontsize=8)
        case = entry["case"]
        axis.set_title(f"{case['size']} {case['dtype']}, {case['norm']}, B {case['batch']}, "
                       f"{case['threads']} thread{'s' if case['threads'] > 1 else ''}", fontsize=9, loc="left")
        axis.set_xlim(0, max(rates) * 1.3)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("tokens a second", fontsize=8)
    figure.suptitle(f"{report['machine']}, {report['cores']} cores, {report['vectors']}, {report['date'][:10]}",
                    fontsize=9)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()

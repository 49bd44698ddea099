#!/usr/bin/env python3
"""Makes results.json and a page of tables from the logs of `gpu.sh run DIR` (a part of gpu.sh).

    gpu_report.py DIR

Goals stand beside the numbers: row programs at 85 % of the copy, 1.2 times torch.compile, 40 % MFU on an H100 and 45 %
on an H200.
"""
import json
import pathlib
import statistics
import sys

PEAK = 989e12           # bf16 of H100 and H200, data sheet
FROM_ROW, TO_ROW = 512, 4096


def last_json(path):
    """The last line of a log that is JSON, or the whole of it."""
    if not path.exists():
        return {}
    text = path.read_text()
    for candidate in [text[text.find("{"):], *reversed(text.splitlines())]:
        try:
            found = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def step_of(folder):
    """The median over steps, without the first ones, in which graphs are captured."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return None
    steps = [line for line in map(json.loads, path.read_text().splitlines()) if "step_seconds" in line]
    if len(steps) < 8:
        return None
    kept = steps[5:]
    return {"tokens_per_second": statistics.median(s["tokens_per_second"] for s in kept),
            "step_seconds": statistics.median(s["step_seconds"] for s in kept),
            "first_loss": steps[0]["loss"], "last_loss": steps[-1]["loss"]}


def models(folder):
    found = []
    for run in sorted((folder / "runs").glob("*-*")):
        step = step_of(run)
        if not step:
            continue
        about = json.loads((run / "run.json").read_text()) if (run / "run.json").exists() else {}
        name, batch = run.name.split("-")
        kernels = last_json(folder / f"kernels-{run.name}.log")
        found.append({"model": name, "batch": int(batch), **step, "torch": last_json(folder / f"torch-{run.name}.log"),
                      "kernels": kernels.get("kernels", []), "updates": kernels.get("updates", 1),
                      "flops_per_token": about.get("program", {}).get("flops_per_token")})
    return found


def kernel_rows(model, ceilings):
    for kernel in model["kernels"]:
        seconds = kernel.get("seconds") or 0
        if seconds <= 0:
            continue
        yield (kernel["name"], seconds / model["updates"] * 1e3,
               kernel["bytes"] / seconds / ceilings["copy_bytes"] if ceilings else None,
               kernel["flops"] / seconds / ceilings["bf16_flops"] if ceilings else None)


def share(value):
    return "-" if value is None else f"{100 * value:.0f} %"


def main():
    folder = pathlib.Path(sys.argv[1])
    ceilings = last_json(folder / "ceilings.log")
    golden = (folder / "golden.log").read_text().splitlines() if (folder / "golden.log").exists() else []
    failures = (folder / "failures").read_text().splitlines() if (folder / "failures").exists() else []
    results = {"gpu": (folder / "gpu.log").read_text().strip(), "ceilings": ceilings, "golden": golden,
               "models": models(folder), "recipe": step_of(folder / "runs/recipe"), "failures": failures}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")

    print(f"GPU: {results['gpu']}\n")
    if ceilings:
        print(f"copy {ceilings['copy_bytes'] / 1e12:.2f} TB/s, bf16 product {ceilings['bf16_flops'] / 1e12:.0f} TFLOP/s"
              f" (torch {ceilings['torch']})\n")
    print(f"golden: {golden[-1] if golden else 'did not run'}\n")
    print("| model | B | tokens/s | ms a step | MFU | torch.compile tokens/s | ratio (goal 1.2) |")
    print("|---|---|---|---|---|---|---|")
    for model in results["models"]:
        peer = model["torch"].get("tokens_per_second")
        flops = model["flops_per_token"]
        mfu = model["tokens_per_second"] * flops / PEAK if flops else None
        print(f"| {model['model']} | {model['batch']} | {model['tokens_per_second']:.0f} | "
              f"{model['step_seconds'] * 1e3:.1f} | {share(mfu)} | {f'{peer:.0f}' if peer else '-'} | "
              f"{model['tokens_per_second'] / peer if peer else float('nan'):.2f} |")
    for model in results["models"]:
        print(f"\n{model['model']}, B {model['batch']}:\n")
        print("| kernel | ms a step | of the copy (goal 85 % for rows) | of the product |")
        print("|---|---|---|---|")
        for name, milliseconds, bandwidth, rate in kernel_rows(model, ceilings):
            print(f"| {name} | {milliseconds:.3f} | {share(bandwidth)} | {share(rate)} |")
    for failure in failures:
        print(f"\nFAILED: {failure}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains one model with each placement in each type, on the same batches, and compares the losses.

    benchmarks/compare_types.py --bin build/release/bin --data train.bin --work DIR [--out FILE.json]

DATA is tokenized (mixln-data tokenize --packing concat) for the config's vocabulary. Each run is TYPE-NORM in DIR; runs
that are already complete there are not repeated, so the runs may also be started side by side by hand. Written: the mean
loss of the last --last updates of each run, the relative difference of each type from the first one, and the difference
of each placement from the first one, in nats, in each type.
"""
import argparse
import json
import pathlib
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bin", type=pathlib.Path, required=True)
parser.add_argument("--data", type=pathlib.Path, required=True)
parser.add_argument("--work", type=pathlib.Path, required=True)
parser.add_argument("--config", type=pathlib.Path,
                    default=pathlib.Path(__file__).resolve().parents[1] / "configs" / "thin_deep.json")
parser.add_argument("--norms", nargs="+", default=["pre", "post_pre:6"])
parser.add_argument("--dtypes", nargs="+", default=["fp32", "bf16"])
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--last", type=int, default=100)
parser.add_argument("--batch_size", type=int, default=8)
parser.add_argument("--seq_len", type=int, default=256)
parser.add_argument("--lr", type=float, default=2e-3)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--perturbed", action="store_true",
                    help="also train in the first type with the learning rate a millionth larger: how much the loss "
                         "depends on rounding alone, whatever the type")
parser.add_argument("--out", type=pathlib.Path)
args = parser.parse_args()


def losses(run):
    metrics = run / "metrics.jsonl"
    if not metrics.exists():
        return []
    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    return [r["loss"] for r in records if "loss" in r]


def train(label, norm):
    dtype, _, perturbed = label.partition(" ")
    placement = norm.replace(":", "-")
    run, exe = args.work / f"run-{label.replace(' ', '-')}-{placement}", args.work / f"exe-{dtype}-{placement}"
    lr = args.lr * (1 + 1e-6 * bool(perturbed))
    if len(losses(run)) < args.steps:
        subprocess.run([args.bin / "mixlnc", args.config, "--norm", norm, "--dtype", dtype, "--batch_size",
                        str(args.batch_size), "--seq_len", str(args.seq_len), "-o", exe], check=True)
        subprocess.run([exe, "train", "--data", args.data, "--packing", "concat", "--total_batch_size",
                        str(args.batch_size), "--num_training_steps", str(args.steps), "--warmup_steps",
                        str(args.steps // 10), "--lr", str(lr), "--seed", str(args.seed), "--threads",
                        str(args.threads), "--save_dir", run, "--resume"], check=True)
    found = losses(run)
    if len(found) != args.steps:
        sys.exit(f"{run} has {len(found)} updates, expected {args.steps}")
    return found


args.work.mkdir(parents=True, exist_ok=True)
labels = args.dtypes + [f"{args.dtypes[0]} perturbed"] * args.perturbed
runs = {(label, norm): train(label, norm) for label in labels for norm in args.norms}
mean = {key: sum(run[-args.last:]) / args.last for key, run in runs.items()}
result = {
    "config": args.config.name, "batch_size": args.batch_size, "seq_len": args.seq_len, "steps": args.steps,
    "lr": args.lr, "seed": args.seed, "packing": "concat", "last": args.last,
    "mean_loss": {f"{dtype} {norm}": value for (dtype, norm), value in mean.items()},
    "relative_difference": {f"{dtype} {norm}": mean[dtype, norm] / mean[args.dtypes[0], norm] - 1
                            for dtype in labels[1:] for norm in args.norms},
    "placement_difference": {f"{norm} - {args.norms[0]}, {dtype}": mean[dtype, norm] - mean[dtype, args.norms[0]]
                             for dtype in labels for norm in args.norms[1:]},
    "losses": {f"{dtype} {norm}": run for (dtype, norm), run in runs.items()},
}
for key in ("mean_loss", "relative_difference", "placement_difference"):
    for name, value in result[key].items():
        print(f"{key:22}{name:28}{value:+.6f}")
if args.out:
    args.out.write_text(json.dumps(result, indent=1) + "\n")

"""A real sweep: killed in the middle it goes on; diverged runs are results; the documented commands work."""
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True)
env = {**os.environ, "MIXLN_CACHE_DIR": str(work / "cache")}
config = mt.write_config(work / "config.json")
ids = mt.write_ids(work / "ids.bin", 4000, 40)
other = mt.write_ids(work / "other.bin", 1000, 40, seed=9)
STEPS = 60
FLAGS = {"model_config": str(config), "data": str(ids), "raw": "uint16", "packing": "concat", "batch_size": 2,
         "seq_len": 8, "num_training_steps": STEPS, "warmup_steps": 2, "save_every": 10, "keep_last": 1,
         "eval_data": str(ids), "eval_packing": "concat", "eval_tokens": 200, "min_lr_ratio": 1}
SWEEP = {"out": str(work / "out"), "flags": FLAGS,
         "vary": {"norm": ["pre", "post_pre:50%"], "lr": [3e-3, 1e30], "seed": [0, 1]},
         "evaluate": {"other": {"data": str(other), "packing": "concat", "raw": "uint16"}},
         "layers": {}}
(work / "sweep.json").write_text(json.dumps(SWEEP))


def metrics(folder):
    path = folder / "metrics.jsonl"
    return path.read_text() if path.exists() else ""


def losses(folder):
    return [(r["step"], r["loss"]) for r in map(json.loads, metrics(folder).splitlines()) if "loss" in r]


def start(*arguments):
    return subprocess.Popen(["mixln-sweep", work / "sweep.json", *map(str, arguments)], env=env,
                            stdout=subprocess.DEVNULL, stderr=open(work / "stderr.txt", "a"))


def wait_for(condition, what):
    end = time.monotonic() + 400
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    mt.fail(f"waited in vain for {what}: {(work / 'stderr.txt').read_text()}")


# Killed in the first run, then told to stop in a later one, then left alone.
out = work / "out"
runs = [out / f"norm={norm},lr={lr},seed={seed}" for norm in ("pre", "post_pre-50pct") for lr in ("0.003", "1e+30")
        for seed in (0, 1)]
process = start()
wait_for(lambda: metrics(runs[0]).count("\n") > 15, "updates of the first run")
process.send_signal(signal.SIGKILL)
process.wait()
wait_for(lambda: not subprocess.run(["pgrep", "-f", f"save_dir {runs[0]} "], capture_output=True).stdout,
         "the end of its run")
made = len(losses(runs[0]))
print(f"killed: {'in the middle' if 0 < made < STEPS else made}")
process = start()
wait_for(lambda: metrics(runs[1]).count("\n") > 5, "updates of the second run")
process.send_signal(signal.SIGINT)
if process.wait() != 75:
    mt.fail(f"after Ctrl-C: status {process.returncode}")
print(f"interrupted: {sum(r.exists() for r in runs)} runs begun")
done = mt.run(["mixln-sweep", work / "sweep.json"], env=env)
results = json.loads((out / "results.json").read_text())
states = [run["state"] for run in results["runs"]]
if states != ["done", "done", "diverged", "diverged"] * 2:
    mt.fail(f"{states}\n{done.stdout}{done.stderr}")
diverged = results["runs"][2]
if not 1 < diverged["step"] < 10 or f"{runs[2].name}: diverged at update {int(diverged['step'])}" not in done.stdout:
    mt.fail(f"{diverged}\n{done.stdout}")
for run in runs:
    steps = [step for step, _ in losses(run)]
    if steps != list(range(1, len(steps) + 1)) or len(steps) != (STEPS if "0.003" in run.name else len(steps)):
        mt.fail(f"{run.name}: updates {steps}")
print(f"goes on: {' '.join(states)}")
if len(list((work / "cache").iterdir())) != 2:
    mt.fail("each of the two steps is compiled once")
difference = next(d for d in results["differences"] if d["each_at_its_best"] and d["measure"] == "eval")
pairs = [results["runs"][4 + seed]["evaluations"]["eval"]["loss"] - results["runs"][seed]["evaluations"]["eval"]["loss"]
         for seed in (0, 1)]
if not abs(difference["mean"] - sum(pairs) / 2) < 1e-12 or difference["seeds"] != 2 or difference["lr"] != 0.003:
    mt.fail(f"{difference}, pairs {pairs}")
low, high = difference["t_interval_95"]
if not abs(high - low - 12.7062047 * abs(pairs[0] - pairs[1])) < 1e-6:
    mt.fail(f"{difference}, pairs {pairs}")
for name, count in (("eval-other.json", 4), ("layers.json", 4), ("memory.svg", 8)):
    if sum((run / name).exists() for run in runs) != count:
        mt.fail(f"{name} is not where it should be")
page = (out / "report.html").read_text()
for text in ("Evaluation on other, eval_id", "Diverged: ", "Loss over learning rate", "gradient norm by layer",
             '<h2>Memory</h2>'):
    if text not in page:
        mt.fail(f"the report lacks '{text}'")
# Two steps, two drawings, whatever the number of runs.
if page.count("data:image/svg+xml") != 2:
    mt.fail(f"{page.count('data:image/svg+xml')} drawings of memory")
# A diverged run has its place in every evaluation of its setting.
books = page.split("Evaluation on other, eval_id")[1].split("</table>")[0]
if books.count("diverged at update") != 4:
    mt.fail(f"diverged runs in the group of eval-other.json: {books}")
print("paired differences, evaluations, layers, report")

# A sweep file knows the flags of the commands that its runs will be asked for.
for command in ("eval", "layers"):
    text = mt.run([runs[0] / "exe", command, "--help"]).stdout
    listed = set(re.findall(r"^ +--([a-z_0-9]+)", text, re.M)) - {"help", "out"}
    if len(listed) < 8:
        mt.fail(f"{command} lists {listed}")
    for flag in sorted(listed):
        part = {"layers": {flag: "?"}} if command == "layers" else {"evaluate": {"other": {"data": "x", flag: "?"}}}
        (work / "flags.json").write_text(json.dumps({**SWEEP, "vary": {}, "out": str(work / "none"), **part}))
        done = subprocess.run(["mixln-sweep", work / "flags.json", "--dry_run"], env=env, capture_output=True, text=True)
        if "unknown flag" in done.stderr:
            mt.fail(f"{command}: {done.stderr}")

# Nothing is left to do, and nothing is done.
before = {run: (run / "metrics.jsonl").stat().st_mtime_ns for run in runs}
again = mt.run(["mixln-sweep", work / "sweep.json"], env=env)
if before != {run: (run / "metrics.jsonl").stat().st_mtime_ns for run in runs}:
    mt.fail("a run that was at its end ran again")

# Side by side and never interrupted: the same bits. A failing run does not stop the others.
whole = work / "whole"
whole.mkdir()
(whole / runs[3].name).write_text("in the way")
done = mt.run(["mixln-sweep", work / "sweep.json", "--out", whole, "--jobs", "2"], env=env, status=1)
if f"{runs[3].name}: " not in done.stderr.splitlines()[-1]:
    mt.fail(done.stderr)
for run in (runs[0], runs[1], runs[2], runs[4]):
    if losses(run) != losses(whole / run.name):
        mt.fail(f"{run.name}: other losses than without interruption")
print("the same losses as without interruption")

# The commands of docs/Sweeps.md and docs/Report.md, on a sweep that takes seconds.
docs = work / "docs"
docs.mkdir()
text = (mt.ROOT / "docs" / "Sweeps.md").read_text()
example = json.loads(re.search(r"```json\n(.*?)```", text, re.S)[1])
small = {k: v for k, v in FLAGS.items() if k in example["flags"] or k not in ("eval_tokens", "min_lr_ratio")}
example["flags"] = {**small, "num_training_steps": 6}
example["evaluate"]["books"] = SWEEP["evaluate"]["other"]
(docs / "depth.json").write_text(json.dumps(example))
commands = [line.strip() for line in text.splitlines() if line.startswith("    mixln-sweep")]
for command in commands:
    mt.run(["sh", "-c", command], cwd=docs, env=env)
if len(commands) != 4 or (docs / "jobs.txt").read_text():
    mt.fail(f"documented commands: {commands}, left: {(docs / 'jobs.txt').read_text()}")
# Lines for a cluster, of a sweep that has not begun.
lines = mt.run(["mixln-sweep", "depth.json", "--out", "runs/cluster", "--print"], cwd=docs, env=env).stdout.splitlines()
mt.run(["sh", "-c", lines[0]], cwd=docs, env=env)
mt.run(["sh", "-c", lines[0]], cwd=docs, env=env)
done = mt.run(["mixln-sweep", "depth.json", "--out", "runs/cluster", "--collect"], cwd=docs, env=env)
if f": done, 6 updates" not in done.stdout.splitlines()[0] or "not begun" not in done.stdout:
    mt.fail(done.stdout)
for run, name in (("norm=pre,lr=0.001,seed=0", "pre"), ("norm=post_pre-25pct,lr=0.001,seed=0", "mix")):
    (docs / "runs" / name).symlink_to(docs / "runs" / "depth" / run)
report = [line.strip() for line in (mt.ROOT / "docs" / "Report.md").read_text().splitlines()
          if line.startswith("    mixln-report")]
for command in report:
    mt.run(shlex.split(command), cwd=docs)
if not (docs / "report.html").exists():
    mt.fail("docs/Report.md shows no command")
print(f"{len(commands) + len(report)} documented commands")

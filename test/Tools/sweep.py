"""mixln-sweep without training: what a sweep file may say, --dry_run, --print, --collect; the published recipes."""
import json
import pathlib
import subprocess
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True)
config = mt.write_config(work / "config.json", num_hidden_layers=4)
FLAGS = {"model_config": str(config), "batch_size": 2, "seq_len": 8, "data": "it's text/*.json.gz", "tokenizer": "t.model",
         "num_training_steps": 5, "warmup_steps": 1}
GOOD = {"out": str(work / "out"), "flags": FLAGS,
        "vary": {"norm": ["pre", "post_pre:25%"], "lr": [3e-4, 1e-3], "no_shuffle": [True, False]}}


def sweep(content, *arguments, status=0):
    path = work / "sweep.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return mt.run(["mixln-sweep", path, *arguments], status=status)


# A good one: every run is checked, none is started.
done = sweep(GOOD, "--dry_run")
names = [line.split(": ")[0] for line in done.stdout.splitlines()]
if len(names) != 8 or "norm=post_pre-25pct,lr=0.0003,no_shuffle=true" not in names or (work / "out").exists():
    mt.fail(done.stdout)
print(f"dry run: {names[0]} ... {names[-1]}")

# One command a line, that a shell takes apart as it was meant; switches are switches.
lines = sweep({**GOOD, "evaluate": {"books": {"data": "b.json"}}, "layers": {}}, "--print").stdout.splitlines()
if len(lines) != 8:
    mt.fail("\n".join(lines))
first = lines[0].split(" && ")
words = subprocess.run(["sh", "-c", f"printf '%s\\n' {first[0]}"], capture_output=True, text=True).stdout.splitlines()
for word in ("it's text/*.json.gz", "--no_shuffle", "--resume", str(work / "out" / names[0])):
    if word not in words:
        mt.fail(f"{word}: {words}")
if "true" in words or "--no_shuffle" in lines[1].split():
    mt.fail(f"switches: {lines[:2]}")
if not first[1].endswith(f"{names[0]}/eval-books.json.part") or \
        not first[3].endswith(f"exe layers --out {work / 'out' / names[0] / 'layers.json'}"):
    mt.fail(f"afterwards: {first}")
print("print: one command a line")

# A baseline is named as the placement was asked for, or as the report calls it.
for baseline in ("post_pre:25%", "post_pre:1"):
    sweep({**GOOD, "baseline": baseline}, "--dry_run")

# What is wrong, with its place.
WRONG = [
    ("{\n  \"vary\": [}\n", "sweep.json: line 2, column 12"),
    ({**GOOD, "varry": {}}, "sweep.json: varry: unknown key (did you mean 'vary'?)"),
    ({**GOOD, "vary": {"lr": []}}, "vary.lr: is [] (a list), expected a list of at least one value"),
    ({**GOOD, "vary": {"lr": [1, {"a": 1}]}}, "vary.lr[1]: is {\"a\":1} (an object), expected a text"),
    ({**GOOD, "vary": {"lr": [1, 1]}}, "vary.lr[1]: 1 is there twice"),
    ({**GOOD, "vary": {"seq_len": [8]}}, "vary.seq_len: is a flag of all runs as well"),
    ({**GOOD, "vary": {"max_length": [8]}}, "vary.seq_len: is a flag of all runs as well"),
    ({**GOOD, "cases": [{"lr": 1}]}, "cases[0].lr: is in \"vary\" as well"),
    ({**GOOD, "cases": {}}, "cases: is {} (an object), expected a list"),
    ({**GOOD, "flags": {**FLAGS, "save_dir": "x"}}, "flags.save_dir: is set by the sweep itself"),
    ({**GOOD, "evaluate": {"a/b": {}}}, "evaluate.a/b: is not a name"),
    ({**GOOD, "evaluate": {"a": {}}}, "evaluate.a: lacks data"),
    ({**GOOD, "vary": {"a": list(range(200)), "b": list(range(200))}}, "vary: gives more than 10000 runs"),
    ({**GOOD, "out": 3}, "out: is 3, expected a text"),
    # The runs themselves, before any begins.
    ({**GOOD, "vary": {"norm": ["pre", "pots"]}}, "norm=pots: "),
    ({**GOOD, "vary": {"lr": ["x"]}}, "--lr is 'x', expected a number"),
    ({**GOOD, "vary": {"warmup_stepz": [1]}}, "did you mean --warmup_steps?"),
    ({**GOOD, "vary": {"total_batch_size": [3]}}, "--total_batch_size 3 is not a multiple"),
    # What comes after them.
    ({**GOOD, "evaluate": {"books": {"data": "b.json", "eval_tokenz": 3}}},
     "evaluate.books: unknown flag --eval_tokenz; did you mean --eval_tokens?"),
    ({**GOOD, "evaluate": {"books": {"data": "b.json", "packing": "x"}}},
     "evaluate.books: --packing is 'x', expected pad or concat"),
    ({**GOOD, "layers": {"rowz": 32}}, "layers: unknown flag --rowz; did you mean --rows?"),
    ({**GOOD, "layers": {"out": "x.json"}}, "layers: --out is set by the sweep itself"),
    ({**GOOD, "baseline": "prre"}, "baseline: is 'prre', expected one of pre, post_pre:1"),
]
for content, message in WRONG:
    done = sweep(content, "--dry_run", status=2)
    if message not in done.stderr:
        mt.fail(f"expected '{message}', found {done.stderr}")
for arguments, message in ((("--jobs", "0"), "--jobs is '0'"), (("--print", "--collect"), "exclude each other"),
                           (("--seq_lem", "9", "--dry_run"), "did you mean")):
    if message not in sweep(GOOD, *arguments, status=2).stderr:
        mt.fail(f"{arguments}: expected {message}")
print(f"{len(WRONG)} wrong files: status 2, with the place")

# Folders that someone else filled are collected; a folder does not go on with other flags.
out = work / "out"
for i, name in enumerate(names[:4]):
    folder = out / name
    folder.mkdir()
    values = dict(part.split("=") for part in name.split(","))
    (folder / "run.json").write_text(json.dumps({
        "flags": {"lr": values["lr"], "seed": "0", "num_training_steps": "5"}, "program": {"norm": "pre"},
        "hashes": {"data": "d"}}))
    (folder / "metrics.jsonl").write_text("".join(
        json.dumps({"step": s, "loss": 3.0 + i, "tokens": s}) + "\n" for s in range(1, 6 if i else 4)))
(out / names[0] / "not_finite_4.safetensors").write_bytes(b"")
done = sweep(GOOD, "--collect")
for text in (f"{names[0]}: diverged at update 4", f"{names[1]}: done, 5 updates", f"{names[7]}: not begun"):
    if text not in done.stdout:
        mt.fail(done.stdout)
results = json.loads((out / "results.json").read_text())
if [run["state"] for run in results["runs"]] != ["diverged"] + ["done"] * 3 + ["not begun"] * 4:
    mt.fail(str(results))
if "4 of 8 runs are not there yet" not in (out / "report.html").read_text():
    mt.fail("the report does not say what is missing")
if len(sweep(GOOD, "--print").stdout.splitlines()) != 4:
    mt.fail("runs that are at their end are printed again")
changed = {**GOOD, "flags": {**FLAGS, "warmup_steps": 2}}
done = sweep(changed, "--dry_run", status=2)
if "was begun with --warmup_steps 1, the sweep says 2" not in done.stderr:
    mt.fail(done.stderr)
print("collect: 1 diverged, 3 done, 4 missing")

# The folders themselves remember too; what changes no number may change.
(out / "sweep.json").rename(out / "kept.json")
done = sweep({**GOOD, "flags": {**FLAGS, "num_training_steps": 6}}, "--dry_run", status=2)
if f"{out / names[0]} was begun with --num_training_steps 5, the sweep says 6" not in done.stderr:
    mt.fail(done.stderr)
about = json.loads((out / names[1] / "run.json").read_text())
for path, value, message in (
        (("flags", "warmup_steps"), "3", "was begun with --warmup_steps 3, the sweep says 1"),
        (("config", "num_hidden_layers"), 5, "was begun with config.num_hidden_layers 5, the sweep says 4"),
        (("config", "norm_type"), "post", "was begun with config.norm_type \"post\", the sweep says \"pre\""),
        (("flags", "data"), "elsewhere/*.json", None), (("flags", "threads"), "7", None),
        (("flags", "lr"), "0.00030", None)):
    changed = json.loads(json.dumps(about))
    changed.setdefault(path[0], {})[path[1]] = value
    if path[0] == "config" and path[1] != "norm_type":
        changed["config"]["norm_type"] = "pre"
    (out / names[1] / "run.json").write_text(json.dumps(changed))
    done = sweep(GOOD, "--dry_run", status=2 if message else 0)
    if message and message not in done.stderr:
        mt.fail(f"{path}: {done.stderr}")
(out / names[1] / "run.json").write_text(json.dumps(about))
for damaged in ("{", "[]", '{"runs": {"x": 3}}', '{"a":' * 100000):
    (out / "sweep.json").write_text(damaged)
    if f"{out / 'sweep.json'}: is damaged" not in sweep(GOOD, "--dry_run", status=2).stderr:
        mt.fail(f"sweep.json is {damaged[:20]}")
(out / "kept.json").rename(out / "sweep.json")
# What was measured after a run is not measured again.
measured = {**GOOD, "evaluate": {"books": {"data": "b.json"}}, "layers": {"rows": 4}}
sweep(measured, "--print")
(out / names[1] / "eval-books.json").write_text("{}")
(out / names[1] / "layers.json").write_text("{}")
for part, message in (({"evaluate": {"books": {"data": "b.json", "eval_tokens": 9}}},
                       "eval-books.json was measured with --eval_tokens 10000000, the sweep says 9"),
                      ({"layers": {"rows": 8}}, "layers.json was measured with --rows 4, the sweep says 8"),
                      ({"layers": {"rows": 4, "threads": 1}}, None)):
    done = sweep({**measured, **part}, "--dry_run", status=2 if message else 0)
    if message and message not in done.stderr:
        mt.fail(done.stderr)
print("folders: flags that change the numbers are refused")

# The published recipes: every command line is understood, and the sweep files say the same.
usage = mt.run([mt.ROOT / "scripts" / "recipe.sh"], status=2).stderr.splitlines()
if not all(line.startswith("#") for line in usage) or "trains nothing" not in usage[-1]:
    mt.fail(f"recipe.sh without arguments says {usage}")
for script in sorted((mt.ROOT / "scripts").glob("run_*.sh")):
    size = script.stem.removeprefix("run_")
    about = json.loads(mt.run([script, "post_pre", "3", "--print"],
                              env={**__import__("os").environ, "MIXLN_BUILD": sys.argv[2]}).stdout)
    run, compiled = about["run"], about["compiled"]
    if run["total_batch_size"] != "512" or compiled["norm"] != "post_pre" or compiled["post_num"] != "3":
        mt.fail(f"{script.name}: {about}")
    table = mt.ROOT / "configs" / "runs" / f"llama_{size}.json"
    if not table.exists():
        continue
    lines = mt.run(["mixln-sweep", table, "--data", "c4/c4-train.*.json.gz", "--tokenizer", "spiece.model", "--out",
                    work / size, "--print"], cwd=mt.ROOT).stdout.splitlines()
    for line in lines:
        other = json.loads(mt.run(["sh", "-c", f"{line} --print"], cwd=mt.ROOT).stdout)
        differing = {k for k in run if run[k] != other["run"][k]} - {"save_dir", "resume"}
        if differing or {k for k in ("batch_size", "seq_len") if compiled[k] != other["compiled"][k]}:
            mt.fail(f"{table.name} and {script.name} differ in {differing}")
    print(f"{size}: lr {run['lr']}, {run['num_training_steps']} updates, warm-up {run['warmup_steps']}, "
          f"micro-batch {compiled['batch_size']}; {len(lines)} placements in its table")

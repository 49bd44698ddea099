"""Flags in every tool: help, '-' and '_', synonyms, the last one counts, "did you mean"."""
import json
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
config = mt.write_config(work / "config.json")

# Help of every tool, on standard output, status 0.
for tool in ("mixlnc", "mixln-train", "mixln-run", "mixln-opt", "mixln-lsp-server", "mixln-data", "mixln-report",
             "mixln-sweep"):
    text = mt.run([tool, "--help"]).stdout
    if "usage" not in text.lower() or not text.strip():
        mt.fail(f"{tool} --help: {text}")
    print(f"{tool} --help: {len(text.splitlines())} lines")

# Spellings of one thing.
SHAPE = ["--batch_size", "2", "--seq_len", "8"]
base = mt.run(["mixlnc", config, *SHAPE, "--norm", "post_pre:1", "--compile_to", "import"]).stdout
for name, flags in {
        "dashes": ["--batch-size", "2", "--seq-len", "8", "--norm", "post_pre:1", "--compile-to", "import"],
        "equals": ["--batch_size=2", "--seq_len=8", "--norm=post_pre:1", "--compile_to=import"],
        "norm_type and post_num": [*SHAPE, "--norm_type", "post_pre", "--post_num", "1", "--compile_to", "import"],
        "max_length": ["--batch_size", "2", "--max_length", "8", "--norm", "post_pre:1", "--compile_to", "import"],
        "float32": [*SHAPE, "--dtype", "float32", "--norm", "post_pre:1", "--compile_to", "import"],
        "the last one counts": ["--norm", "lns", "--batch_size", "7", *SHAPE, "--norm", "post_pre:1", "--compile_to",
                                "plan", "--compile_to", "import"]}.items():
    if mt.run(["mixlnc", config, *flags]).stdout != base:
        mt.fail(f"mixlnc with {name} understands something else")
    print(f"mixlnc: {name}")

# The same in an executable, and in mixln-train, which passes on what is not its own.
CACHE = {"env": {**__import__("os").environ, "MIXLN_CACHE_DIR": str(work / "cache")}}
ids = mt.write_ids(work / "ids.bin", 4000, 40)
TRAIN = ["--model-config", config, "--norm-type", "post_pre", "--post-num", "1", "--batch-size", "2", "--max-length",
         "8", "--dtype", "float32"]
REST = ["--data", ids, "--raw", "uint16", "--packing", "concat", "--learning-rate", "0.5", "--lr", "1e-3",
        "--num-training-steps", "3", "--warmup_steps=1"]
first = mt.run(["mixln-train", *TRAIN, *REST, "--save-dir", work / "first"], **CACHE)
if "compiling" not in first.stderr:
    mt.fail(f"mixln-train does not say that it compiles: {first.stderr}")
second = mt.run(["mixln-train", *TRAIN, *REST, "--save_dir", work / "second"], **CACHE)
if "compiling" in second.stderr:
    mt.fail("mixln-train compiles again what is in its cache")
if (work / "cache").stat().st_mode & 0o777 != 0o700 or len(list((work / "cache").iterdir())) != 1:
    mt.fail(f"the cache holds {list((work / 'cache').iterdir())}")
rates = [json.loads(line)["lr"] for line in (work / "first" / "metrics.jsonl").read_text().splitlines()]
if not max(rates) <= 1e-3 or mt.losses(work / "first") != mt.losses(work / "second"):
    mt.fail(f"learning rates {rates}")
exe = next((work / "cache").iterdir())
mt.run([exe, "train", *REST, "--steps", "2", "--threads", "1", "--batch_size", "2", "--max-length", "8", "--save_dir",
        work / "third"])
if len(mt.losses(work / "third")) != 2:
    mt.fail("of --num-training-steps and --steps the last one does not count")
for command in ("train", "eval", "replay", "info"):
    text = mt.run([exe, command, "--help"]).stdout
    if "--" not in text:
        mt.fail(f"{command} --help: {text}")
print("mixln-train and the executable: dashes, synonyms, the last one counts; the cache is used")

# Did you mean.
for command, words in {
        ("mixlnc", config, "--bach_size", "2"): ["--bach_size", "--batch_size"],
        ("mixln-run", "x.mlir", "--entri", "loss"): ["--entri", "--entry"],
        ("mixln-train", *TRAIN, "--save_dirr", work / "x"): ["--save_dirr", "--save_dir"],
        ("mixln-data", "tokenise"): ["tokenise", "tokenize"],
        (exe, "replay", "--wieghts", work): ["--wieghts", "--weights"]}.items():
    done = mt.run(command, status=2, **CACHE)
    if "did you mean" not in done.stderr or not all(word in done.stderr for word in words):
        mt.fail(f"{command}: {done.stderr}")
    print(done.stderr.strip().splitlines()[-1])

# What a norm file says is part of what the cache knows it by, also with a K behind its name.
norm = work / "mine.json"
for content in ("post", "in", "post"):
    norm.write_text(json.dumps({"layers": [{"when": "i < K", "attention": {content: "norm"}, "mlp": "same"},
                                           {"attention": {"in": "norm"}, "mlp": "same"}]}))
    done = mt.run(["mixln-train", *TRAIN[:2], "--norm", f"{norm}:1", *TRAIN[6:], "--num_training_steps", "0",
                   "--save_dir", work / f"mine-{len(list(work.iterdir()))}"], **CACHE)
    print(f"a norm file with {content}: {'compiled' if 'compiling' in done.stderr else 'from the cache'}")

# A cache that others can write is refused.
(work / "open").mkdir(exist_ok=True)
(work / "open").chmod(0o777)
done = mt.run(["mixln-train", *TRAIN, *REST, "--save_dir", work / "no"], status=2,
              env={**CACHE["env"], "MIXLN_CACHE_DIR": str(work / "open")})
if "writable by others" not in done.stderr or list((work / "open").iterdir()):
    mt.fail(done.stderr)
print("done")

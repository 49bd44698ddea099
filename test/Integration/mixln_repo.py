"""NAME@mixln-repo: the public code's own behaviour, said and computed; flags still override it.

Formulas are held against norm files that write them out, on the same numbers: both are fp32 and the same arithmetic in
another order at most (1e-5 of the logits' norm). Losses are held against sums of losses of single batches (1e-6)."""
import array
import json
import math
import pathlib
import re
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T, V = 2, 8, 40
edition = json.loads((mt.NORMS / "editions" / "mixln-repo.json").read_text())


def config(layers):
    return mt.write_config(work / f"config-{layers}.json", num_hidden_layers=layers, vocab_size=V)


def explain(norm, layers, *flags, status=0):
    return mt.run(["mixlnc", config(layers), "--norm", norm, "--explain", *flags], status=status)


# Every name says in what it differs; what cannot be reproduced says why.
refused = []
for name, own in edition["presets"].items():
    norm = f"{name}@mixln-repo"
    flags = ["--post_num", "2"]  # as the scripts give it, whether the placement has a K or not
    status = 2 if name in ("mono", "mono_reverse", "pre_post_pre_post") else 0
    done = explain(norm, 8, *flags, status=status)
    if status:
        refused.append(name)
        if norm not in done.stderr or not re.search(r"layer \d .*(router|forward pass)", done.stderr):
            mt.fail(f"{norm}: {done.stderr}")
        continue
    for line in [*own.get("differences", []), *edition["differences"], *edition["not_reproduced"]]:
        if line not in done.stdout:
            mt.fail(f"{norm} does not say: {line}\n{done.stdout}")
plain = explain("deepnorm", 8).stdout
if "differs" in plain or "not reproduced" in plain:
    mt.fail(f"the plain name speaks of differences: {plain}")
for norm, says in (("pre_post@mixln-repo", "layers 0-6"), ("pre_sandwich@mixln-repo", "layers 0-6"),
                   ("pre_post:7", "layers 0-6"), ("pre_post:2", "layers 0-1"), ("deeppost@mixln-repo", "2.82843"),
                   ("deeppost", "layers 0-7")):
    if says not in explain(norm, 8).stdout:
        mt.fail(f"--explain {norm} lacks {says}: {explain(norm, 8).stdout}")
for norm, *words in (("lns@mixln-repo", "unknown norm", "deepnorm@mixln-repo"), ("pre@mixln_repo", "did you mean 'pre@mixln-repo'"),
                     ("pre_post@mixln-repo:3", "nothing in this norm depends on K")):
    message = explain(norm, 8, status=2).stderr
    if any(word not in message for word in words):
        mt.fail(f"{norm}: {message}")
print(f"{len(edition['presets'])} names, {len(refused)} refused", flush=True)


# Formulas, written out.
def logits(norm, layers, weights, name):
    exe = mt.compile_model(config(layers), work / name, norm, B, T, extra=["--dtype", "fp32"])
    mt.run([exe, "replay", "--weights", weights, "--batch", batch, "--steps", "1", "--logits", "--out", work / f"{name}.out"])
    return mt.read_safetensors(work / f"{name}.out")["logits"][1]


def checkpoint(norm, layers, name, *flags):
    exe = mt.compile_model(config(layers), work / name, norm, B, T, extra=["--dtype", "fp32"])
    mt.run([exe, "train", "--num_training_steps", "0", "--seed", "5", "--save_dir", work / f"run-{name}", *flags])
    return work / f"run-{name}" / "model_0"


batch = mt.random_batch(work / "batch.safetensors", B, T, V)
formulas = {
    "deepnorm": (5, {"attention": {"combine": "norm(2.8284271247461903*x + F)"}, "mlp": "same"}),
    "mono_reverse": (3, {"attention": {"combine": "norm(x + F)"}, "mlp": {"read": "norm.read(x)", "combine": "norm(x + F)"}})}
for name, (layers, rule) in formulas.items():
    written = work / f"{name}.json"
    written.write_text(json.dumps({"layers": [rule]}))
    tensors = mt.read_safetensors(checkpoint(f"{name}@mixln-repo", layers, f"{name}-repo") / "model.safetensors")
    for key, (shape, values) in tensors.items():
        if "norm" in key:  # no site may pass for another
            tensors[key] = (shape, array.array("f", [v + 0.1 * math.sin(i + len(key)) for i, v in enumerate(values)]))
    mt.write_safetensors(work / "repo.safetensors", tensors)
    for i in range(layers if name == "mono_reverse" else 0):  # one norm there, two here
        key = f"model.layers.{i}.post_attention_layernorm.weight"
        tensors[f"model.layers.{i}.mlp_read.weight"] = tensors[key]
    mt.write_safetensors(work / "written.safetensors", tensors)
    error = mt.relative(logits(f"{name}@mixln-repo", layers, work / "repo.safetensors", f"{name}-a"),
                        logits(written, layers, work / "written.safetensors", f"{name}-b"))
    if not error <= 1e-5:
        mt.fail(f"{name}@mixln-repo: logits differ from the formula's by {error}")
tensors = mt.read_safetensors(work / "run-deepnorm-repo" / "model_0" / "model.safetensors")
for part, gain in (("q_proj", 1), ("v_proj", 40 ** 0.25), ("o_proj", 40 ** 0.25), ("up_proj", 40 ** 0.25), ("down_proj", 40 ** 0.25)):
    found = [tensors[n] for n in tensors if part in n]
    std = math.sqrt(math.fsum(v * v for _, values in found for v in values) / sum(len(values) for _, values in found))
    expected = gain * math.sqrt(2 / sum(found[0][0]))
    # Five standard errors of a sample of this size.
    if not abs(std / expected - 1) <= 5 / math.sqrt(2 * sum(len(values) for _, values in found)):
        mt.fail(f"{part} starts with standard deviation {std}, expected {expected}")
print("formulas and initial values as the public code has them", flush=True)

# Flags: what the placement sets, and what the command line does.
exe = mt.compile_model(config(2), work / "pure", "pre@mixln-repo", B, T)
if json.loads(mt.run([exe, "info", "--json"]).stdout)["dtype"] != "bf16_pure":
    mt.fail("the executable is not bf16_pure")
exe = mt.compile_model(config(2), work / "wide", "pre@mixln-repo", B, T, extra=["--dtype", "fp32"])
plain = mt.compile_model(config(2), work / "plain", "pre", B, T)
# Rows of very different lengths, so that means of means differ from means.
letters = mt.write_tokenizer(work / "letters.model", mt.LETTERS)
words = ["the quick brown fox", "over lazy dogs", "a", "jumps", "of", "b", "c"]
for name, lines in {"text": words[:4], "first": words[:2], "second": words[2:4], "eval": words, "last": words[6:],
                    **{f"eval{i}": words[2 * i:2 * i + 2] for i in range(3)}}.items():
    (work / f"{name}.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))


def train(program, name, *flags):
    return mt.run([program, "train", "--data", work / "text.jsonl", "--tokenizer", letters, "--no_shuffle", "--total_batch_size",
                   2 * B, "--num_training_steps", "1", "--warmup_steps", "0", "--lr", "0", "--eval_data", work / "eval.jsonl",
                   "--init_std", "embed=1,qk=0.5,v=0.5,o=0.5,ffn=0.5,head=0.5",
                   "--save_dir", work / name, *flags])


def evaluate(data, *flags):
    return json.loads(mt.run([plain, "eval", "--weights", work / "run" / "model_1", "--data", work / f"{data}.jsonl",
                              "--tokenizer", letters, *flags]).stdout)


said = train(exe, "run").stderr
for line in edition["differences"]:
    if line not in said:
        mt.fail(f"the run does not say: {line}\n{said}")
records = [json.loads(line) for line in (work / "run" / "metrics.jsonl").read_text().splitlines()]
loss, evaluation = records[0]["loss"], next(r for r in records if "eval_loss" in r)
halves = [evaluate(name)["eval_loss"] for name in ("first", "second")]
batches = [evaluate(name)["eval_loss"] for name in ("eval0", "eval1", "eval2", "last")]
total = evaluate("eval")
for what, found, expected in (("loss", loss, sum(halves) / 2), ("evaluation", evaluation["eval_loss"], sum(batches) / 5),
                              ("eval command", evaluate("eval", "--eval_mean", "batches_plus_one")["eval_loss"], sum(batches) / 5)):
    if not abs(found / expected - 1) <= 1e-6:
        mt.fail(f"{what} is {found}, expected {expected}")
if not abs(loss / evaluate("text")["eval_loss"] - 1) > 1e-4 or not evaluation["eval_loss"] < total["eval_loss"]:
    mt.fail("the means do not differ, so this shows nothing")
if evaluation["eval_id"] == total["eval_id"]:
    mt.fail("an evaluation by another mean has the eval_id of the usual one")
flags = json.loads((work / "run" / "run.json").read_text())["flags"]
if (flags["loss_normalization"], flags["eval_mean"]) != ("micro_batch", "batches_plus_one"):
    mt.fail(f"run.json: {flags}")
said = train(exe, "usual", "--loss_normalization", "total", "--eval_mean", "total").stderr
records = [json.loads(line) for line in (work / "usual" / "metrics.jsonl").read_text().splitlines()]
if not abs(records[0]["loss"] / evaluate("text")["eval_loss"] - 1) <= 1e-6 or "this run has total" not in said:
    mt.fail(f"flags on the command line do not hold: {records[0]}\n{said}")
# They hold in a repetition too.
mt.run([exe, "train", "--rerun", work / "usual"])
flags = json.loads((work / "usual-rerun" / "run.json").read_text())["flags"]
if (flags["loss_normalization"], flags["eval_mean"]) != ("total", "total") or mt.losses(work / "usual-rerun") != [records[0]["loss"]]:
    mt.fail(f"a repetition has {flags}")
# In a run folder an evaluation has the run's mean.
own = json.loads(mt.run([work / "run" / "exe", "eval"]).stdout)
if own["eval_id"] != evaluation["eval_id"]:
    mt.fail(f"exe eval in the run's folder: {own}, the run had {evaluation}")
shown = json.loads(mt.run(["mixln-train", "--model_config", config(2), "--norm_type", "pre@mixln-repo", "--batch_size", B, "--seq_len",
                           T, "--data", work / "text.jsonl", "--tokenizer", letters, "--save_dir", work / "x", "--print"]).stdout)
if shown["compiled"]["dtype"] != "bf16_pure" or shown["run"]["loss_normalization"] != "micro_batch":
    mt.fail(f"mixln-train --print: {shown}")
# A checkpoint names the edition, and compiles again.
again = mt.run(["mixlnc", work / "run" / "model_1" / "config.json", "--explain"]).stdout
if "norm: pre@mixln-repo" not in again:
    mt.fail(again)
print("flags set and overridden")

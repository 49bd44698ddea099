"""Measurements while training: the same weights, whole files after a resume, right numbers, clear refusals."""
import json
import math
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
L, B, T, V = 2, 2, 8, 40
config = mt.write_config(work / "config.json", num_hidden_layers=L, vocab_size=V)
ids = mt.write_ids(work / "ids.bin", 4000, V)
own = work / "own.json"
# With the example of the page.
page = (mt.ROOT / "docs/Layers.md").read_text()
example = json.loads(page[page.index("    {\n"):page.index("    }\n") + 6])
own.write_text(json.dumps({
    **example,
    "own_rms": {"per": "layer", "row": "sqrt(mean(y*y))", "reduce": "rms"},
    "own_ratio": {"per": "sub_layer", "row": "sqrt(mean(F*F)) / sqrt(mean(x*x))", "reduce": "mean"},
    "norm_gain": {"per": "sub_layer", "row": "sqrt(mean(h*h) / mean(x*x))", "reduce": "min"}}))


def train(exe, folder, steps, *flags):
    mt.run([exe, "train", "--data", ids, "--raw", "uint16", "--packing", "concat", "--total_batch_size", 2 * B,
            "--num_training_steps", steps, "--warmup_steps", "1", "--lr", "1e-2", "--save_every", "4", "--save_at", "1,2,3,5", "--save_dir", folder, *flags])
    return (folder / f"model_{steps}" / "model.safetensors").read_bytes()


for preset in ("post_pre", "residual"):
    exe = mt.compile_model(config, work / preset, mt.spec(preset), B, T, extra=["--measure", own])
    plain = train(exe, work / f"{preset}-plain", 6)
    logged = work / f"{preset}-logged"
    if train(exe, logged, 6, "--log_layers_every", "3") != plain:
        mt.fail(f"{preset}: measuring changes the weights")
    text = (logged / "layers.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    if [line["step"] for line in lines] != [1, 3, 6]:
        mt.fail(f"{preset}: layers.jsonl has updates {[line['step'] for line in lines]}")
    for line in lines:
        for name, count in (("gradient_norm", L), ("weight_norm", L), ("stream_rms", L + 1), ("stream_max", L),
                            ("branch_ratio", 2 * L), ("turn_angle", L), ("input_gradient", L), ("attention_max", L), ("attention_entropy", L), ("own_rms", L), ("own_ratio", 2 * L), ("norm_gain", 2 * L)):
            if len(line[name]) != count or not all(math.isfinite(value) for value in line[name]):
                mt.fail(f"{preset}: {name} is {line[name]}, expected {count} numbers")
        # Both are sums over the same fp32 numbers in another order.
        for mine, builtin in ((line["own_rms"], line["stream_rms"][1:]), (line["own_ratio"], line["branch_ratio"])):
            if not mt.relative(mine, builtin) <= 1e-5:
                mt.fail(f"{preset}: {mine} is not {builtin}")
        if not all(-1 <= value <= 1 for value in line["branch_cosine"]):
            mt.fail(f"{preset}: branch_cosine is {line['branch_cosine']}")
        for key, norms in line["gradient_norm_by_class"].items():
            if len(line["relative_gradient"][key]) != L:
                mt.fail(f"{preset}: relative_gradient has {line['relative_gradient']}")
        by_class = [math.hypot(*(norms[i] for norms in line["gradient_norm_by_class"].values())) for i in range(L)]
        if not mt.relative(by_class, line["gradient_norm"]) <= 1e-5:
            mt.fail(f"{preset}: the classes' gradient norms {by_class} do not add up to {line['gradient_norm']}")
    # The update's share of the weights, from the checkpoints around update 3; gains by name after it are those before 4.
    old, new = (mt.read_safetensors(logged / f"model_{step}" / "model.safetensors") for step in (2, 3))
    for key, part in (("v", "v_proj.weight"), ("o", "o_proj.weight"), ("gain", "layernorm.weight")):
        for layer in range(L):
            names = [n for n in old if n.startswith(f"model.layers.{layer}.") and n.endswith(part)]
            change = math.hypot(*(a - b for n in names for a, b in zip(new[n][1], old[n][1])))
            ratio = change / math.hypot(*(v for n in names for v in new[n][1]))
            if not abs(lines[1]["update_ratio"][key][layer] / ratio - 1) <= 1e-4:
                mt.fail(f"{preset}: update_ratio of {key} is {lines[1]['update_ratio'][key]}, layer {layer} expected {ratio}")
    name = "post_attention_layernorm.weight"
    for which, function in (("gain_mean", lambda v: math.fsum(v) / len(v)), ("gain_min", min), ("gain_max", max)):
        for layer in range(L):
            value = lines[1][which].get(name, [None] * L)[layer]
            if value is not None and not abs(value - function(old[f"model.layers.{layer}.{name}"][1])) <= 1e-6:
                mt.fail(f"{preset}: {which} of {name} is {lines[1][which][name]}")
    saved = sorted(int(path.name[6:]) for path in logged.glob("model_*"))
    if saved != [1, 2, 3, 4, 5, 6]:
        mt.fail(f"{preset}: checkpoints of updates {saved}")
    # As after a kill behind update 6 with a checkpoint of update 4: the lines behind it are written again.
    (logged / "model_6" / "model.safetensors").unlink()
    with open(logged / "layers.jsonl", "a") as file:
        file.write('{"step":7,"gra')
    if train(exe, logged, 6, "--log_layers_every", "3", "--resume") != plain or (logged / "layers.jsonl").read_text() != text:
        mt.fail(f"{preset}: after a resume layers.jsonl is\n{(logged / 'layers.jsonl').read_text()}")
    print(f"{preset}: same bits, {len(lines)} lines", flush=True)

refused = 0
for text, *words in (("[1]", "JSON object"), ('{"a": 1}', "a", "object"),
                     ('{"a": {"per": "layr", "row": "sum(x)", "reduce": "mean"}}', "per", "did you mean", "layer"),
                     ('{"a": {"per": "layer", "row": "sum(F)", "reduce": "mean"}}', "column 5", "F"),
                     ('{"a": {"per": "layer", "row": "x*x", "reduce": "mean"}}', "gives no number"),
                     ('{"a": {"per": "layer", "row": "sum(x", "reduce": "mean"}}', "column"),
                     ('{"stream_max": {"per": "layer", "row": "sum(x)", "reduce": "mean"}}', "stream_max", "already"),
                     # The built-in one has a symbol for each width of its rows.
                     ('{"weight_norm": {"per": "layer", "row": "sum(x)", "reduce": "mean"}}', "weight_norm", "already"),
                     ('{"step": {"per": "layer", "row": "sum(x)", "reduce": "mean"}}', "step", "key beside"),
                     ('{"gradient_norm": {"per": "layer", "row": "sum(x)", "reduce": "mean"}}', "gradient_norm", "key beside")):
    bad = work / "bad.json"
    bad.write_text(text)
    done = mt.run(["mixlnc", config, "--measure", bad, "--batch_size", B, "-o", work / "none"], status=2)
    if "bad.json" not in done.stderr or any(word not in done.stderr for word in words) or (work / "none").exists():
        mt.fail(f"{text}: {done.stderr}")
    refused += 1
for save_at, expected in (("1,2,...", [1, 2, 4, 6]), ("2,3,...", [2, 3, 4, 5, 6]), ("3", [3, 6])):
    folder = work / f"at-{len(expected)}"
    train(exe, folder, 6, "--save_every", "0", "--keep_last", "1", "--save_at", save_at)
    saved = sorted(int(path.name[6:]) for path in folder.glob("model_*"))
    if saved != expected:
        mt.fail(f"--save_at {save_at} keeps {saved}")
done = mt.run([exe, "train", "--data", ids, "--raw", "uint16", "--save_dir", work / "none", "--save_at", "4,2"], status=2)
if "--save_at" not in done.stderr or "'2'" not in done.stderr:
    mt.fail(done.stderr)
print(f"{refused} bad files refused", flush=True)

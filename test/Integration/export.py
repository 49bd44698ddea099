"""Exported folders: complete, valid Python, refused where they would be wrong."""
import ast
import json
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T = 2, 8
# As transformers 5 names the type; the weights that are written here are fp32.
config = mt.write_config(work / "config.json", hidden_size=32, intermediate_size=40, num_attention_heads=4,
                         num_key_value_heads=2, num_hidden_layers=4, dtype="bfloat16")
tokenizer = mt.write_tokenizer(work / "letters.model", mt.LETTERS)
MODELS = {"pre": "pre", "olmo2": "olmo2", "qk_norm": "qk_norm", "post_pre": "post_pre:2"}


def type_of(folder):
    """What a config says of the type: under the newer name, which wins, or the older one."""
    written = json.loads((folder / "config.json").read_text())
    return written.get("dtype", written.get("torch_dtype"))


for name, norm in MODELS.items():
    exe = mt.compile_model(config, work / name, norm, B, T)
    run, out = work / f"run-{name}", work / f"hf-{name}"
    mt.run([exe, "train", "--num_training_steps", "0", "--seed", "3", "--tokenizer", tokenizer, "--save_dir", run])
    # From the run folder it needs no more flags than the name to write.
    mt.run([run / "exe", "export", "--out", f"{out}/"])
    written = json.loads((out / "config.json").read_text())
    architecture = written["architectures"][0]
    if (architecture == "MixlnForCausalLM") != (out / "modeling_mixln.py").exists():
        mt.fail(f"{name}: {architecture}, but modeling_mixln.py is {'there' if (out / 'modeling_mixln.py').exists() else 'missing'}")
    for file in out.glob("*.py"):
        ast.parse(file.read_text())
    weights = mt.read_safetensors(out / "model.safetensors")
    if weights != mt.read_safetensors(run / "model_0" / "model.safetensors"):
        mt.fail(f"{name}: the exported weights are not the checkpoint's")
    if architecture == "MixlnForCausalLM" and not all(f'"{n}": (' in (out / "modeling_mixln.py").read_text() for n in weights):
        mt.fail(f"{name}: modeling_mixln.py lacks a parameter")
    if [type_of(run / "model_0"), type_of(out)] != ["float32"] * 2:
        mt.fail(f"{name}: fp32 weights are called {type_of(run / 'model_0')} and {type_of(out)}")
    print(f"{name}: {architecture}", flush=True)

# Weights from elsewhere: the run's tokenizer is not theirs.
(work / "foreign").mkdir(exist_ok=True)
mt.write_safetensors(work / "foreign" / "model.safetensors",
                     mt.read_safetensors(work / "run-post_pre" / "model_0" / "model.safetensors"))
for where, config_of in (("bare", None), ("config", "config.json")):
    if config_of:
        (work / "foreign" / "config.json").write_text((work / config_of).read_text())
    out = work / f"hf-{where}"
    said = mt.run([work / "run-post_pre" / "exe", "export", "--weights", work / "foreign", "--out", out]).stdout
    if "no tokenizer" not in said or list(out.glob("token*")):
        mt.fail(f"weights from elsewhere have the run's tokenizer: {said}")
    if mt.read_safetensors(out / "model.safetensors") != mt.read_safetensors(work / "hf-post_pre" / "model.safetensors"):
        mt.fail("weights from elsewhere are not the same after export")
print("weights from elsewhere: without the run's tokenizer", flush=True)

(work / "bad.model").write_text("no tokenizer")
many = mt.write_tokenizer(work / "many.model", mt.LETTERS + [2 * c for c in mt.LETTERS])
refused = 0
for flags, message in (([], "--out is required"), (["--out", work / "hf-pre"], "exists"),
                       (["--out", f"{work}/hf-pre/"], "exists"),
                       (["--out", work / "x", "--weights", work / "run-olmo2" / "model_0"], "executable of its own model"),
                       (["--out", work / "x", "--weights", work / "nowhere"], "nowhere"),
                       (["--out", work / "x", "--weights", work / "hf-olmo2" / "model.safetensors"], "has no tensor"),
                       (["--out", work / "x", "--tokenizer", work / "bad.model"], "bad.model is not a sentencepiece model"),
                       (["--out", work / "x", "--tokenizer", many], "vocab_size is 40")):
    done = mt.run([work / "run-pre" / "exe", "export", *flags], status=2)
    if message not in done.stderr or list(work.glob("x*")) or list(work.glob("*.tmp.*")):
        mt.fail(f"export {flags} says {done.stderr}")
    refused += 1
print(f"refused: {refused} bad calls", flush=True)

"""Exported folders: complete, valid Python, refused where they would be wrong, and the same logits in transformers.

Tolerance 1e-5 of the logits' norm: both sides are fp32 and sum in another order (measured: below 6e-7)."""
import ast
import json
import os
import pathlib
import subprocess
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T = 2, 8
config = mt.write_config(work / "config.json", hidden_size=32, intermediate_size=40, num_attention_heads=4,
                         num_key_value_heads=2, num_hidden_layers=4)
tokenizer = mt.write_tokenizer(work / "letters.model", mt.LETTERS)
batch = mt.random_batch(work / "batch.safetensors", B, T, 40)
MODELS = {"pre": "pre", "olmo2": "olmo2", "post_pre": "post_pre:2", "lns": "lns", "residual": "residual",
          "normformer": "normformer", "log_rms": str(mt.NORMS / "examples" / "log_rms.json") + ":1"}

for name, norm in MODELS.items():
    exe = mt.compile_model(config, work / name, norm, B, T)
    run, out = work / f"run-{name}", work / f"hf-{name}"
    mt.run([exe, "train", "--num_training_steps", "0", "--seed", "3", "--tokenizer", tokenizer, "--save_dir", run])
    # From the run folder it needs no more flags than the name to write.
    mt.run([run / "exe", "export", "--out", out])
    mt.run([exe, "replay", "--weights", run / "model_0", "--batch", batch, "--steps", "1", "--logits",
            "--out", work / f"{name}.safetensors"])
    written = json.loads((out / "config.json").read_text())
    architecture = written["architectures"][0]
    if (architecture == "MixlnForCausalLM") != (out / "modeling_mixln.py").exists():
        mt.fail(f"{name}: {architecture}, but modeling_mixln.py is {'there' if (out / 'modeling_mixln.py').exists() else 'missing'}")
    for file in out.glob("*.py"):
        ast.parse(file.read_text())
    names = set(mt.read_safetensors(out / "model.safetensors"))
    if names != set(mt.read_safetensors(run / "model_0" / "model.safetensors")):
        mt.fail(f"{name}: the exported weights are not the checkpoint's")
    if architecture == "MixlnForCausalLM" and not all(f'"{n}": (' in (out / "modeling_mixln.py").read_text() for n in names):
        mt.fail(f"{name}: modeling_mixln.py lacks a parameter")
    print(f"{name}: {architecture}", flush=True)

refused = 0
for flags, message in (([], "--out is required"), (["--out", work / "hf-pre"], "exists"),
                       (["--out", work / "x", "--weights", work / "run-lns" / "model_0"], "another model"),
                       (["--out", work / "x", "--weights", work / "nowhere"], "nowhere")):
    done = mt.run([work / "run-pre" / "exe", "export", *flags], status=2)
    if message not in done.stderr or (work / "x").exists() or (work / "x.tmp").exists():
        mt.fail(f"export {flags} says {done.stderr}")
    refused += 1
print(f"refused: {refused} bad calls", flush=True)

COMPARE = """
import sys, torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
work, names = sys.argv[1], sys.argv[2:]
ids = load_file(f"{work}/batch.safetensors")["input_ids"].long()
for name in names:
    model = AutoModelForCausalLM.from_pretrained(f"{work}/hf-{name}", trust_remote_code=True, dtype=torch.float32)
    want = load_file(f"{work}/{name}.safetensors")["logits"]
    with torch.no_grad():
        have = model(input_ids=ids).logits
        padded = model(input_ids=torch.nn.functional.pad(ids, (3, 0)),
                       attention_mask=torch.nn.functional.pad(torch.ones_like(ids), (3, 0))).logits[:, 3:]
    for what, logits in (("", have), (" padded on the left", padded)):
        error = (logits - want).norm() / want.norm()
        if not error <= 1e-5:
            sys.exit(f"{name}{what}: logits differ by {error}")
print(f"logits agree for {len(names)} models")
"""
python = os.environ.get("MIXLN_PYTHON", "")
probe = [python, "-c", "import torch, transformers, safetensors"]
if not python or subprocess.run(probe, capture_output=True).returncode:
    print("no Python with transformers")
else:
    environment = {**os.environ, "HF_HOME": str(work / "hf-home"), "HF_HUB_OFFLINE": "1"}
    print(mt.run([python, "-c", COMPARE, work, *MODELS], env=environment).stdout.strip().splitlines()[-1])

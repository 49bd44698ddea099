"""transformers computes what an executable computes: exported folders there, folders that it saved here.

    hugging_face.py WORK_DIR PYTHON

Tolerance 2e-5 of the logits' norm, or twice what fp32 changes in transformers itself where that is more (log_rms at
these weights: 1.2e-4): both sides are fp32 and sum in another order (measured: 8e-6 for `columns`, which divides by a
mean, 1e-6 for the others). Weights are large enough that a wrong stream would be seen."""
import json
import os
import pathlib
import sys

import mixlntest as mt

work, python = pathlib.Path(sys.argv[1]), sys.argv[2]
work.mkdir(parents=True, exist_ok=True)
B, T, V, NEW = 2, 24, 40, 10
PROMPT = [3, 9, 1, 30, 12, 12, 5, 8, 22]
TEXTS = ["abc", "a  b", "hi you there", "x?z"]
# What the folder itself says is what a reader takes: no type is forced on it.
config = mt.write_config(work / "config.json", hidden_size=32, intermediate_size=40, num_attention_heads=4,
                         num_key_value_heads=2, num_hidden_layers=4, rope_theta=5000.0, dtype="bfloat16")
tokenizer = mt.write_tokenizer(work / "letters.model", mt.LETTERS)
batch = mt.random_batch(work / "batch.safetensors", B, T, V)
INPUTS = mt.ROOT / "test" / "Inputs" / "norms"
MODELS = {"pre": "pre", "olmo2": "olmo2", "qk_norm": "qk_norm", "post_pre": "post_pre:2", "lns": "lns",
          "residual": "residual", "normformer": "normformer",
          "log_rms": str(mt.NORMS / "examples" / "log_rms.json") + ":1", "exchanged": INPUTS / "exchanged.json",
          "columns": INPUTS / "columns.json", "starts": INPUTS / "starts.json"}
GENERATED = ("pre", "lns")


def logits(exe, weights, out):
    mt.run([exe, "replay", "--weights", weights, "--batch", batch, "--steps", "1", "--logits", "--out", out])
    return mt.read_safetensors(out)["logits"][1]


expected = {"generated": {}, "ids": []}
for name, norm in MODELS.items():
    exe = mt.compile_model(config, work / name, norm, B, T)
    run = work / f"run-{name}"
    mt.run([exe, "train", "--num_training_steps", "0", "--seed", "3", "--tokenizer", tokenizer, "--save_dir", run,
            "--init_std", "embed=0.5,qk=0.3,v=0.3,o=0.3,ffn=0.3,head=0.3"])
    mt.run([run / "exe", "export", "--out", work / f"hf-{name}"])
    logits(exe, run / "model_0", work / f"{name}.safetensors")
    if name in GENERATED:
        done = mt.run([run / "exe", "generate", "--prompt_ids", ",".join(map(str, PROMPT)), "--temperature", "0",
                       "--max_new_tokens", NEW, "--json"])
        expected["generated"][name] = json.loads(done.stdout)["ids"]
(work / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
mt.run([work / "run-pre" / "exe", "batches", "--data", work / "texts.jsonl", "--tokenizer", tokenizer, "--no_shuffle",
        "--total_batch_size", "1", "--steps", len(TEXTS), "--out", work / "rows.safetensors"])
ids = mt.read_safetensors(work / "rows.safetensors")["input_ids"][1]
for row in range(len(TEXTS)):
    pieces = list(ids[row * T:(row + 1) * T])
    expected["ids"].append(pieces[:pieces.index(1)])
(work / "expected.json").write_text(json.dumps({**expected, "models": list(MODELS), "texts": TEXTS, "prompt": PROMPT,
                                                "new": NEW}))

THERE = """
import json, sys, torch
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, Olmo2Config,
                          Olmo2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)
work = sys.argv[1]
expected = json.load(open(f"{work}/expected.json"))
ids = load_file(f"{work}/batch.safetensors")["input_ids"].long()
for name in expected["models"]:
    model = AutoModelForCausalLM.from_pretrained(f"{work}/hf-{name}", trust_remote_code=True)
    if model.dtype != torch.float32:
        sys.exit(f"{name}: loads as {model.dtype}")
    want = load_file(f"{work}/{name}.safetensors")["logits"]
    with torch.no_grad():
        have = model(input_ids=ids).logits
        padded = model(input_ids=torch.nn.functional.pad(ids, (3, 0)),
                       attention_mask=torch.nn.functional.pad(torch.ones_like(ids), (3, 0))).logits[:, 3:]
        # How far fp32 itself is from what the formulas say.
        exact = model.double()(input_ids=ids).logits
        model.float()
    distance = lambda logits, to: float((logits.double() - to.double()).norm() / to.double().norm())
    rounding = distance(have, exact)
    for what, logits in (("", have), (" padded on the left", padded)):
        error = distance(logits, want)
        print(f"{name}{what}: {error:.1e}", flush=True)
        if not error <= max(2e-5, 2 * rounding):
            sys.exit(f"{name}{what}: logits differ by {error}, fp32 from fp64 by {rounding}")
    if not distance(want, exact) <= max(2e-5, 2 * rounding):
        sys.exit(f"{name}: logits differ from fp64 by {distance(want, exact)}, those of transformers by {rounding}")
    if name in expected["generated"]:
        prompt = torch.tensor([expected["prompt"]])
        made = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=expected["new"],
                              do_sample=False, eos_token_id=1, pad_token_id=0)[0, prompt.shape[1]:].tolist()
        if made != expected["generated"][name]:
            sys.exit(f"{name}: generates {made}, expected {expected['generated'][name]}")
print(f"logits agree for {len(expected['models'])} models")
print(f"the same greedy tokens for {len(expected['generated'])} models")
for name in ("pre", "lns"):
    tokenizer = AutoTokenizer.from_pretrained(f"{work}/hf-{name}", trust_remote_code=True)
    found = [tokenizer(text).input_ids for text in expected["texts"]]
    if found != expected["ids"]:
        sys.exit(f"{name}: tokens {found}, expected {expected['ids']}")
print(f"the same tokens of {len(expected['texts'])} texts")

torch.manual_seed(1)
SIZES = dict(hidden_size=32, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3,
             vocab_size=40, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
             rope_parameters={"rope_type": "default", "rope_theta": 5000.0})
for name, model, parts in (("llama", LlamaForCausalLM(LlamaConfig(**SIZES)), True),
                           ("olmo2", Olmo2ForCausalLM(Olmo2Config(**SIZES)), False),
                           ("qwen3", Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=8)), False)):
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 1 if parameter.dim() == 1 else 0, 0.2)
    for kind, dtype, size in (("", torch.float32, "5GB"), ("-bf16", torch.bfloat16, "20KB"))[:1 + parts]:
        folder = f"{work}/stock-{name}{kind}"
        model.to(dtype).save_pretrained(folder, max_shard_size=size)
        # Read again: buffers of the model that was narrowed stay narrow.
        read = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.no_grad():
            save_file({"logits": read(input_ids=ids).logits.contiguous()}, folder + ".expected")
"""
environment = {**os.environ, "HF_HOME": str(work / "hf-home"), "HF_HUB_OFFLINE": "1"}
print(mt.run([python, "-c", THERE, work], env=environment).stdout, end="", flush=True)
for name in ("llama", "llama-bf16", "olmo2", "qwen3"):
    folder = work / f"stock-{name}"
    exe = mt.compile_model(folder / "config.json", work / f"{name}-exe", None, B, T)
    found = logits(exe, folder, work / f"stock-{name}.out")
    error = mt.relative(found, mt.read_safetensors(f"{folder}.expected")["logits"][1])
    if not error <= 2e-5:
        mt.fail(f"{name}: logits differ by {error}")
    # And back again, from parts in bf16 too.
    out = work / f"again-{name}"
    mt.run([exe, "export", "--weights", folder, "--out", out])
    if logits(exe, out, work / f"again-{name}.out") != found:
        mt.fail(f"{name}: another export gives other logits")
    if name == "qwen3":
        mt.run([exe, "remove-layer", "--weights", folder, "--layer", "0", "--out", work / "shorter"])
        if len(json.loads((work / "shorter" / "config.json").read_text())["layer_types"]) != 2:
            mt.fail("a removed layer is still in layer_types")
    print(f"stock {name}: {error:.1e}", flush=True)
print(f"folders of stock classes: {len(list((work / 'stock-llama-bf16').glob('model-*')))} parts")

"""Checkpoints of other programs: parts, half precision, names of the public Mix-LN code.

What is stored exactly gives the same bits."""
import array
import json
import pathlib
import struct
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T, V, L = 2, 8, 40, 2
batch = mt.random_batch(work / "batch.safetensors", B, T, V)


def logits(exe, weights, name, status=0):
    out = work / f"{name}.out"
    done = mt.run([exe, "replay", "--weights", weights, "--batch", batch, "--steps", "1", "--logits", "--out", out], status=status)
    return done.stderr if status else mt.read_safetensors(out)["logits"][1]


def write_raw(path, tensors):
    """name -> (dtype, shape, bytes)"""
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))


def half(values):
    return struct.pack(f"<{len(values)}e", *values)


# Numbers that half precision holds, so that nothing is lost on the way: subnormal ones, zeros of both signs too.
config = mt.write_config(work / "config.json", num_hidden_layers=L, vocab_size=V)
exe = mt.compile_model(config, work / "exe", "scale_res_pre_norm", B, T)
mt.run([exe, "train", "--num_training_steps", "0", "--seed", "3", "--save_dir", work / "run"])
own = mt.read_safetensors(work / "run" / "model_0" / "model.safetensors")
for name, (shape, values) in own.items():
    edge = [2.0 ** -24, -0.0, 1023 * 2.0 ** -24, -65504 * 2.0 ** -16] if len(values) > 4 else []
    exact = struct.unpack(f"<{len(values)}e", half(values))
    own[name] = (shape, array.array("f", [*edge, *exact[len(edge):]]))
own["model.layers.1.mlp_residual_scale"] = ([1], array.array("f", [0.25]))
own["model.layers.0.self_attn_residual_scale"] = ([1], array.array("f", [-0.5]))
(work / "own").mkdir(exist_ok=True)
mt.write_safetensors(work / "own" / "model.safetensors", own)
expected = logits(exe, work / "own", "own")

THEIRS = {"self_attn_residual_scale": "raw_scaling_factor_attn", "mlp_residual_scale": "raw_scaling_factor_mlp"}
theirs = {}
for name, (shape, values) in own.items():
    end = name.rsplit(".", 1)[-1]
    theirs[name.replace(end, THEIRS.get(end, end))] = ("F16", [] if end in THEIRS else shape, half(values))
for layer in range(L):
    theirs[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = ("F32", [4], struct.pack("<4f", 1, 0.1, 0.01, 0.001))
public = work / "public"
public.mkdir(exist_ok=True)
(public / "config.json").write_text(json.dumps({**mt.tiny_config(num_hidden_layers=L, vocab_size=V),
                                                "architectures": ["LlamaForCausalLM"], "dtype": "float16",
                                                "layer_types": ["full_attention"] * L}))
write_raw(public / "model.safetensors", theirs)
# Their config names no placement: the command line does.
exe = mt.compile_model(public / "config.json", work / "public-exe", "scale_res_pre_norm@mixln-repo", B, T, extra=["--dtype", "fp32"])
if logits(exe, public, "public") != expected:
    mt.fail("a checkpoint of the public code gives other logits")
print("names of the public Mix-LN code, half precision", flush=True)

parts = work / "parts"
parts.mkdir(exist_ok=True)
names, files = sorted(theirs), [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
for i, file in enumerate(files):
    write_raw(parts / file, {name: theirs[name] for name in names[i::3]})
index = {"metadata": {}, "weight_map": {name: files[i % 3] for i, name in enumerate(names)}}


def write_index(value):
    (parts / "model.safetensors.index.json").write_text(json.dumps(value))


write_index(index)
if logits(exe, parts, "parts") != expected:
    mt.fail("a checkpoint in parts gives other logits")
mt.run([exe, "remove-layer", "--weights", public, "--layer", "1", "--out", work / "removed"])
if "model.layers.0.self_attn_residual_scale" not in (work / "removed" / "model.safetensors").read_bytes().decode(errors="ignore"):
    mt.fail("remove-layer keeps foreign names")
if len(json.loads((work / "removed" / "config.json").read_text())["layer_types"]) != L - 1:
    mt.fail("remove-layer leaves the removed layer's type")
print("parts", flush=True)

mt.run([exe, "export", "--weights", parts, "--out", work / "exported"])
written = json.loads((work / "exported" / "config.json").read_text())
if set(mt.read_safetensors(work / "exported" / "model.safetensors")) != set(own) or "dtype" in written \
        or written["torch_dtype"] != "float32" or logits(exe, work / "exported", "exported") != expected:
    mt.fail(f"the exported folder is another model: {written}")
print("exported in this program's type, under its names", flush=True)

refused = 0
for what, change, *words in (
        ("a part elsewhere", {"weight_map": {"lm_head.weight": "../own/model.safetensors"}}, "weight_map", "lm_head.weight"),
        ("no map", {"metadata": {}}, "weight_map"), ("a list", [], "weight_map"),
        ("a missing part", {"weight_map": {"lm_head.weight": "none.safetensors"}}, "none.safetensors"),
        ("not all parts", {"weight_map": {names[0]: files[0]}}, "has no tensor")):
    write_index(change)
    message = logits(exe, parts, "bad", status=2)
    if any(word not in message for word in words):
        mt.fail(f"{what}: {message}")
    refused += 1
bad = work / "bad"
bad.mkdir(exist_ok=True)
scale = "model.layers.0.self_attn_residual_scale"
for what, tensors, *words in (
        ("one tensor under two names", {**theirs, scale: ("F32", [1], struct.pack("<f", 1))}, scale, "twice"),
        ("a factor of two numbers", {**theirs, "model.layers.0.raw_scaling_factor_attn": ("F32", [2], bytes(8))}, "raw_scaling_factor_attn", "[2]"),
        ("whole numbers", {**theirs, "model.norm.weight": ("I32", [16], bytes(64))}, "model.norm.weight", "I32")):
    write_raw(bad / "model.safetensors", tensors)
    message = logits(exe, bad, "bad", status=2)
    if any(word not in message for word in words):
        mt.fail(f"{what}: {message}")
    refused += 1
pickled = work / "pickled"
pickled.mkdir(exist_ok=True)
(pickled / "pytorch_model.bin").write_bytes(b"\x80")
if "pytorch_model.bin" not in logits(exe, pickled, "bad", status=2):
    mt.fail("a pickled checkpoint is not named")
print(f"{refused + 1} bad folders refused", flush=True)

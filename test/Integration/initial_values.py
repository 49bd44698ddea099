"""The initial checkpoint of every preset: the standard deviation of each parameter class within 1 %, and pre and
post_pre alike, bit for bit, wherever both have the tensor.

The rules (base = initializer_range = 0.02, L layers):
  embedding            the config's embedding_std, sqrt(2/5) in the public script
  head                 base
  projections          base
    scale_pre          o, down: base / sqrt(2 L); scale_post_pre: there in layers that are Pre-LN
    deepnorm           Xavier (sqrt(2 / (in + out))), times (8 L)^(-1/4) for v, o and the MLP
    sub_ln             Xavier, times sqrt(ln 2L) for v, o and the MLP
  gains of norms       1; lns_gain: 1 / sqrt(layer), the final norm's 1
  biases, shifts       0; alpha of dyt and derf 0.5; seednorm alpha 1, beta 0
  scalars              scale_res_pre_norm 1e-3, rezero 0, skipinit 1/sqrt(L), gates 0
"""
import math
import pathlib
import re
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
BASE, EMBEDDING = 0.02, math.sqrt(2 / 5)
ROLES = {"q_proj": "qk", "k_proj": "qk", "v_proj": "v", "o_proj": "o", "gate_proj": "ffn", "up_proj": "ffn",
         "down_proj": "ffn", "embed_tokens": "embed", "lm_head": "head"}


def role_of(name):
    return next(role for part, role in ROLES.items() if part in name)


def expected_std(preset, name, shape, L, K):
    role = role_of(name)
    if role in ("embed", "head"):
        return EMBEDDING if role == "embed" else BASE
    layer = int(name.split(".")[2])
    xavier = math.sqrt(2.0 / (shape[0] + shape[1]))
    if preset == "deepnorm":
        return xavier * (1 if role == "qk" else (8 * L) ** -0.25)
    if preset == "sub_ln":
        return xavier * (1 if role == "qk" else math.sqrt(math.log(2 * L)))
    last = "o_proj" in name or "down_proj" in name
    if last and (preset == "scale_pre" or preset == "scale_post_pre" and layer >= K):
        return BASE / math.sqrt(2 * L)
    return BASE


def expected_constant(preset, name, L):
    """None where no rule is written down here."""
    layer = int(name.split(".")[2]) + 1 if name.startswith("model.layers.") else 0
    last = name.rsplit(".", 1)[-1]
    if "norm" in name:
        if last == "weight":
            return 1 / math.sqrt(layer) if preset == "lns_gain" and layer else 1.0
        return {"bias": 0.0, "shift": 0.0, "alpha": 1.0 if preset == "seednorm" else 0.5, "beta": 0.0}[last]
    if name.endswith("_gate"):
        return 0.0
    if name.endswith("_residual_scale"):
        return {"scale_res_pre_norm": 1e-3, "rezero": 0.0, "skipinit": 1 / math.sqrt(L)}.get(preset)
    return 1.0 if name.endswith("head_scale") else None


# --- what the runtime is told to draw, in every preset at LLaMA-71M -------------------------------------------------
VARIABLE = re.compile(r"mixln\.variable @(\S+) : tensor<([0-9x]+)xf32> parameter init = <(\w+) ([-+.\de]+)>")
L, K, matrices = 12, 3, 0
for preset in mt.presets():
    text = mt.plan_of(mt.ROOT / "configs" / "llama_71m.json", mt.spec(preset, K), 1, 8, to="expand")
    found = VARIABLE.findall(text)
    if len(found) != len(re.findall(r"> parameter ", text)):
        mt.fail(f"{preset}: a parameter has no initial value")
    for name, shape, rule, value in found:
        shape, value = list(map(int, shape.split("x"))), float(value)
        if len(shape) == 2:
            matrices += 1
            expected = expected_std(preset, name, shape, L, K)
            if rule != "normal" or not abs(value / expected - 1) <= 1e-5:
                mt.fail(f"{preset} at 71M: {name} starts {rule} {value}, expected normal {expected}")
        else:
            expected = expected_constant(preset, name, L)
            if rule != "constant" or expected is not None and not abs(value - expected) <= 1e-5:
                mt.fail(f"{preset} at 71M: {name} starts {rule} {value}, expected constant {expected}")
print(f"{len(mt.presets())} presets at 71M, {matrices} matrices with the standard deviation of their rule")

# --- what a checkpoint holds: the matrices of LLaMA-71M, few layers, a small vocabulary ------------------------------
L, K = 2, 1
config = mt.write_config(work / "config.json", hidden_size=512, intermediate_size=1368, num_attention_heads=8,
                         num_key_value_heads=8, vocab_size=512, num_hidden_layers=L, initializer_range=BASE, embedding_std=EMBEDDING)


def moments(values):
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))


checkpoints, classes, worst, seen = {}, 0, 0.0, {}
for preset in ("pre", "post_pre", "scale_post_pre", "deepnorm", "sub_ln"):
    exe = mt.compile_model(config, work / "exe", mt.spec(preset, K), 1, 8)
    mt.run([exe, "train", "--num_training_steps", "0", "--seed", "5", "--threads", "1", "--save_dir", work / preset])
    tensors = mt.read_safetensors(work / preset / "model_0" / "model.safetensors")
    groups = {}
    for name, (shape, values) in tensors.items():
        if len(shape) == 2:
            std = expected_std(preset, name, shape, L, K)
            groups.setdefault((role_of(name), std), []).extend(values[::3])
            # The same matrix by the same rule is the same bits in every preset.
            if seen.setdefault((name, std), values) != values:
                mt.fail(f"{preset}: {name} has other initial values than in another preset with the same rule")
        else:
            value = expected_constant(preset, name, L)
            if value is not None and not all(abs(v - value) <= 1e-7 for v in values):
                mt.fail(f"{preset}: {name} starts as {values[0]}, expected {value}")
    for (role, std), values in groups.items():
        mean, found = moments(values)
        classes += 1
        worst = max(worst, abs(found / std - 1))
        if not abs(found / std - 1) <= 0.01:
            mt.fail(f"{preset}, class {role}: standard deviation {found:.6f}, expected {std:.6f}")
        # Five standard errors.
        if not abs(mean) <= 5 * std / math.sqrt(len(values)):
            mt.fail(f"{preset}, class {role}: mean {mean:.2e}")
    checkpoints[preset] = {name: (shape, values.tobytes()) for name, (shape, values) in tensors.items()}
    print(f"{preset}: {len(groups)} classes", flush=True)
both = set(checkpoints["pre"]) & set(checkpoints["post_pre"])
differing = [name for name in both if checkpoints["pre"][name] != checkpoints["post_pre"][name]]
if differing or len(both) < 7 * L + 2:
    mt.fail(f"pre and post_pre differ in {differing} of {len(both)} tensors")
print(f"pre and post_pre agree bit for bit on {len(both)} tensors")
print(f"{classes} classes of parameters, standard deviation off by at most {100 * worst:.2f} %")

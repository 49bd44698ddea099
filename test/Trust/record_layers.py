"""What measurements of layers must be, from an independent model in double precision.

    record_layers.py ORACLE_DIR CASE_DIR... > recorded-layers.json

ORACLE_DIR holds reference_model.py, a plain functional PyTorch model. Needs torch and safetensors. Integration/layers.py
compares.
"""
import json
import math
import pathlib
import sys

import torch
from safetensors.torch import load_file


def measure(R, folder):
    cfg = R.Config.from_json(folder / "config.json")
    params = {n: t.double().requires_grad_() for n, t in load_file(folder / "model.safetensors").items()}
    batch = load_file(folder / "batch.safetensors")
    branches, inputs, scores = [], [], []
    attention, mlp, sublayer, softmax = R.attention, R.mlp, R.sublayer, torch.softmax

    def branch(function):
        def run(*arguments):
            branches.append(function(*arguments))
            return branches[-1]
        return run

    def kept_sublayer(cfg, place, names, run, params, p, x, *rest):
        inputs.append(x)
        return sublayer(cfg, place, names, branch(run), params, p, x, *rest)

    def kept_softmax(x, dim):
        scores.append((x, softmax(x, dim=dim)))
        return scores[-1][1]

    R.sublayer, torch.softmax = kept_sublayer, kept_softmax
    out = R.forward(cfg, params, batch["input_ids"].long(), batch["labels"].long())
    R.sublayer, torch.softmax = sublayer, softmax
    for x in out.stream:
        x.retain_grad()
    out.loss.backward()
    result = {"stream_rms": [x.square().mean().sqrt() for x in out.stream],
              "stream_max": [x.abs().max() for x in out.stream[1:]],
              "sub_layer_max": [x.abs().max() for x in [*inputs[1:], out.stream[-1]]],
              "sub_layer_rms": [x.square().mean().sqrt() for x in [*inputs[1:], out.stream[-1]]],
              "input_gradient": [x.grad.norm() for x in out.stream[:-1]],
              "branch_ratio": [(f.norm(dim=-1) / x.norm(dim=-1)).mean() for f, x in zip(branches, inputs)],
              "branch_rms": [f.square().mean().sqrt() for f in branches],
              "turn_angle": [torch.arccos(torch.cosine_similarity(x, y, dim=-1).clamp(-1, 1)).mean() / math.pi
                             for x, y in zip(out.stream, out.stream[1:])],
              "attention_max": [s.max() for s, _ in scores],
              "attention_entropy": [torch.special.entr(p).sum(-1).mean() for _, p in scores]}
    result = {name: [v.item() for v in values] for name, values in result.items()}
    layers = [{n[len(f"model.layers.{i}."):]: p for n, p in params.items() if n.startswith(f"model.layers.{i}.")}
              for i in range(cfg.num_hidden_layers)]
    result["weight_norm"] = [math.sqrt(sum(float(p.square().sum()) for p in layer.values())) for layer in layers]
    result["gain_mean"] = {n: [float(layer[n].mean()) for layer in layers] for n in layers[0]
                           if "layernorm" in n and all(n in layer for layer in layers)}
    result["gain_max"] = {n: [float(layer[n].max()) for layer in layers] for n in layers[0]
                           if "layernorm" in n and all(n in layer for layer in layers)}
    result["gradient_norm_by_class"] = {
        "ffn": [math.sqrt(sum(float(p.grad.square().sum()) for n, p in layer.items() if "mlp." in n and n.endswith("proj.weight")))
                for layer in layers],
        "v": [float(layer["self_attn.v_proj.weight"].grad.norm()) for layer in layers]}
    return result


sys.path.insert(0, sys.argv[1])
import reference_model  # noqa: E402
json.dump({pathlib.Path(case).name: measure(reference_model, pathlib.Path(case)) for case in sys.argv[2:]}, sys.stdout, indent=1)
print()

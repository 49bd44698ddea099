#!/usr/bin/env python3
"""Writes the golden cases of the scales and of the z-loss from an independent double-precision model.

    make_scaled.py ORACLE_DIR [--out CASES_DIR]

ORACLE_DIR holds reference_model.py and generate.py, a plain PyTorch model that knows neither attention_scale nor
logit_scale nor a z-loss: they are put around it here. q and k, once rotated, are multiplied by the root of what the
scale differs by; logits are multiplied behind the head; the z-loss is added to what is differentiated, never to the
loss that is reported. Needs torch and safetensors.
"""
import argparse
import math
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {"hidden": 16, "intermediate": 20, "heads": 2, "layers": 2, "vocab": 32, "T": 8, "B": 2}
CASES = [
    {"name": "scaled", "purpose": "muP's 1/head_dim in attention, logits divided by four, grouped queries.",
     "norm_type": "post_pre", "K": 1, "kv_heads": 1, "seed": 71, "padding": [0, 2],
     "scales": {"attention_scale": "1/n", "logit_scale": 0.25}},
    {"name": "z_loss", "purpose": "A z-loss beside scaled logits; the loss stays the cross-entropy.",
     "norm_type": "pre", "seed": 72, "padding": [3, 0], "scales": {"logit_scale": 1.5}, "z_loss": 0.02},
]
FORMULAS = {"1/n": lambda n: 1 / n}


def write(case, out, R, G, torch, save_file):
    config = {**G.hf_config(case), **case["scales"]}
    cfg = R.Config.from_dict({k: v for k, v in config.items() if not k.endswith("_scale")})
    wanted = case["scales"].get("attention_scale", 1 / math.sqrt(cfg.head_dim))
    if isinstance(wanted, str):
        wanted = FORMULAS[wanted](cfg.head_dim)
    side = math.sqrt(wanted * math.sqrt(cfg.head_dim))
    rope, forward = R.rope, R.forward
    R.rope = lambda x, theta: rope(x, theta) * side

    class Output:
        """What R.forward returns, of scaled logits."""
        def __init__(self, whole, labels):
            self.stream = whole.stream
            self.logits = whole.logits * case["scales"].get("logit_scale", 1.0)
            sums = torch.logsumexp(self.logits[:, :-1], -1)
            counted = labels[:, 1:] != -100
            target = self.logits[:, :-1].gather(-1, labels[:, 1:].clamp(min=0)[..., None])[..., 0]
            plain = ((sums - target) * counted).sum() / counted.sum()
            term = case.get("z_loss", 0.0) * (sums.square() * counted).sum() / counted.sum()
            # Differentiated with the term, read without it.
            self.loss = plain + term - term.detach()

    R.forward = lambda cfg, params, ids, labels, **more: Output(forward(cfg, params, ids, labels, **more), labels)
    try:
        params = G.make_parameters(cfg, case["seed"])
        ids, labels = G.make_batch(cfg.vocab_size, (case["B"], case["T"]), case["padding"], case["seed"] + 1)
        expected = R.train(cfg, params, ids, labels, G.STEPS, G.LR, G.CLIP)
    finally:
        R.rope, R.forward = rope, forward
    G.check_strength(cfg, case["name"], expected)
    folder = out / case["name"]
    folder.mkdir(parents=True, exist_ok=True)
    G.write_json(folder / "config.json", config)
    save_file(params, folder / "model.safetensors", metadata={"format": "pt"})
    save_file({"input_ids": ids.to(torch.int32), "labels": labels.to(torch.int32)}, folder / "batch.safetensors")
    save_file({n: t.to(torch.float32).contiguous() for n, t in expected.items()}, folder / "expected.safetensors")
    about = {"name": case["name"], "purpose": case["purpose"], "N": G.STEPS, "lr": G.LR, "clip": G.CLIP,
             "seed": case["seed"], "formula": G.FORMULAS[case["norm_type"]], **case["scales"]}
    if "z_loss" in case:
        about["z_loss"] = case["z_loss"]
    G.write_json(folder / "case.json", about)
    print(case["name"], expected["loss"].tolist())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("oracle", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "cases")
    args = parser.parse_args()
    sys.path.insert(0, str(args.oracle.resolve()))
    import generate as G
    import reference_model as R
    import torch
    from safetensors.torch import save_file
    torch.set_num_threads(1)
    for case in CASES:
        write({**SIZES, **case}, args.out, R, G, torch, save_file)


if __name__ == "__main__":
    main()

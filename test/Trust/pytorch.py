"""Updates in PyTorch on recorded rows, from a checkpoint's weights.

    pytorch.py ORACLE_DIR CHECKPOINT ROWS.safetensors SETTINGS.json float32|float64

ORACLE_DIR holds reference_model.py, a plain functional model. Everything else that a training run consists of is written
down here once more: micro-batches, the mean over the counted labels of the whole batch, the schedule, clipping, Adam.
Prints one JSON object with `loss`, `grad_norm` (before clipping) and `lr` of each update. Needs torch and safetensors.
"""
import json
import math
import pathlib
import sys

import torch
from safetensors.torch import load_file


def rate(settings, update):
    """Linear from 0, then a cosine down to a tenth: as the public script has it."""
    warmup, steps = settings["warmup_steps"], settings["steps"]
    if update < warmup:
        return settings["lr"] * update / warmup
    progress = (update - warmup) / (steps - warmup)
    return settings["lr"] * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))


def main():
    oracle, checkpoint, rows, settings, dtype = sys.argv[1:]
    sys.path.insert(0, oracle)
    import reference_model as R
    torch.set_num_threads(2)
    dtype = getattr(torch, dtype)
    settings = json.loads(pathlib.Path(settings).read_text())
    cfg = R.Config.from_json(pathlib.Path(checkpoint) / "config.json")
    params = {name: tensor.to(dtype).requires_grad_()
              for name, tensor in load_file(pathlib.Path(checkpoint) / "model.safetensors").items()}
    batches = load_file(rows)
    optimizer = torch.optim.Adam(list(params.values()), lr=settings["lr"], betas=(0.9, 0.999), eps=1e-8)
    out = {"loss": [], "grad_norm": [], "lr": []}
    for update in range(settings["steps"]):
        ids, labels = batches["input_ids"][update].long(), batches["labels"][update].long()
        counted = int((labels[:, 1:] != -100).sum())
        optimizer.zero_grad(set_to_none=True)
        loss = 0.0
        for first in range(0, len(ids), settings["batch_size"]):
            micro = slice(first, first + settings["batch_size"])
            logits = R.forward(cfg, params, ids[micro]).logits
            part = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[micro, 1:].flatten(),
                                                     ignore_index=-100, reduction="sum") / counted
            part.backward()
            loss += part.item()
        # As clip_grad_norm_, but summed in double: its sum in single precision is off by up to 1e-3 for an embedding.
        norm = torch.sqrt(sum(p.grad.double().square().sum() for p in params.values()))
        factor = min(1.0, settings["grad_clipping"] / (norm.item() + 1e-6))
        for p in params.values():
            p.grad.mul_(factor)
        for group in optimizer.param_groups:
            group["lr"] = rate(settings, update)
        optimizer.step()
        out["loss"].append(loss)
        out["grad_norm"].append(norm.item())
        out["lr"].append(rate(settings, update))
    print(json.dumps(out))


if __name__ == "__main__":
    main()

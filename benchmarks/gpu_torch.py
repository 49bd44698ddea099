#!/usr/bin/env python3
"""What PyTorch reaches on this GPU (a part of gpu.sh).

    gpu_torch.py --ceilings
    gpu_torch.py --config CONFIG.json --batch B --seq T --norm post_pre:K --steps N

The first measures a device copy and a bf16 product. The second trains the same LLaMA (Mix-LN with K Post-LN layers) on
random tokens: bf16 autocast over fp32 weights, torch.compile, SDPA, fused AdamW, clipping to norm 1. Each prints one
JSON line.
"""
import argparse
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def seconds(work, repeat):
    """The median of `repeat` runs, by the GPU's clock."""
    times = []
    for i in range(repeat + 3):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        if i >= 3:
            times.append(begin.elapsed_time(end) / 1e3)
    return sorted(times)[len(times) // 2]


def ceilings():
    source = torch.randn(1 << 28, device="cuda")
    target = torch.empty_like(source)
    copy = 2 * source.numel() * 4 / seconds(lambda: target.copy_(source), 20)
    best = 0
    for size in (4096, 8192):
        a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        best = max(best, 2 * size**3 / seconds(lambda: a @ b, 20))
    print(json.dumps({"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "copy_bytes": copy,
                      "bf16_flops": best}))


class Norm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return F.rms_norm(x.float(), x.shape[-1:], self.weight, self.eps).to(x.dtype)


class Layer(nn.Module):
    def __init__(self, config, post):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.heads, self.post = config["num_attention_heads"], post
        self.qkv, self.o = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 2 * inner, bias=False), nn.Linear(inner, width, bias=False)
        self.norms = nn.ModuleList(Norm(width, config["rms_norm_eps"]) for _ in range(2))

    def attention(self, x, cos, sin):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)

        def rotate(y):
            a, b = y.chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(v.dtype)

        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(batch, length, width))

    def mlp(self, x):
        gate, up = self.up(x).chunk(2, -1)
        return self.down(F.silu(gate) * up)

    def forward(self, x, cos, sin):
        for norm, branch in zip(self.norms, (lambda y: self.attention(y, cos, sin), self.mlp)):
            x = norm(x + branch(x)) if self.post else x + branch(norm(x))
        return x


class Llama(nn.Module):
    def __init__(self, config, length, post):
        super().__init__()
        width = config["hidden_size"]
        self.embed = nn.Embedding(config["vocab_size"], width)
        self.layers = nn.ModuleList(Layer(config, i < post) for i in range(config["num_hidden_layers"]))
        self.norm, self.head = Norm(width, config["rms_norm_eps"]), nn.Linear(width, config["vocab_size"], bias=False)
        half = width // config["num_attention_heads"] // 2
        angle = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(half) / half)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, labels):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), labels.flatten())


def train(args):
    config = json.loads(open(args.config).read())
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = True
    post = int(args.norm.split(":")[1]) if ":" in args.norm else 0
    model = Llama(config, args.seq, post).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    compiled = torch.compile(model)
    times = []
    for step in range(args.steps):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        ids = torch.randint(config["vocab_size"], (args.batch, args.seq + 1), device="cuda")
        with torch.autocast("cuda", torch.bfloat16):
            loss = compiled(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    step = sorted(times[5:])[len(times[5:]) // 2]
    print(json.dumps({"torch": torch.__version__, "step_seconds": step, "first_step_seconds": times[0],
                      "tokens_per_second": args.batch * args.seq / step,
                      "memory_bytes": torch.cuda.max_memory_allocated()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ceilings", action="store_true")
    parser.add_argument("--config")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seq", type=int, default=256)
    parser.add_argument("--norm", default="pre")
    parser.add_argument("--steps", type=int, default=30)
    args = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU")
    ceilings() if args.ceilings else train(args)


if __name__ == "__main__":
    main()

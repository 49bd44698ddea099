"""The measured step: bit-equal losses and gradients, and measurements that are right."""
import math
import pathlib
import sys

import mixlntest as mt
from kernels import Program

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
L, B, T = 3, 2, 8
config = mt.write_config(work / "config.json", num_hidden_layers=L)
LIMIT = 1e-5


def close(what, found, expected, limit=LIMIT):
    error = mt.relative(found, expected)
    if len(found) != len(expected) or not error <= limit:
        mt.fail(f"{what}: {list(found)}, expected {list(expected)}")
    return error


worst = 0.0
for preset in sys.argv[2:]:
    folder = work / preset
    folder.mkdir(exist_ok=True)
    program = Program(config, mt.spec(preset), B, T, folder)
    filled = program.fill(seed=7)
    gradients = [n for n, t in program.tensors.items() if t["role"] == "gradient"]
    program.run("prepare")
    program.run("gradient")
    plain = {name: program.bytes(name) for name in ["loss_sum", *gradients]}
    for name in ["loss_sum", "stream_rms", *gradients]:
        program.write(name, [math.nan] * program.elements(name))
    program.run("gradient.measured")
    for name, before in plain.items():
        if program.bytes(name) != before:
            mt.fail(f"{preset}: the measured step has another {name}")
    program.run("gradient_norms")

    # Against the interpreter of the expanded model, which knows no kernel, no joining and no plan.
    mt.write_safetensors(folder / "inputs.safetensors", filled)
    (folder / "expanded.mlir").write_text(mt.plan_of(config, mt.spec(preset), B, T, to="expand"))
    mt.run(["mixln-run", folder / "expanded.mlir", "--entry", "loss.measured", "--inputs",
            folder / "inputs.safetensors", "--outputs", folder / "out.safetensors"])
    out = mt.read_safetensors(folder / "out.safetensors")
    worst = max(worst, close(f"{preset}: loss", program.read("loss_sum"), out["loss_sum"][1]),
                close(f"{preset}: stream_rms", program.read("stream_rms"), out["stream_rms"][1]))
    norms = []
    for layer in range(L):
        mine = [n for n in gradients if n.startswith(f"grad.model.layers.{layer}.")]
        norms.append(math.sqrt(math.fsum(v * v for n in mine for v in program.read(n))))
    worst = max(worst, close(f"{preset}: layer_grad_norm", program.read("layer_grad_norm"), norms))
    print(f"{preset}: loss and {len(gradients)} gradients bit-equal with the measured step", flush=True)
print(f"{len(sys.argv) - 2} presets, RMS of {L + 1} streams and norms of {L} layers, worst error {worst:.1e}")

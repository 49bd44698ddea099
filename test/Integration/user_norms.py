"""A user's own norm files: checked, explained and trained without a line of C++."""
import pathlib
import sys

import mixlntest as mt

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T, V, STEPS = 4, 16, 64, 30
config = mt.write_config(work / "config.json", hidden_size=32, intermediate_size=48, vocab_size=V, num_hidden_layers=3)
ids = mt.write_ids(work / "ids.bin", 40000, V)

for example, k, words in (("centred", None, ["centred.input_layernorm(x)", "shift [32] = 0"]), ("log_rms", 1, ["log_rms", "gain"])):
    path = mt.NORMS / "examples" / f"{example}.json"
    spec = f"{path}:{k}" if k is not None else str(path)

    check = mt.run(["mixln-run", "--check", spec]).stdout
    if " 0 differ" not in check or "kernels agree with the interpreter, 0 differ" not in check:
        mt.fail(f"{example}: --check says\n{check}")

    explained = mt.run(["mixlnc", config, "--norm", spec, "--batch_size", B, "--seq_len", T, "--explain"]).stdout
    missing = [word for word in words if word not in explained]
    if missing:
        mt.fail(f"{example}: --explain does not say {missing}:\n{explained}")

    exe = mt.compile_model(config, work / example, spec, B, T)
    mt.run([exe, "train", "--data", ids, "--raw", "uint16", "--packing", "concat", "--num_training_steps", STEPS,
            "--warmup_steps", "3", "--lr", "1e-2", "--save_dir", work / f"run-{example}"])
    losses = mt.losses(work / f"run-{example}")
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    if len(losses) != STEPS or not last < 0.8 * first:
        mt.fail(f"{example}: the loss went from {first} to {last} in {len(losses)} steps")
    print(f"{example}: gradients and kernels agree, the loss falls from {first:.2f} to {last:.2f}", flush=True)

"""Twelve updates of a training run against PyTorch on the same rows.

    updates.py WORK recorded                          synthetic text, against the numbers in recorded-updates.json
    updates.py WORK record PYTHON SHARED              writes recorded-updates.json
    updates.py WORK c4 PYTHON SHARED                  real C4, against PyTorch as it is computed now

SHARED holds data/ (C4 and T5's tokenizer) and oracle/ (the PyTorch model). `pad` packing, two micro-batches an update,
clipping, a warm-up and a cosine. The limit is 1e-5 of the loss and of the gradient's norm.
"""
import json
import pathlib
import shutil
import sys

import mixlntest as mt
import text

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = HERE / "recorded-updates.json"
LIMIT = 1e-5
SETTINGS = {"steps": 12, "batch_size": 2, "total_batch_size": 4, "lr": 1e-3, "warmup_steps": 3, "grad_clipping": 0.7}


def ours(work, config, data, tokenizer, length):
    """Trains; returns metrics, the initial checkpoint, the rows."""
    exe = mt.compile_model(config, work / "exe", "post_pre:1", SETTINGS["batch_size"], length)
    source = ["--data", data, "--tokenizer", tokenizer, "--packing", "pad"]
    rows = ["--total_batch_size", SETTINGS["total_batch_size"]]
    mt.run([exe, "train", "--num_training_steps", "0", "--seed", "3", "--save_dir", work / "initial"])
    mt.run([exe, "batches", *source, *rows, "--steps", SETTINGS["steps"], "--out", work / "rows.safetensors"])
    mt.run([exe, "train", *source, *rows, "--weights", work / "initial" / "model_0", "--steps", SETTINGS["steps"], "--lr",
            SETTINGS["lr"], "--warmup_steps", SETTINGS["warmup_steps"], "--scheduler", "cosine", "--grad_clipping",
            SETTINGS["grad_clipping"], "--save_dir", work / "run"])
    lines = [json.loads(line) for line in (work / "run" / "metrics.jsonl").read_text().splitlines()]
    found = {key: [line[key] for line in lines] for key in ("loss", "grad_norm", "lr")}
    return found, work / "initial" / "model_0", work / "rows.safetensors"


def pytorch(work, python, shared, checkpoint, rows, dtype):
    (work / "settings.json").write_text(json.dumps(SETTINGS))
    done = mt.run([python, HERE / "pytorch.py", shared / "oracle", checkpoint, rows, work / "settings.json", dtype])
    return json.loads(done.stdout)


def compare(what, found, expected):
    worst = {}
    for key in ("loss", "grad_norm"):
        if len(found[key]) != SETTINGS["steps"] or len(expected[key]) != SETTINGS["steps"]:
            mt.fail(f"{what}: {len(found[key])} updates, expected {SETTINGS['steps']}")
        worst[key] = max(abs(x - y) / abs(y) for x, y in zip(found[key], expected[key]))
        if not all(abs(x - y) <= LIMIT * abs(y) for x, y in zip(found[key], expected[key])):
            mt.fail(f"{what}: {key} off by {worst[key]:.1e}\n{found[key]}\n{expected[key]}")
    if not all(abs(x - y) <= 1e-12 for x, y in zip(found["lr"], expected["lr"])):
        mt.fail(f"{what}: learning rates {found['lr']}, expected {expected['lr']}")
    print(f"{what}: {SETTINGS['steps']} updates agree, loss to {worst['loss']:.1e}, gradient norm to "
          f"{worst['grad_norm']:.1e}", flush=True)


def main():
    work, mode = pathlib.Path(sys.argv[1]), sys.argv[2]
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if mode == "c4":
        python, shared = sys.argv[3], pathlib.Path(sys.argv[4])
        found, checkpoint, rows = ours(work, mt.ROOT / "configs" / "llama_9m.json",
                                       shared / "data/c4/c4-sample.train.json.gz",
                                       shared / "data/tokenizer/t5/spiece.model", 64)
        for dtype in ("float64", "float32"):
            compare(f"C4 with PyTorch in {dtype}", found, pytorch(work, python, shared, checkpoint, rows, dtype))
        return
    config = mt.write_config(work / "config.json", hidden_size=48, intermediate_size=104, num_attention_heads=4,
                             num_key_value_heads=2, num_hidden_layers=3, vocab_size=96)
    found, checkpoint, rows = ours(work, config, text.write_documents(work / "text.jsonl", 80),
                                   text.write_tokenizer(work / "spiece.model"), 64)
    if mode == "record":
        python, shared = sys.argv[3], pathlib.Path(sys.argv[4])
        expected = pytorch(work, python, shared, checkpoint, rows, "float64")
        RECORDED.write_text(json.dumps(expected, indent=1) + "\n")
    labels = mt.read_safetensors(rows)["labels"][1]
    padding = sum(label == -100 for label in labels)
    print(f"{len(labels)} labels, {padding} of them padding")
    compare("synthetic text with PyTorch in float64", found, json.loads(RECORDED.read_text()))


if __name__ == "__main__":
    main()

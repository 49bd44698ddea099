"""What an executable refuses: weights, batches, data, tokenizers, flags, places to write."""
import array
import gzip
import json
import pathlib
import struct
import subprocess
import sys

from refusals import Cases, mt, text

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
cases = Cases(work)
B, T, V = 2, 8, 40
config = mt.write_config(work / "config.json", vocab_size=V)
exe = mt.compile_model(config, work / "exe", "post_pre:1", B, T)
tokenizer = mt.write_tokenizer(work / "letters.model", mt.LETTERS)
ids = mt.write_ids(work / "ids.bin", 4096, V)
TOKENS = ["--data", ids, "--raw", "uint16", "--packing", "concat"]

# Weights to spoil: the initial ones.
mt.run([exe, "train", "--num_training_steps", "0", "--save_dir", work / "initial"])
weights = work / "initial" / "model_0"
good = mt.read_safetensors(weights / "model.safetensors")
batch = mt.random_batch(work / "batch.safetensors", B, T, V)


# --- replay ----------------------------------------------------------------------------------------------------------
def replay(name, *words, weights=weights, batch=batch, out=work / "out.safetensors", extra=()):
    cases.refused(name, [exe, "replay", "--weights", weights, "--batch", batch, "--steps", "1", "--out", out, *extra],
                  *words)


def folder(name, content):
    path = work / name
    path.mkdir(exist_ok=True)
    target = path / "model.safetensors"
    if isinstance(content, dict):
        mt.write_safetensors(target, content)
    elif content is not None:
        target.write_bytes(content)
    return path


some = "model.layers.1.mlp.up_proj.weight"
raw = (weights / "model.safetensors").read_bytes()
replay("no weights", "none", weights=work / "none")
replay("a folder without weights", "model.safetensors", weights=folder("empty", None))
replay("a missing tensor", some, weights=folder("missing", {n: t for n, t in good.items() if n != some}))
replay("an extra tensor", "model.layers.7.extra", weights=folder("extra", {**good, "model.layers.7.extra": good[some]}))
shape, values = good[some]
replay("a wrong shape", some, str(shape[0]), weights=folder("shape", {**good, some: (shape[::-1], values)}))
replay("a wrong type", some, "I32",
       weights=folder("type", {**good, some: (shape, array.array("i", [0] * len(values)))}))
replay("truncated weights", "bytes", weights=folder("cut", raw[:-100]))
replay("weights cut off in the header", "header", weights=folder("cut2", raw[:40]))
replay("an empty file", "bytes", weights=folder("nothing", b""))
replay("a header that claims more than the file", "claims a header of",
       weights=folder("lie1", struct.pack("<Q", 1 << 60) + raw[8:]))
replay("a header that is not JSON", "JSON", weights=folder("lie2", raw[:8] + b"[" + raw[9:]))
size = int.from_bytes(raw[:8], "little")
header = json.loads(raw[8:8 + size])


def with_header(change):
    changed = json.loads(json.dumps(header))
    change(changed)
    new = json.dumps(changed).encode()
    return struct.pack("<Q", len(new)) + new + raw[8 + size:]


def beyond(h):
    h[some]["data_offsets"][1] += 1 << 40


def overlap(h):
    other = next(n for n in h if n not in (some, "__metadata__") and h[n]["shape"] == h[some]["shape"])
    h[some]["data_offsets"] = h[other]["data_offsets"]


def negative(h):
    h[some]["shape"] = [-1, 16]


def huge(h):
    h[some]["shape"] = [1 << 62, 1 << 62]


replay("data beyond the file", some, weights=folder("lie3", with_header(beyond)))
replay("tensors on each other", "model", weights=folder("lie4", with_header(overlap)))
replay("a negative shape", some, weights=folder("lie5", with_header(negative)))
replay("a shape that overflows", some, weights=folder("lie6", with_header(huge)))


def recorded(name, ids=None, labels=None, shape=(B, T)):
    values = array.array("i", [1] * (shape[0] * shape[1]))
    tensors = {"input_ids": (list(shape), ids or values), "labels": (list(shape), labels or values)}
    return mt.write_safetensors(work / name, tensors)


def with_value(value):
    values = array.array("i", [1] * (B * T))
    values[T + 3] = value
    return values


replay("an id beyond the vocabulary", "input_ids[1, 3]", "40", batch=recorded("id.st", ids=with_value(V)))
replay("a negative id", "input_ids[1, 3]", "-1", batch=recorded("neg.st", ids=with_value(-1)))
replay("a label beyond the vocabulary", "labels[1, 3]", "41", batch=recorded("label.st", labels=with_value(V + 1)))
replay("a negative label that is not -100", "labels[1, 3]", "-7", batch=recorded("label2.st", labels=with_value(-7)))
replay("rows of another length", "input_ids", "8", batch=recorded("t.st", shape=(B, T + 1)))
replay("rows that the batch size does not divide", "3", "2", batch=recorded("rows.st", shape=(3, T)))
replay("no labels", "labels", batch=mt.write_safetensors(work / "ids.st", {"input_ids": ([B, T], with_value(1))}))
replay("no batch", "none.st", batch=work / "none.st")
replay("a batch that is not one", "letters.model", batch=tokenizer)
replay("no folder to write into", "none/out", out=work / "none/out.safetensors")
replay("a folder to write over", "empty", out=work / "empty")
replay("a place below a file", "config.json", out=config / "out.safetensors")
replay("no steps", "--steps", "0", extra=["--steps", "0"])
replay("a learning rate below zero", "--lr", "-1", extra=["--lr", "-1"])
replay("a learning rate that is not a number", "--lr", "nan", extra=["--lr", "nan"])
replay("no threads", "--threads", "0", extra=["--threads", "0"])
replay("an unknown optimizer", "--optimizer", "adan", "adam", extra=["--optimizer", "adan"])
replay("an unknown flag", "--treads", "threads", extra=["--treads", "1"])
cases.refused("weights not named", [exe, "replay", "--batch", batch, "--out", work / "x"], "--weights")
cases.refused("an unknown command", [exe, "trian"], "trian", "train")
cases.refused("no command", [exe], "usage")


# --- train -----------------------------------------------------------------------------------------------------------
def train(name, *words, data=TOKENS, extra=(), may_write=()):
    cases.refused(name, [exe, "train", *data, "--num_training_steps", "2", "--warmup_steps", "0", "--save_dir",
                         work / "run", *extra], *words, may_write=may_write)
    checkpoints = list((work / "run").glob("model_*")) if (work / "run").exists() else []
    if checkpoints:
        mt.fail(f"{name}: left {checkpoints}")


def lines(*texts):
    return "".join(json.dumps({"text": t}) + "\n" for t in texts)


STORY = "the quick brown fox jumps over the lazy dog again and again until the day is over"
shard = work / "shard.json.gz"
shard.write_bytes(gzip.compress((lines(*[STORY] * 50)).encode()))


def shards(path, tokenizer=tokenizer):
    return ["--data", path, "--packing", "concat", *(["--tokenizer", tokenizer] if tokenizer else [])]


train("no data", "--data", data=[])
train("no such shard", "none", data=shards(work / "none.*.json.gz"))
train("an empty shard", "empty", data=shards(text(work / "empty.json.gz", b"")))
train("a truncated shard", "cut.json.gz", "truncated", "line", data=shards(text(work / "cut.json.gz", shard.read_bytes()[:-30])))
train("a shard that is not gzip", "plain.json.gz", "gzip", data=shards(text(work / "plain.json.gz", lines(STORY))))
damaged = bytearray(shard.read_bytes())
damaged[len(damaged) // 2] ^= 0xFF
train("a damaged shard", "damaged.json.gz", data=shards(text(work / "damaged.json.gz", bytes(damaged))))
train("lines of which none is a document", "all 3 lines", "skipped", '"text"',
      data=shards(text(work / "none.jsonl", '{"text": 3}\n{"txt": "a"}\n{not json\n')))
train("data shorter than one batch", "fewer", data=shards(text(work / "short.jsonl", lines("a b"))))
train("a folder as data", "initial", data=shards(work / "initial"))
train("no tokenizer", "--tokenizer", data=shards(shard, None))
train("no such tokenizer", "none.model", data=shards(shard, work / "none.model"))
train("a tokenizer that is none", "config.json", "sentencepiece", data=shards(shard, config))
train("an empty tokenizer", "empty", data=shards(shard, text(work / "empty.model", b"")))
large = mt.write_tokenizer(work / "large.model", mt.LETTERS + [chr(0x400 + c) for c in range(40)])
train("a tokenizer larger than the vocabulary", "70", "40", data=shards(shard, large))
train("ids beyond the vocabulary", "40", "vocab_size",
      data=["--data", mt.write_ids(work / "wide.bin", 4096, 90), "--raw", "uint16", "--packing", "concat"])
train("ids that end within one", "odd.bin", data=["--data", text(work / "odd.bin", b"\1\0\1"), "--raw", "uint16",
                                                  "--packing", "concat"])
train("ids without a header", "MIXLNBIN", data=["--data", ids, "--packing", "concat"])
train("a header that lies", "lie.bin", data=["--data", text(
    work / "lie.bin", b"MIXLNBIN" + struct.pack("<IIIIQQQ", 1, 2, 1, T, 1 << 40, V, 0) + bytes(16) + bytes(64)),
    "--packing", "concat"])
train("a save folder below a file", "config.json", extra=["--save_dir", config / "run"])
train("a file as save folder", "config.json", extra=["--save_dir", config])
train("a save folder that holds a run", "already holds a run", extra=["--save_dir", work / "initial"])
cases.refused("no save folder", [exe, "train", *TOKENS], "--save_dir")
train("a total that is no multiple", "--total_batch_size", "3", "2", extra=["--total_batch_size", "3"])
train("contradictory batch sizes", "--gradient_accumulation", extra=["--total_batch_size", "4",
                                                                    "--gradient_accumulation", "3"])
train("another batch size than compiled", "--batch_size", "4", "2", extra=["--batch_size", "4"])
train("another length than compiled", "16", "8", extra=["--max_length", "16"])
train("an unknown schedule", "--scheduler", "cosin", "cosine", extra=["--scheduler", "cosin"])
train("an unknown packing", "--packing", "pack", "concat", extra=["--packing", "pack"])
train("a negative number of steps", "--num_training_steps", "-1", extra=["--num_training_steps", "-1"])
train("a ratio above one", "--min_lr_ratio", "2", extra=["--min_lr_ratio", "2"])
train("an unknown class", "--lr_mult", "gates", extra=["--lr_mult", "gates=0.1"])
train("an unknown flag", "--num_training_step", "num_training_steps", extra=["--num_training_step", "5"])
train("a flag without value", "--lr", extra=["--lr"])
train("no evaluation data", "none", extra=["--eval_data", work / "none.bin"])
train("weights of another model", some,
      extra=["--weights", folder("missing", {n: t for n, t in good.items() if n != some})])
train("no such weights", "nowhere", extra=["--weights", work / "nowhere"])
train("a placement at run time", "--norm", "compile", extra=["--norm", "pre"])

# --- eval ------------------------------------------------------------------------------------------------------------
cases.refused("eval without weights", [exe, "eval", *TOKENS], "--weights")
cases.refused("eval without data", [exe, "eval", "--weights", weights], "--data")
cases.refused("eval of no weights", [exe, "eval", "--weights", work / "nowhere", *TOKENS], "nowhere")
cases.refused("eval of no shard", [exe, "eval", "--weights", weights, "--data", work / "none.json.gz"], "none.json.gz")
cases.refused("eval of no tokens", [exe, "eval", "--weights", weights, *TOKENS, "--eval_tokens", "0"], "--eval_tokens")

# --- lines that are skipped, counted and reported --------------------------------------------------------------------
mixed = text(work / "mixed.jsonl", lines(STORY) + "{broken\n" + '{"txt": "no"}\n' + lines(*[STORY] * 20) + "[]\n")
done = mt.run([exe, "eval", "--weights", weights, *shards(mixed)])
for word in ("mixed.jsonl:2", "mixed.jsonl:3", "mixed.jsonl:24", "skipped 3 of 24 lines"):
    if word not in done.stderr:
        mt.fail(f"skipped lines: no '{word}' in\n{done.stderr}")
if not json.loads(done.stdout)["eval_tokens"] > 0:
    mt.fail("nothing was evaluated")
print("lines that are no documents are skipped, counted and reported")

# --- output that does not arrive ---------------------------------------------------------------------------------------
for command in ([exe, "eval", "--weights", weights, *TOKENS], [exe, "info"], ["mixln-data", "c4", "--list"],
                ["mixln-data", "--help"]):
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(word) for word in command], stdout=full, stderr=subprocess.PIPE, text=True)
    if done.returncode != 1 or "cannot write standard output: no space left on device" not in done.stderr:
        mt.fail(f"{command} with a full disk behind it: status {done.returncode}\n{done.stderr}")
print("output that does not arrive is an error")

# --- a shard of C4 that is there and damaged ---------------------------------------------------------------------------
(work / "c4").mkdir()
text(work / "c4" / "c4-validation.00000-of-00008.json.gz", bytes(damaged))
cases.refused("a damaged shard of C4", ["mixln-data", "c4", "--dir", work / "c4", "--fetch", "validation:0"],
              "c4-validation.00000-of-00008.json.gz", "remove")
sys.exit(cases.finish())

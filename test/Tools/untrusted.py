"""Data made to harm: bombs, deep nesting, names that are taken, folders that others own."""
import gzip
import json
import os
import pathlib
import struct
import sys

from refusals import Cases, mt, text

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
cases = Cases(work)
config = mt.write_config(work / "config.json")
SHAPE = ["--batch_size", "2", "--seq_len", "8"]
LAYERS = [{"attention": {"in": "norm"}, "mlp": "same"}]


def norm(name, *words, **content):
    path = text(work / f"{name.replace(' ', '_')}.json", json.dumps({"layers": LAYERS, **content}))
    cases.refused(name, ["mixlnc", config, *SHAPE, "--norm", path, "--compile_to", "import"], path.name, *words)


# Small norm files that ask for much.
kinds = {"k0": {"y": "x*x"}}
for i in range(1, 6):
    kinds[f"k{i}"] = {"y": "+".join(f"k{i - 1}.s{j}(x)" for j in range(20))}
norm("kinds that double", "kinds.k2.y", "expands to more than 2000 operations", kinds=kinds)
kinds = {"k0": {"y": "x*x"}} | {f"k{i}": {"y": f"k{i - 1}(x)"} for i in range(1, 40)}
norm("kinds in kinds", "nests 9 kinds, expected at most 8", kinds=kinds)
many = [{"attention": {"combine": "x + F" + "".join(f" + rms.n{i}(x)" for i in range(300))}, "mlp": "same"}]
large = mt.write_config(work / "large.json", num_hidden_layers=1000)
path = text(work / "many.json", json.dumps({"layers": many}))
cases.refused("norms in every layer", ["mixlnc", large, *SHAPE, "--norm", path, "--compile_to", "import"],
              "many.json", "more than 524288 operations")
norm("many keys", "an object of more than 1024 keys", params={f"p{i}": {"scalar": 1} for i in range(2000)})
# Initial values that use each other twice are no bomb: each is found once.
params = {"p0": {"scalar": 1, "per": "model"}}
params |= {f"p{i}": {"scalar": f"p{i - 1} * 0.5 + p{i - 2 if i > 1 else 0} * 0.5", "per": "model"} for i in range(1, 60)}
chain = text(work / "chain.json", json.dumps({
    "params": params, "layers": [{"attention": {"combine": "x + p59*F"}, "mlp": "same"}]}))
mt.run(["mixlnc", config, *SHAPE, "--norm", chain, "--compile_to", "import", "-o", work / "chain.mlir"])
cases.refused("units beyond the layers",
              ["mixlnc", config, *SHAPE, "--norm", ",".join(["1xpre"] * 1000), "--compile_to", "import"],
              "1000 units, expected at most num_hidden_layers 2")
cases.refused("layers", ["mixlnc", mt.write_config(work / "deep.json", num_hidden_layers=5000), *SHAPE, "--compile_to",
                         "import"], "num_hidden_layers is 5000, expected at most 1024")
cases.refused("rows beyond an int32", ["mixlnc", config, "--batch_size", 2**20, "--seq_len", 2**12, "--compile_to",
                                       "import"], "max")

# IR.
IR = ["--compile_from", "expand", "--compile_to", "expand"]
for name, content, word in (
        ("nested IR", "module attributes {a = " + "[" * 100000, "nested deeper than 64 levels"),
        ("nested aliases", "#a0 = [1]\n" + "".join(f"#a{i} = [#a{i - 1}]\n" for i in range(1, 100000)),
         "nested deeper than 64 levels"),
        ("a long expression", "#m = affine_map<(d0) -> (" + "-" * 100000 + "d0)>",
         "an expression or a name of more than 512 characters"),
        ("no IR", "\0\1\2", "")):
    path = text(work / f"{name.replace(' ', '_')}.mlir", content)
    cases.refused(name, ["mixlnc", path, *IR], path.name, word)

# Data, tokenizers and checkpoints.
exe = mt.compile_model(config, work / "exe", norm="pre")
ids = mt.write_ids(work / "ids.bin", 4000, 40)
BIN = ["--data", ids, "--raw", "uint16", "--packing", "concat"]
bomb = work / "bomb.json.gz"
with gzip.open(bomb, "wb", compresslevel=1) as file:
    file.write(b'{"text":"a"}\n{"text":"')
    for _ in range(65):
        file.write(b"x" * 2**20)
tokenizer = mt.ROOT / "test" / "Unit" / "Runtime" / "checkpoint-format-1" / "t.model"
wide = mt.compile_model(mt.write_config(work / "wide.json", vocab_size=400), work / "wide", norm="pre")
cases.refused("one endless line", [wide, "batches", "--data", bomb, "--tokenizer", tokenizer, "--steps", 1, "--out",
                                   work / "out"], "bomb.json.gz:2: the line is longer than 67108864 bytes")
for name in ("config.json", "model.safetensors", "run.json", "exe"):
    folder = work / "tokenizers"
    folder.mkdir(exist_ok=True)
    taken = text(folder / name, tokenizer.read_bytes())
    cases.refused(f"a tokenizer named {name}",
                  [wide, "train", "--data", bomb, "--tokenizer", taken, "--steps", 1, "--save_dir", work / "run"],
                  f"is named {name}")
deep = b'{"a":' + b"[" * 10000 + b"]" * 10000 + b"}"
weights = text(work / "deep.safetensors", struct.pack("<Q", len(deep)) + deep)
cases.refused("a nested header", [exe, "train", *BIN, "--steps", 1, "--weights", weights, "--save_dir", work / "run"],
              "nested deeper than 8 levels")
mt.run([exe, "train", *BIN, "--steps", 2, "--save_every", 2, "--save_dir", work / "good"])
for file in ("training_state.json", "config.json"):
    path = work / "good" / "model_2" / file
    good = path.read_bytes()
    path.write_bytes(b'{"format":' + b"[" * 100000 + b"]" * 100000 + b"}")
    cases.refused(f"a nested {file}", [exe, "train", *BIN, "--steps", 3, "--continue_from", work / "good" / "model_2",
                                       "--save_dir", work / "run"], "nested deeper than 64 levels")
    path.write_bytes(good)

# The cache.
TRAIN = ["mixln-train", "--model_config", config, *SHAPE, *BIN, "--steps", 1]
cache = work / "cache"


def cached(name, *words):
    os.environ["MIXLN_CACHE_DIR"] = str(cache)
    cases.refused(name, [*TRAIN, "--save_dir", work / "run"], *words)


cache.mkdir()
cache.chmod(0o777)
cached("a cache that others write to", "is writable by others")
cache.chmod(0o700)
mt.run([*TRAIN, "--save_dir", work / "cached"])
kept = next(cache.iterdir())
kept.rename(work / "kept")
kept.symlink_to(work / "kept")
cached("a cached link", "is not a file")
kept.unlink()
(work / "kept").rename(kept)
if os.geteuid() == 0:
    os.chown(kept, 12345, 12345)
    cached("a cached file of others", "belongs to user 12345")
    os.chown(cache, 12345, 12345)
    cached("a cache of others", "belongs to user 12345")
    os.chown(cache, 0, 0)
cache.rename(work / "elsewhere")
cache.symlink_to(work / "elsewhere")
cached("a cache that is a link", "is not a folder")
sys.exit(cases.finish())

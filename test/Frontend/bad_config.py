"""What mixlnc refuses: configs, placements, norm files, flags."""
import json
import pathlib
import sys

from refusals import Cases, mt, text

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
cases = Cases(work)
good = mt.write_config(work / "good.json")
EXE = work / "exe"
SHAPE = ["--batch_size", "2", "--seq_len", "8", "-o", EXE]


def config(name, words, **changes):
    path = mt.write_config(work / "config.json", **changes)
    cases.refused(name, ["mixlnc", path, *SHAPE], "config.json", *words)


# Configs.
config("missing value", ["hidden_size", "missing"], hidden_size=None)
config("missing layers", ["num_hidden_layers", "missing"], num_hidden_layers=None)
config("negative value", ["num_hidden_layers", "-2", "positive integer"], num_hidden_layers=-2)
config("zero", ["vocab_size", "0", "positive integer"], vocab_size=0)
config("not dividing", ["hidden_size 130", "num_attention_heads 4"], hidden_size=130, num_attention_heads=4)
config("key/value heads not dividing", ["num_attention_heads 4", "num_key_value_heads 3"], num_attention_heads=4,
       num_key_value_heads=3)
config("odd head", ["hidden_size 18", "num_attention_heads 2", "odd"], hidden_size=18, num_attention_heads=2)
config("a string for a number", ["hidden_size", '"16"', "integer"], hidden_size="16")
config("a fraction for a count", ["vocab_size", "40.5", "integer"], vocab_size=40.5)
config("a number for a string", ["hidden_act", "string"], hidden_act=3)
config("an unknown activation", ["hidden_act", "gelu", "silu"], hidden_act="gelu")
config("an unknown type of model", ["model_type", "gpt2"], model_type="gpt2")
config("a bias", ["attention_bias", "only false"], attention_bias=True)
config("too large", ["hidden_size", "at most"], hidden_size=1 << 40)
config("negative eps", ["rms_norm_eps"], rms_norm_eps=-1e-6)
config("a scale that is no formula", ["attention_scale", "column 3", "m"], attention_scale="1/m")
config("a negative scale", ["logit_scale", "-2", "positive"], logit_scale=-2)
config("a scale of another type", ["logit_scale", "true", "number or a formula"], logit_scale=True)
config("removed layers out of order", ["removed_layers", "ascending"], removed_layers=[1, 0])
config("a removed layer that never was", ["removed_layers", "ascending"], removed_layers=[3])
config("scaled RoPE", ["rope_scaling"], rope_scaling={"type": "linear", "factor": 2.0})
config("two angles of RoPE", ["rope_theta is 10000", "rope_parameters.rope_theta is 500000", "give one"],
       rope_theta=10000, rope_parameters={"rope_type": "default", "rope_theta": 500000})
config("unknown norm in the config", ["norm_type", "post_prre", "did you mean", "post_pre"], norm_type="post_prre")
config("K in the config larger than L", ["3", "num_hidden_layers 2"], norm_type="post_pre", post_num=3)
for name, content, words in [
        ("an empty file", "", ["empty"]), ("not JSON", "{\n hidden_size: 16}", ["line 2", "JSON"]),
        ("a list", "[1]", ["JSON object"]), ("cut off", '{"hidden_size": 1', ["JSON"]), ("binary", b"\xff\xfe\x00", ["JSON"])]:
    path = text(work / "config.json", content)
    cases.refused(name, ["mixlnc", path, *SHAPE], "config.json", *words)
cases.refused("no such config", ["mixlnc", work / "none.json", *SHAPE], "none.json", "no such file")
(work / "folder.json").mkdir(exist_ok=True)
cases.refused("a folder as config", ["mixlnc", work / "folder.json", *SHAPE], "folder.json", "folder")


# Placements.
def placement(name, spec, *words):
    cases.refused(name, ["mixlnc", good, "--norm", spec, *SHAPE], *words)


placement("unknown preset", "post_prr:1", "post_prr", "did you mean", "post_pre")
placement("a preset in capitals", "Pre", "Pre", "did you mean", "pre")
placement("K larger than L", "post_pre:3", "K is 3", "num_hidden_layers 2")
placement("K missing", "post_pre", "K", "missing", "post_pre:3")
placement("K negative", "post_pre:-1", "-1")
placement("K not a number", "post_pre:few", "few")
placement("a share above all", "post_pre:150%", "150%")
placement("K where nothing depends on it", "pre:1", "K is given")
placement("units that do not cover", "1xpost", "cover 1 layers", "num_hidden_layers 2")
placement("units that cover too much", "1xpost,3xpre", "num_hidden_layers 2")
placement("an unknown preset in units", "1xposst,1xpre", "posst", "did you mean")
deep = text(work / "deep.json", json.dumps(mt.tiny_config(num_hidden_layers=4)))
for spec, *words in (("mono", "layer 3", "not supported"), ("pre_post_pre_post@mixln-repo", "layer 0", "no forward pass"),
                     ("lns@mixln-repo", "unknown norm", "pre@mixln-repo"), ("pre@mixln_repo", "did you mean", "pre@mixln-repo")):
    cases.refused(f"placement {spec}", ["mixlnc", deep, "--norm", spec, *SHAPE], spec.split("@")[0], *words)
placement("no such norm file", "none/such.json", "none/such.json", "no such file")
cases.refused("unknown kind", ["mixlnc", good, "--norm", "pre", "--norm_kind", "rsm", *SHAPE], "rsm", "did you mean",
              "rms")
cases.refused("K twice, in conflict with L", ["mixlnc", good, "--norm", "post_pre", "--post_num", "9", *SHAPE], "9",
              "num_hidden_layers 2")


# Norm files.
def norm_file(name, content, *words):
    content = content if isinstance(content, (str, bytes)) else json.dumps(content)
    path = text(work / "norm.json", content)
    cases.refused(name, ["mixlnc", good, "--norm", path, *SHAPE], "norm.json", *words)


def both(**sub):
    return {"layers": [{"attention": sub, "mlp": "same"}]}


norm_file("a norm file that is not JSON", "{layers", "JSON")
norm_file("no layers", {"layers": []}, "layers")
norm_file("a formula cut off", both(read="norm(x", combine={"x": "x + F"}), "layers[0].attention.read", "column 7")
norm_file("two operators", both(read="norm(x)", combine={"x": "x + * F"}), "combine", "column 5")
norm_file("an unknown character", both(read="norm(x) @ 2", combine={"x": "x + F"}), "column 9", "@")
norm_file("an unknown name", both(read="norm(x)", combine={"x": "x + gian*F"}), "column 5", "gian")
norm_file("an unknown function", both(read="nrom(x)", combine={"x": "x + F"}), "column 1", "nrom", "did you mean")
norm_file("too many arguments", both(read="sqrt(x, x)", combine={"x": "x + F"}), "column 1", "sqrt")
norm_file("F in read", both(read="norm(F)", combine={"x": "x + F"}), "column 6", "F")
norm_file("an unknown stream", both(read="norm(x)", combine={"y": "x + F"}), "y")
norm_file("a row where a number must be", both(post="norm", a="x"), "attention.a")
norm_file("an unknown key", both(pots="norm"), "pots", "did you mean", "post")
norm_file("kinds in a cycle", {"kinds": {"one": {"params": {}, "y": "two(x)"}, "two": {"params": {}, "y": "one(x)"}},
                               **both(read="one(x)", combine={"x": "x + F"})}, "kinds.one.y", "uses itself")
norm_file("a kind of itself", {"kinds": {"one": {"params": {}, "y": "one(x) + x"}},
                               **both(read="one(x)", combine={"x": "x + F"})}, "kinds.one.y", "uses itself")
norm_file("a schedule over steps", {"params": {"g": {"scalar": {"schedule": "t"}}},
                                    **both(read="norm(x)", combine={"x": "x + g*F"})}, "schedule", "not supported")
norm_file("a coefficient of the token", {"params": {"g": {"scalar": {"token": "x"}}},
                                         **both(read="norm(x)", combine={"x": "x + g*F"})}, "token", "not supported")
norm_file("a condition that is a number", {"layers": [{"when": "i + 1", "attention": {"in": "norm"}, "mlp": "same"}]},
          "when")
norm_file("no rule for a layer", {"layers": [{"when": "i < 1", "attention": {"in": "norm"}, "mlp": "same"}]}, "layer")
norm_file("an initial value that divides by zero",
          {"params": {"g": {"scalar": "1/(i - i)"}}, **both(read="norm(x)", combine={"x": "x + g*F"})}, "g")
for name in ("half", "type", "layers", "_a"):
    norm_file(f"a parameter named {name}", {"params": {name: {"scalar": 1, "per": "layer"}}, **both(post="norm")},
              f"params.{name}", "PyTorch")
norm_file("a kind's parameter named float", {"kinds": {"one": {"params": {"float": {"row": 1}}, "y": "x*float"}},
                                             **both(post="one")}, "kinds.one.params.float", "PyTorch")
norm_file("a parameter named as a function", {"params": {"exp": {"scalar": 1}}, **both(post="norm")}, "exp")
norm_file("deep nesting", both(read="(" * 5000 + "x" + ")" * 5000, combine={"x": "x + F"}), "read")
norm_file("an unknown kind at a site", both(post="normm"), "normm")

# Flags, input and output.
cases.refused("no input", ["mixlnc", *SHAPE], "no input")
cases.refused("two inputs", ["mixlnc", good, good, *SHAPE], "two inputs")
cases.refused("unknown flag", ["mixlnc", good, "--batchsize", "2", *SHAPE], "--batchsize", "did you mean", "batch_size")
cases.refused("a flag without value", ["mixlnc", good, "-o", EXE, "--seq_len"], "--seq_len", "value")
cases.refused("batch size zero", ["mixlnc", good, *SHAPE, "--batch_size", "0"], "--batch_size", "0", "positive")
cases.refused("batch size in words", ["mixlnc", good, *SHAPE, "--batch-size", "two"], "two", "positive")
cases.refused("longer than the model", ["mixlnc", good, *SHAPE, "--seq_len", "1024"], "1024", "512")
cases.refused("an unknown type", ["mixlnc", good, *SHAPE, "--dtype", "fp8"], "--dtype", "fp8", "fp32")
cases.refused("an unknown target", ["mixlnc", good, *SHAPE, "--target", "tpu"], "--target", "tpu", "cpu")
cases.refused("an unknown CPU", ["mixlnc", good, *SHAPE, "--mcpu", "i8086"], "--mcpu", "i8086")
cases.refused("an unknown phase", ["mixlnc", good, *SHAPE, "--compile_to", "fusee"], "fusee", "fuse")
cases.refused("no output", ["mixlnc", good, "--batch_size", "2"], "-o")
cases.refused("output in no folder", ["mixlnc", good, *SHAPE[:4], "-o", work / "none/exe"], "none", "cannot write")
cases.refused("output is a folder", ["mixlnc", good, *SHAPE[:4], "-o", work / "folder.json"], "folder")
cases.refused("output below a file", ["mixlnc", good, *SHAPE[:4], "-o", good / "exe"], "cannot write")
cases.refused("IR into no folder", ["mixlnc", good, *SHAPE[:4], "--compile_to", "expand", "-o", work / "none/x.mlir"],
              "cannot write")
cases.refused("dumps below a file", ["mixlnc", good, *SHAPE, "--dump_phases_to", good / "dumps"], "dumps")
bad = text(work / "bad.mlir", "mixln.model @m {")
cases.refused("IR that does not parse", ["mixlnc", bad, *SHAPE], "bad.mlir:1")
text(work / "bad.mlir", "module { }")
cases.refused("IR without a model", ["mixlnc", bad, *SHAPE], "mixln.model")
sys.exit(cases.finish())

"""Generation: logits of one position after the other are those of the whole sequence, for placements, head counts and
types; greedy tokens are the most probable ones; draws follow the probabilities; what is too long is refused.

    generate.py WORK_DIR [--emulator] [MODEL...]

With names, only those models are decoded; with --emulator the kernels of a GPU decode, and the CPU computes the whole.

Tolerances, of a position's logits: 1e-4 in fp32 (sums in another order, weights large enough to amplify them; measured:
below 1e-5); in bf16 twice what the type itself changes, the largest distance to fp32 of any position."""
import array
import json
import math
import pathlib
import sys

import mixlntest as mt
from refusals import Cases

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
T, V = 24, 40
GROUPED = dict(hidden_size=32, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3)
ODD = dict(hidden_size=30, intermediate_size=37, num_attention_heads=3, num_key_value_heads=3, num_hidden_layers=2,
           vocab_size=41)
MODELS = {"pre": ("pre", {}, ()), "post": ("post", {}, ()), "siamese": ("siamese", {}, ()),
          "residual": ("residual", GROUPED, ()), "qk_norm": ("qk_norm", GROUPED, ()), "sandwich": ("sandwich", {}, ()),
          "lns": ("lns", {}, ()), "normformer": ("normformer", GROUPED, ()), "olmo2": ("olmo2", GROUPED, ()),
          "parallel": ("parallel", ODD, ()), "mix": ("post_pre:1", ODD, ()),
          "bf16": ("pre", GROUPED, ("--dtype", "bf16")), "bf16_odd": ("siamese", ODD, ("--dtype", "bf16")),
          "bf16_pure": ("post_pre:1", GROUPED, ("--dtype", "bf16_pure"))}
only = sys.argv[2:]
ON_GPU = only[:1] == ["--emulator"]
only = only[ON_GPU:]
if only:
    MODELS = {name: MODELS[name] for name in only}
PROMPTS = {"short": [7], "long": [3, 9, 1, 30, 12, 12, 5, 8, 22]}
NEW = 10


def generate(exe, weights, prompt, *flags, **options):
    return mt.run([exe, "generate", "--checkpoint", weights, "--prompt_ids", ",".join(map(str, prompt)), *flags],
                  **options)


def whole_logits(exe, weights):
    """Of every position of the batch, computed all at once."""
    mt.run([exe, "replay", "--weights", weights, "--batch", work / "batch.safetensors", "--steps", "1", "--logits",
            "--out", work / "replay.safetensors"])
    return rows(mt.read_safetensors(work / "replay.safetensors")["logits"])


def rows(tensor):
    shape, values = tensor
    width = shape[-1]
    return [values[i:i + width] for i in range(0, len(values), width)]


for name, (norm, sizes, flags) in MODELS.items():
    vocabulary = sizes.get("vocab_size", V)
    config = mt.write_config(work / f"{name}.json", **sizes)
    exe = decoder = mt.compile_model(config, work / name, norm, 2, T, flags)
    device = []
    if ON_GPU:
        decoder = mt.compile_model(config, work / f"{name}-gpu", norm, 2, T, [*flags, "--target", "cuda", "--emulator"])
        device = ["--device", "emulator"]
    mt.run([exe, "train", "--num_training_steps", "0", "--seed", "5", "--save_dir", work / f"run-{name}", "--init_std",
            "embed=1,qk=0.5,v=0.5,o=0.5,ffn=0.5,head=0.5"])
    weights = work / f"run-{name}" / "model_0"
    worst = 0
    made = {}
    for which, prompt in PROMPTS.items():
        out = work / f"{name}-{which}.safetensors"
        generate(decoder, weights, prompt, "--temperature", "0", "--max_new_tokens", NEW, "--out", out, *device)
        found = mt.read_safetensors(out)
        made[which] = list(found["ids"][1])
        if len(made[which]) != NEW:
            mt.fail(f"{name}: {len(made[which])} tokens, expected {NEW}")
    sequences = [(PROMPTS[which] + made[which] + [0] * T)[:T] for which in PROMPTS]
    ids = array.array("i", sum(sequences, []))
    mt.write_safetensors(work / "batch.safetensors", {"input_ids": ([2, T], ids), "labels": ([2, T], ids)})
    whole = whole_logits(exe, weights)
    limit = 1e-4
    if "bf16" in name:
        wide = whole_logits(mt.compile_model(config, work / f"{name}-wide", norm, 2, T), weights)
        limit = 2 * max(mt.relative(a, b) for a, b in zip(whole, wide))
    for row, which in enumerate(PROMPTS):
        found = rows(mt.read_safetensors(work / f"{name}-{which}.safetensors")["logits"])
        for i, logits in enumerate(found):
            expected = whole[row * T + len(PROMPTS[which]) - 1 + i]
            error = mt.relative(logits, expected)
            if not error <= limit:
                mt.fail(f"{name}, {which} prompt, token {i}: logits differ by {error}, expected at most {limit}")
            worst = max(worst, error)
            if made[which][i] != max(range(vocabulary), key=lambda v: logits[v]):
                mt.fail(f"{name}: token {i} is {made[which][i]}, not the most probable one")
    print(f"{name}: decode agrees with the whole sequence, worst {worst:.1e} of {limit:.1e}", flush=True)

if only:
    sys.exit()

# ---------------------------------------------------------------------------------------------------------------------
# Draws
# ---------------------------------------------------------------------------------------------------------------------


def allowed(logits, temperature, top_k, top_p):
    """token -> probability, written from the definition."""
    order = sorted(range(len(logits)), key=lambda v: (-logits[v], v))
    if top_k:
        order = order[:top_k]
    weights = [math.exp((logits[v] - logits[order[0]]) / temperature) for v in order]
    total = math.fsum(weights)
    kept, reached = [], 0.0
    for token, weight in zip(order, weights):
        kept.append((token, weight))
        reached += weight / total
        if reached >= top_p:
            break
    total = math.fsum(weight for _, weight in kept)
    return {token: weight / total for token, weight in kept}


exe, weights, prompt = work / "pre", work / "run-pre" / "model_0", PROMPTS["long"]
DRAWS = 3000
for temperature, top_k, top_p in ((1, 0, 1), (0.7, 0, 1), (1, 5, 1), (1.5, 0, 0.6), (1.2, 7, 0.8), (1, 1, 1)):
    out = work / "draws.safetensors"
    done = generate(exe, weights, prompt, "--max_new_tokens", 1, "--num_samples", DRAWS, "--json", "--seed", 4,
                    "--temperature", temperature, "--top_k", top_k, "--top_p", top_p, "--out", out)
    drawn = [json.loads(line)["ids"][0] for line in done.stdout.splitlines()]
    if len(drawn) != DRAWS:
        mt.fail(f"{len(drawn)} samples, expected {DRAWS}")
    expected = allowed(rows(mt.read_safetensors(out)["logits"])[0], temperature, top_k, top_p)
    if not set(drawn) <= set(expected):
        mt.fail(f"top_k {top_k}, top_p {top_p}: drew {set(drawn) - set(expected)}, which are cut off")
    for token, p in expected.items():
        share = drawn.count(token) / DRAWS
        # Six standard deviations: once in a billion.
        if not abs(share - p) <= 6 * math.sqrt(p * (1 - p) / DRAWS) + 1e-9:
            mt.fail(f"token {token} was drawn in {share} of all cases, expected {p}")
    print(f"temperature {temperature}, top_k {top_k}, top_p {top_p}: {len(expected)} tokens, as often as they should",
          flush=True)

FLAGS = ["--max_new_tokens", 12, "--num_samples", 3, "--json"]
again = [generate(exe, weights, prompt, *FLAGS, "--seed", seed, *more).stdout
         for seed, more in ((1, ()), (1, ()), (1, ("--threads", "2")), (2, ()))]
if again[0] != again[1] or again[0] != again[2] or again[0] == again[3]:
    mt.fail("the texts do not follow from the seed alone")
lines = [json.loads(line) for line in again[0].splitlines()]
if len({tuple(line["ids"]) for line in lines}) != 3:
    mt.fail("three samples are not three texts")
for line in lines:
    if line["text"] != ",".join(map(str, line["ids"])):
        mt.fail(f"without a tokenizer the text is {line['text']!r}, the ids {line['ids']}")
print("seeds: the same text again, another one with another seed", flush=True)

# ---------------------------------------------------------------------------------------------------------------------
# Where a text ends, and what it says
# ---------------------------------------------------------------------------------------------------------------------

tokenizer = mt.write_tokenizer(work / "letters.model", mt.LETTERS)
PIECES = [""] * 2 + [" \u2047 ", " "] + mt.LETTERS[1:]
greedy = list(mt.read_safetensors(work / "pre-long.safetensors")["ids"][1])
said = json.loads(generate(exe, weights, prompt, "--temperature", "0", "--max_new_tokens", NEW, "--json", "--tokenizer",
                           tokenizer).stdout)
end = greedy.index(1) if 1 in greedy else NEW
if said["ids"] != greedy[:end + 1] or said["text"] != "".join(PIECES[i] if i < len(PIECES) else "" for i in greedy[:end]):
    mt.fail(f"of {greedy} it says {said}")
# Without a tokenizer the config says it, as a number or as a list of them.
for name, ends in (("number", greedy[3]), ("list", [39, greedy[3]])):
    config = mt.write_config(work / f"eos-{name}.json", eos_token_id=ends)
    done = generate(mt.compile_model(config, work / f"eos-{name}", "pre", 2, T), weights, prompt, "--temperature", "0",
                    "--json")
    first = min(greedy.index(i) for i in (ends if isinstance(ends, list) else [ends]) if i in greedy)
    if json.loads(done.stdout)["ids"] != greedy[:first + 1] or json.loads(done.stdout)["finish"] != "eos":
        mt.fail(f"eos_token_id {ends}: {greedy} goes on as {done.stdout}")
# A prompt may end inside a character, which the first new token completes.
wide = mt.compile_model(mt.write_config(work / "bytes.json", vocab_size=300), work / "bytes", "pre", 2, T)
mt.run([wide, "train", "--num_training_steps", "0", "--save_dir", work / "run-bytes"])
pieces = mt.write_tokenizer(work / "bytes.model", [f"<0x{byte:02X}>" for byte in range(256)] + mt.LETTERS)
done = generate(wide, work / "run-bytes" / "model_0", [3 + 0xE2, 3 + 0x96], "--num_samples", 300, "--max_new_tokens", 2,
                "--json", "--tokenizer", pieces)
texts = [json.loads(line)["text"] for line in done.stdout.splitlines()]
if len(texts) != 300 or not any("\u2580" <= text[:1] <= "\u25BF" for text in texts):
    mt.fail(f"no character was completed: {texts}")
print("ends: </s> of the tokenizer, else of the config", flush=True)

# ---------------------------------------------------------------------------------------------------------------------
# Bad calls
# ---------------------------------------------------------------------------------------------------------------------

mt.compile_model(work / "pre.json", work / "train-only", "pre", 2, T, ["--entries", "train"])
cases = Cases(work)
BASE = [exe, "generate", "--checkpoint", weights]
LONG = ",".join(["1"] * T)
for what, command, *words in (
        ("a full prompt", [*BASE, "--prompt_ids", LONG], f"{T} tokens", f"seq_len {T}"),
        ("more than fits", [*BASE, "--prompt_ids", "1,2,3", "--max_new_tokens", T - 2], "--max_new_tokens", str(T)),
        ("a long text", [*BASE, "--prompt", "a" * 99, "--tokenizer", tokenizer], "tokens", f"seq_len {T}"),
        ("no prompt", BASE, "--prompt", "--prompt_file"),
        ("two prompts", [*BASE, "--prompt", "a", "--prompt_file", "x"], "--prompt"),
        ("ids and text", [*BASE, "--prompt", "a", "--prompt_ids", "1"], "--prompt_ids"),
        ("an empty prompt", [*BASE, "--prompt", "", "--tokenizer", tokenizer], "empty"),
        ("no tokenizer", [*BASE, "--prompt", "a"], "--tokenizer"),
        ("no such token", [*BASE, "--prompt_ids", f"1,{V}"], "--prompt_ids", str(V - 1)),
        ("no checkpoint", [exe, "generate", "--prompt_ids", "1"], "--checkpoint"),
        ("an executable that only trains", [work / "train-only", *BASE[1:], "--prompt_ids", "1"], "--entries train")):
    cases.refused(what, command, *words)
if cases.finish():
    sys.exit(1)

"""Fine-tuning on prompts and responses (docs/FineTuning.md)."""
import json
import pathlib
import random
import sys

import mixlntest as mt
from refusals import Cases, text

work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
B, T = 2, 24
config = mt.write_config(work / "config.json", hidden_size=32, intermediate_size=48)
tokenizer = mt.write_tokenizer(work / "letters.model", mt.LETTERS)
exe = mt.compile_model(config, work / "exe", "post_pre:1", B, T)

# ---------------------------------------------------------------------------------------------------------------------
# Rows, written from the documentation
# ---------------------------------------------------------------------------------------------------------------------

EOS, UNKNOWN = 1, 2


def encode(words):
    """Pieces of the letters' tokenizer: a space in front, spaces joined, what is unknown joined."""
    words = " ".join(words.split(" ")).strip(" ")
    while "  " in words:
        words = words.replace("  ", " ")
    ids = []
    for c in ("\u2581" + words.replace(" ", "\u2581")) if words else "":
        known = 3 + mt.LETTERS.index(c) if c in mt.LETTERS else UNKNOWN
        if known != UNKNOWN or not ids or ids[-1] != UNKNOWN:
            ids.append(known)
    return ids


def conversation(line):
    """(id, whether it counts) of a line."""
    if "messages" not in line:
        pieces = [(line["prompt"], False), (line["response"], True)]
    else:
        pieces = []
        for message in line["messages"]:
            if message["role"] == "assistant":
                pieces += [("Assistant:", False), (message["content"], True)]
            else:
                pieces.append(({"user": "User: ", "system": "System: "}[message["role"]] + message["content"], False))
    tokens = []
    for words, counts in pieces:
        if counts and not tokens:
            tokens.append((EOS, False))
        tokens += [(i, counts) for i in encode(words) + ([EOS] if counts else [])]
    return tokens


def rows_of(lines, packing):
    everything = [conversation(line) for line in lines]
    if packing == "concat":
        stream = sum(everything, [])
        return [stream[i:i + T] for i in range(0, len(stream) - T + 1, T)]
    rows = []
    for tokens in everything:
        first = [counts for _, counts in tokens].index(True)
        if first >= T:
            tokens = tokens[first - T // 2:]
        rows.append((tokens + [(0, False)] * T)[:T])
    return rows


draw = random.Random(1)


def words(most):
    return " ".join("".join(draw.choice("abcdefgh") for _ in range(draw.randint(1, 5)))
                    for _ in range(draw.randint(0, most)))


lines = []
for i in range(60):
    if i % 2:
        lines.append({"prompt": words(9), "response": words(4), "more": [i]})
        continue
    turns = [{"role": "system", "content": words(2)}] if i % 3 == 0 else []
    for _ in range(draw.randint(1, 3)):
        turns += [{"role": "user", "content": words(3)}, {"role": "assistant", "content": words(3)}]
    lines.append({"messages": turns + ([{"role": "user", "content": "b"}] if i % 5 == 0 else [])})
data = text(work / "chat.jsonl", "".join(json.dumps(line) + "\n" for line in lines[:30]) + "\n"
            + "".join(json.dumps(line) + "\n" for line in lines[30:]))
CHAT = ["--data", data, "--data_format", "chat", "--tokenizer", tokenizer]
for packing in ("pad", "concat"):
    expected = rows_of(lines, packing)
    out = work / f"{packing}.safetensors"
    for order in ([], ["--no_shuffle"]):
        mt.run([exe, "batches", *CHAT, "--packing", packing, "--steps", len(expected), "--total_batch_size", 1,
                "--out", out, *order])
        found = mt.read_safetensors(out)
        ids, labels = found["input_ids"][1], found["labels"][1]
        rows = [list(zip(ids[i:i + T], labels[i:i + T])) for i in range(0, len(ids), T)]
        wanted = [[(token, token if counts else -100) for token, counts in row] for row in expected]
        if not order:
            rows, wanted = sorted(rows), sorted(wanted)
        for i, (row, want) in enumerate(zip(rows, wanted)):
            if row != want:
                mt.fail(f"{packing} {order}: row {i} is\n{row}, expected\n{want}")
    print(f"{packing}: {len(expected)} rows agree, {sum(c for row in expected for _, c in row)} tokens count", flush=True)

# ---------------------------------------------------------------------------------------------------------------------
# From a checkpoint, with a stop in between
# ---------------------------------------------------------------------------------------------------------------------

mt.write_ids(work / "ids.bin", 4096, 40)
mt.run([exe, "train", "--data", work / "ids.bin", "--raw", "uint16", "--packing", "concat", "--num_training_steps", 4,
        "--warmup_steps", 1, "--save_dir", work / "base"])
STEPS = ["--num_training_steps", 12, "--warmup_steps", 1, "--lr", "1e-3", "--total_batch_size", 4, "--save_every", 7]
FROM = ["--weights", work / "base" / "model_4"]
mt.run([exe, "train", *CHAT, *STEPS, *FROM, "--save_dir", work / "whole"])
mt.run([exe, "train", *CHAT, *STEPS, *FROM, "--save_dir", work / "parts"])
# As if it had been stopped after the seventh update.
import shutil
shutil.rmtree(work / "parts" / "model_12")
mt.run([work / "parts" / "exe", "train", *CHAT, *STEPS, *FROM, "--save_dir", work / "parts", "--resume"])
if mt.losses(work / "whole") != mt.losses(work / "parts") or len(mt.losses(work / "whole")) != 12:
    mt.fail(f"losses {mt.losses(work / 'whole')}, resumed {mt.losses(work / 'parts')}")
whole, parts = ((work / name / "model_12" / "model.safetensors").read_bytes() for name in ("whole", "parts"))
if whole != parts:
    mt.fail("the weights of the resumed run are others")
record = json.loads((work / "whole" / "run.json").read_text())
if "Assistant:" not in record["chat_template"] or record["flags"]["data_format"] != "chat":
    mt.fail(f"run.json records the template as {record.get('chat_template')}")
print("resumed: the same losses and weights", flush=True)

# ---------------------------------------------------------------------------------------------------------------------
# What it learns
# ---------------------------------------------------------------------------------------------------------------------

PAIRS = {"a": "bc", "d": "ef", "g": "h", "k": "lmn"}
lesson = text(work / "lesson.jsonl", "".join(
    json.dumps({"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]}) + "\n"
    for a, b in PAIRS.items()))
mt.run([exe, "train", "--data", lesson, "--data_format", "chat", "--tokenizer", tokenizer, "--continue_from",
        work / "base", "--num_training_steps", 304, "--warmup_steps", 10, "--lr", "1e-2", "--total_batch_size", 4,
        "--save_dir", work / "tuned"])
for prompt, response in PAIRS.items():
    done = mt.run([work / "tuned" / "exe", "generate", "--chat", "--prompt", prompt, "--temperature", "0", "--json"])
    said = json.loads(done.stdout)
    if said["text"].strip() != response or said["finish"] != "eos":
        mt.fail(f"{prompt} is answered by {said}, expected {response}")
plain = mt.run([work / "tuned" / "exe", "generate", "--chat", "--prompt", "a", "--temperature", "0"]).stdout
if not plain.endswith(" bc\n"):
    mt.fail(f"printed {plain!r}, expected the prompt and ' bc'")
print(f"answered: {len(PAIRS)} of {len(PAIRS)} responses, each ended", flush=True)

scored = json.loads(mt.run([work / "tuned" / "exe", "eval", "--data", lesson]).stdout)
counted = sum(counts for line in PAIRS.values() for _, counts in conversation({"prompt": "a", "response": line}))
if scored["eval_tokens"] != counted or not scored["eval_loss"] < 0.1:
    mt.fail(f"eval gives {scored}, expected {counted} tokens and hardly a loss")
print("evaluated: only responses count", flush=True)

# ---------------------------------------------------------------------------------------------------------------------
# Lines that are none
# ---------------------------------------------------------------------------------------------------------------------

cases = Cases(work)
GOOD = '{"prompt": "a", "response": "b"}\n'
for what, line, *says in (
        ("no JSON", '{"prompt": "a", ', "column"), ("no object", "[1]", "array", "object"),
        ("no response", '{"prompt": "a"}', '"response"'), ("no prompt", '{"response": "a"}', '"prompt"'),
        ("neither", '{"text": "a"}', '"messages"'), ("a number", '{"prompt": 3, "response": "b"}', '"prompt"', "number"),
        ("no list", '{"messages": "a"}', '"messages"', "string"), ("an empty list", '{"messages": []}', "assistant"),
        ("no answer", '{"messages": [{"role": "user", "content": "a"}]}', "assistant"),
        ("an unknown role", '{"messages": [{"role": "tool", "content": "a"}]}', '"role"', "tool", "messages[0]"),
        ("no content", '{"messages": [{"role": "user"}]}', '"content"', "messages[0]"),
        ("a null content", '{"messages": [{"role": "assistant", "content": null}]}', '"content"', "null"),
        ("too large a number", '{"prompt": "a", "response": "b", "score": 1e999}', "too large"),
        ("a deep line", "[" * 100, "nested")):
    text(work / "bad.jsonl", GOOD + line + "\n")
    cases.refused(what, [exe, "batches", "--data", "bad.jsonl", "--data_format", "chat", "--tokenizer", tokenizer,
                         "--steps", 2, "--out", "out"], "bad.jsonl:2", *says)
cases.refused("token ids", [exe, "batches", "--data", "ids.bin", "--raw", "uint16", "--data_format", "chat", "--out",
                            "out"], "ids.bin", "--data_format")
cases.refused("conversations as text", [exe, "batches", "--data", data, "--tokenizer", tokenizer, "--out", "out"],
              "--data_format chat")
sys.exit(cases.finish())

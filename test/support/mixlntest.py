"""What the scripts of the lit tests share: small models, running the tools, reading what they write."""
import array
import json
import math
import pathlib
import random
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NORMS = ROOT / "configs" / "norms"
REFUSED = {"mono", "mono_reverse"}
WITH_K = {"post_pre", "pre_post", "pre_sandwich", "scale_post_pre"}


def presets():
    """Every preset that compiles."""
    return sorted(p.stem for p in NORMS.glob("*.json") if p.stem not in REFUSED)


def spec(preset, k=1):
    return f"{preset}:{k}" if preset in WITH_K else preset


def tiny_config(**changes):
    """A model small enough to compile within a second or two."""
    config = {"model_type": "llama", "hidden_act": "silu", "hidden_size": 16, "intermediate_size": 24,
              "num_attention_heads": 2, "num_key_value_heads": 2, "num_hidden_layers": 2, "vocab_size": 40,
              "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
              "initializer_range": 0.02, "tie_word_embeddings": False, "pad_token_id": 0}
    config.update(changes)
    return {name: value for name, value in config.items() if value is not None}


def write_config(path, **changes):
    pathlib.Path(path).write_text(json.dumps(tiny_config(**changes), indent=1))
    return path


def fail(message):
    print(f"FAIL: {message}", flush=True)
    sys.exit(1)


def run(command, status=0, **options):
    """Runs a command that must end with `status`; returns it with its output."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", **options)
    if done.returncode != status:
        fail(f"{' '.join(command)}\nexit status {done.returncode}, expected {status}\n{done.stdout[-3000:]}"
             f"{done.stderr[-3000:]}")
    return done


def compile_model(config, exe, norm=None, batch_size=2, seq_len=8, extra=()):
    command = ["mixlnc", config, "--batch_size", batch_size, "--seq_len", seq_len, "-o", exe, *extra]
    run(command + (["--norm", norm] if norm else []))
    return exe


def plan_of(config, norm=None, batch_size=2, seq_len=8, extra=(), to="plan"):
    """The IR after a phase, as text."""
    command = ["mixlnc", config, "--batch_size", batch_size, "--seq_len", seq_len, "--compile_to", to, *extra]
    return run(command + (["--norm", norm] if norm else [])).stdout


def program_of(exe):
    """The program that an executable carries: program.h as JSON."""
    data = pathlib.Path(exe).read_bytes()
    at = data.index(b'{"arena_bytes":')
    text = data[at:].split(b"\0", 1)[0].decode(errors="replace")
    return json.JSONDecoder().raw_decode(text)[0]


# ---------------------------------------------------------------------------------------------------------------------
# Tensors
# ---------------------------------------------------------------------------------------------------------------------

CODES = {"F32": "f", "F64": "d", "I32": "i"}


def read_safetensors(path):
    """name -> (shape, array)."""
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, info in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        values = array.array(CODES[info["dtype"]])
        values.frombytes(data[8 + size + begin:8 + size + end])
        tensors[name] = (info["shape"], values)
    return tensors


def write_safetensors(path, tensors):
    """`tensors`: name -> (shape, array)."""
    names = {code: dtype for dtype, code in CODES.items()}
    header, at = {}, 0
    for name, (shape, values) in tensors.items():
        size = len(values) * values.itemsize
        header[name] = {"dtype": names[values.typecode], "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            out.write(values.tobytes())
    return path


def norm(values):
    return math.sqrt(math.fsum(v * v for v in values))


def relative(found, expected):
    """Relative distance in L2; NaN where anything is not a number."""
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(found, expected))) / max(norm(expected), 1e-300)


# ---------------------------------------------------------------------------------------------------------------------
# Data
# ---------------------------------------------------------------------------------------------------------------------

def write_ids(path, rows, vocabulary, seed=1):
    """A tokenized file without header (--raw uint16): text of a language whose next word is mostly known."""
    words = random.Random(seed)
    ids, at = array.array("H"), 1
    for _ in range(rows):
        at = words.randrange(1, vocabulary) if words.random() < 0.1 else (at * 7 + 3) % (vocabulary - 1) + 1
        ids.append(at)
    pathlib.Path(path).write_bytes(ids.tobytes())
    return path


def random_batch(path, rows, length, vocabulary, seed=1, ignored=0.1):
    words = random.Random(seed)
    ids = array.array("i", (words.randrange(vocabulary) for _ in range(rows * length)))
    labels = array.array("i", (-100 if words.random() < ignored else i for i in ids))
    return write_safetensors(path, {"input_ids": ([rows, length], ids), "labels": ([rows, length], labels)})


def losses(save_dir):
    lines = (pathlib.Path(save_dir) / "metrics.jsonl").read_text().splitlines()
    return [record["loss"] for record in map(json.loads, lines) if "loss" in record]


def write_tokenizer(path, pieces, scores=None, normalizer=None):
    """A sentencepiece unigram model: pad, </s>, <unk>, then `pieces` (without `scores` every one as likely as the next);
    `normalizer` is a serialized NormalizerSpec, by default the identity. `<0x00>` to `<0xFF>` are bytes."""
    def varint(value):
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
        return bytes(out)

    def message(number, data):
        return varint(number << 3 | 2) + varint(len(data)) + data

    def integer(number, value):
        return varint(number << 3) + varint(value)

    NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
    model = b""
    all_scores = [0.0] * 3 + list(scores) if scores else [-1.0] * (3 + len(pieces))
    kinds = [("<pad>", CONTROL), ("</s>", CONTROL), ("<unk>", UNKNOWN)]
    kinds += [(p, BYTE if p.startswith("<0x") else NORMAL) for p in pieces]
    for (piece, kind), score in zip(kinds, all_scores):
        text = piece.encode()
        model += message(1, message(1, text) + varint(2 << 3 | 5) + struct.pack("<f", score) + integer(3, kind))
    # Unigram; whether bytes stand in for what is unknown; ids of <unk>, <s> (none), </s>, <pad>.
    none = (1 << 64) - 1
    fallback = integer(35, 1) if any(kind == BYTE for _, kind in kinds) else b""
    model += message(2, integer(3, 1) + fallback + integer(40, 2) + integer(41, none) + integer(42, 1) + integer(43, 0))
    model += message(3, normalizer or message(1, b"identity") + integer(3, 1) + integer(4, 1) + integer(5, 1))
    pathlib.Path(path).write_bytes(model)
    return path


LETTERS = ["\u2581"] + [chr(c) for c in range(ord("a"), ord("z") + 1)]

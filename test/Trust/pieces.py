"""The pieces of our data path against those of sentencepiece's own Python package, document by document.

    pieces.py WORK recorded                  synthetic text, against the ids in recorded-pieces.json
    pieces.py WORK record PYTHON             writes recorded-pieces.json
    pieces.py WORK c4 PYTHON SHARED          all of the C4 sample with T5's tokenizer, against the package now

Up to version 0.2.1 the package gives the same ids. Later ones break ties in another order: there a document may differ,
but only by pieces that are together as likely.
"""
import array
import json
import pathlib
import shutil
import sys

import mixlntest as mt
import text

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = HERE / "recorded-pieces.json"
EOS, HEADER = 1, 64


def documents_of(ids):
    out, begin = [], 0
    for at, piece in enumerate(ids):
        if piece == EOS:
            out.append(list(ids[begin:at]))
            begin = at + 1
    return out, list(ids[begin:])


def ours(work, files, tokenizer):
    """`mixln-data tokenize` in rows of two: of the stream at most the last piece is lost."""
    ids = array.array("H")
    for path in files:
        mt.run(["mixln-data", "tokenize", "--data", path, "--tokenizer", tokenizer, "--packing", "concat", "--seq_len", "2",
                "--out", work / "ids.bin"])
        data = (work / "ids.bin").read_bytes()
        if int.from_bytes(data[12:16], "little") != 2:
            mt.fail("ids are not 16 bits wide")
        part = array.array("H", data[HEADER:])
        # The piece that is lost is the last document's </s>.
        ids.extend(part if part[-1] == EOS else part + array.array("H", [EOS]))
    return ids


def theirs(work, python, files, tokenizer):
    about = json.loads(mt.run([python, HERE / "encode.py", tokenizer, work / "ids.raw", *files]).stdout)
    return documents_of(array.array("i", (work / "ids.raw").read_bytes()))[0], about


def compare(found, expected, about=None):
    """`about` the package: scores of pieces where it may break ties in its own way."""
    ties = about and tuple(map(int, about["version"].split(".")[:3])) > (0, 2, 1)
    likelihood = (lambda ids: sum(about["scores"][i] for i in ids)) if ties else None
    tied = 0
    found, rest = documents_of(found)
    if rest:
        mt.fail(f"{len(rest)} pieces after the last </s>")
    if len(found) != len(expected):
        mt.fail(f"{len(found)} documents, expected {len(expected)}")
    for number, (mine, other) in enumerate(zip(found, expected)):
        # Likelihoods are summed in single precision over a whole document.
        if ties and mine != other and abs(likelihood(mine) - likelihood(other)) <= 1e-6 * abs(likelihood(other)):
            tied += 1
        elif mine != other:
            at = next(i for i in range(max(len(mine), len(other))) if mine[i:i + 1] != other[i:i + 1])
            mt.fail(f"document {number} differs from piece {at}: {mine[at:at + 8]}, expected {other[at:at + 8]}")
    print(f"{len(found)} documents, {sum(map(len, found))} pieces: all equal" +
          (f", but for ties in {tied} documents (sentencepiece {about['version']})" if tied else ""))


def small_tokenizer(work, data):
    """Pieces of our own behind the normalizer that the trainer writes (nmt_nfkc, as T5's)."""
    mt.run(["mixln-data", "train-tokenizer", "--data", data, "--vocab_size", "120", "--out", work / "trained.model"])
    model, at, normalizer = (work / "trained.model").read_bytes(), 0, None

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = model[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(model):
        key = varint()
        if key & 7 != 2:
            mt.fail(f"field {key} of the tokenizer")
        size = varint()
        if key >> 3 == 3:
            normalizer = model[at:at + size]
        at += size
    pieces = mt.LETTERS + list(".!?-'0123456789") + ["ca", "fé", "na", "ïve", "日", "/", "IV", "ing", "er", "\u2581the", "th"]
    pieces += ["\u2581" + word for word in text.NOUNS[::2] + text.VERBS[::2]]
    # Some words cost more than their letters.
    scores = [-2.0 - 0.125 * (37 * i % 64) for i in range(len(pieces))]
    return mt.write_tokenizer(work / "spiece.model", pieces, scores, normalizer)


def main():
    work, mode = pathlib.Path(sys.argv[1]), sys.argv[2]
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if mode == "c4":
        shared = pathlib.Path(sys.argv[4])
        files = sorted((shared / "data" / "c4").glob("*.json.gz"))
        tokenizer = shared / "data" / "tokenizer" / "t5" / "spiece.model"
        compare(ours(work, files, tokenizer), *theirs(work, sys.argv[3], files, tokenizer))
        return
    data = text.write_documents(work / "text.jsonl", 12, seed=5, longest=6, odd=True)
    tokenizer = small_tokenizer(work, data)
    if mode == "record":
        documents, _ = theirs(work, sys.argv[3], [data], tokenizer)
        RECORDED.write_text(json.dumps([" ".join(map(str, d)) for d in documents], indent=0) + "\n")
    expected = [list(map(int, document.split())) for document in json.loads(RECORDED.read_text())]
    compare(ours(work, [data], tokenizer), expected)


if __name__ == "__main__":
    main()

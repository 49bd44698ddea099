"""The pieces of every document by sentencepiece's own Python package: encode.py MODEL OUT FILE...

Writes all ids as int32, each document ended by </s>, and prints the package's version and the score of each piece.
Files are JSON lines, compressed or not. Needs sentencepiece.
"""
import array
import gzip
import json
import sys

import sentencepiece

model = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
ids = array.array("i")
for path in sys.argv[3:]:
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            ids.extend(model.encode(json.loads(line)["text"]))
            ids.append(model.eos_id())
with open(sys.argv[2], "wb") as out:
    ids.tofile(out)
print(json.dumps({"version": sentencepiece.__version__,
                  "scores": [model.get_score(piece) for piece in range(model.get_piece_size())]}))

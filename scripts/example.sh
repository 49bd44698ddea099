#!/usr/bin/env bash
# Writes what the examples of docs/ work on into the folder it is called in: text.jsonl (the pages of docs/, a paragraph a
# document), words.model (a tokenizer of 512 pieces) and small.json (a model of 6 layers that trains in seconds).
#   scripts/example.sh
# Programs are looked for in MIXLN_BUILD/bin, else in PATH, else in build/release/bin.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bin=${MIXLN_BUILD:-$root/build/release}/bin
export PATH=${MIXLN_BUILD:+$bin:}$PATH:$bin
python3 - "$root" > text.jsonl <<'PYTHON'
import json, pathlib, sys
pages = [path.read_text() for path in sorted(pathlib.Path(sys.argv[1], "docs").glob("*.md"))]
for paragraph in "\n\n".join(pages).split("\n\n"):
    if len(paragraph) > 80:
        print(json.dumps({"text": " ".join(paragraph.split())}))
PYTHON
mixln-data train-tokenizer --data text.jsonl --vocab_size 512 --out words.model
cat > small.json <<'JSON'
{"model_type": "llama", "hidden_act": "silu", "hidden_size": 64, "intermediate_size": 176, "num_attention_heads": 4,
 "num_hidden_layers": 6, "vocab_size": 512, "max_position_embeddings": 256, "rms_norm_eps": 1e-6,
 "initializer_range": 0.02, "embedding_std": 0.632}
JSON

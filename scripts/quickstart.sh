#!/usr/bin/env bash
# Sets up, builds and trains a small Mix-LN model.
#   scripts/quickstart.sh [--data GLOB] [--steps N] [--out DIR]
# Text: --data or MIXLN_DATA; else the C4 sample in ../shared/data; else English prose of a Debian package.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${MIXLN_BUILD:-build/release}
data=${MIXLN_DATA:-}
tokenizer=${MIXLN_TOKENIZER:-}
steps=60
out=runs/quickstart-$(date +%Y%m%d-%H%M%S)
while (($#)); do
  case "$1" in
    --data) data=$2; shift 2 ;;
    --steps) steps=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    -h | --help) sed -n '2,4p' "$0"; exit 0 ;;
    *) echo "quickstart: unknown argument $1 (see --help)" >&2; exit 2 ;;
  esac
done

scripts/install-deps.sh
echo "quickstart: building (a few minutes the first time)"
cmake --preset release -B "$build" >/dev/null
cmake --build "$build" --target mixln-tools | tail -1
bin=$build/bin

if [[ -z "$data" && -e ../shared/data/c4/c4-sample.train.json.gz ]]; then
  data=../shared/data/c4/c4-sample.train.json.gz
  tokenizer=${tokenizer:-../shared/data/tokenizer/t5/spiece.model}
fi
if [[ -z "$data" ]]; then
  echo "quickstart: no C4 text at hand (set MIXLN_DATA); using English prose of Debian's bible-kjv"
  data=$build/quickstart/prose.jsonl
  scripts/prose.sh "$data"
fi
if [[ -z "$tokenizer" ]]; then
  tokenizer=$build/quickstart/tokenizer.model
  echo "quickstart: training a tokenizer of 4096 pieces on the text"
  mkdir -p "$build/quickstart"
  "$bin/mixln-data" train-tokenizer --data "$data" --vocab_size 4096 --out "$tokenizer"
fi

echo "quickstart: training $out"
"$bin/mixln-train" --model_config configs/llama_9m.json --norm_type post_pre --post_num 1 \
  --data "$data" --tokenizer "$tokenizer" --save_dir "$out" --packing concat \
  --batch_size 8 --total_batch_size 8 --num_training_steps "$steps" --warmup_steps $((steps / 10)) --lr 1e-3
cat <<DONE

Written to $out: metrics.jsonl (a line a step), run.json, exe, model_$steps (a Hugging Face folder).
Next:
  $bin/mixlnc configs/llama_9m.json --norm post_pre:1 --batch_size 8 --explain    what was understood
  $bin/mixln-train --model_config configs/llama_9m.json --norm lns ...            another placement
  $out/exe info --json                                                            the compiled program
DONE

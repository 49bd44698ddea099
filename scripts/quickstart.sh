#!/usr/bin/env bash
# Sets up, builds, looks at three placements, and trains a thin deep model with Pre-LN and with Mix-LN.
#   scripts/quickstart.sh [--data GLOB] [--steps N] [--out DIR]
# Text: --data or MIXLN_DATA; else the C4 sample in ../shared/data; else English prose of a Debian package.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${MIXLN_BUILD:-build/release}
data=${MIXLN_DATA:-}
steps=400
out=runs/quickstart-$(date +%Y%m%d-%H%M%S)
while (($#)); do
  case "$1" in
    --data | --steps | --out)
      (($# > 1)) || { echo "quickstart: $1 lacks its value" >&2; exit 2; }
      declare "${1#--}=$2"; shift 2 ;;
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
fi
if [[ -z "$data" ]]; then
  echo "quickstart: no C4 text at hand (set MIXLN_DATA): English prose of Debian's bible-kjv"
  data=$build/quickstart/prose.jsonl
  scripts/prose.sh "$data"
fi
mkdir -p "$out" "$build/quickstart"
tokenizer=$out/tokenizer.model
echo "quickstart: text $data; training a tokenizer of 4096 pieces on it"
"$bin/mixln-data" train-tokenizer --data "$data" --vocab_size 4096 --documents 2000 --out "$tokenizer"

echo
echo "quickstart: every layer of LLaMA-71M at initialisation, one batch"
for norm in pre post post_pre:3; do
  "$bin/mixlnc" configs/llama_71m.json --norm "$norm" --batch_size 2 -o "$out/71m-${norm/:/-}.exe"
  "$out/71m-${norm/:/-}.exe" layers --data "$data" --tokenizer "$tokenizer" --packing concat --out "$out/71m-${norm/:/-}.json"
  rm "$out/71m-${norm/:/-}.exe"
done

for norm in pre post_pre:6; do
  echo
  echo "quickstart: training 24 layers of width 128 with $norm, $steps updates"
  "$bin/mixln-train" --model_config configs/thin_deep.json --norm "$norm" --data "$data" --tokenizer "$tokenizer" \
    --save_dir "$out/${norm/:/-}" --packing concat --batch_size 8 --total_batch_size 8 --num_training_steps "$steps" \
    --warmup_steps $((steps / 10)) --lr 2e-3
done
for norm in pre post_pre:6; do
  echo
  "$bin/mixlnc" configs/thin_deep.json --norm "$norm" --batch_size 8 -o "$out/${norm/:/-}/exe.layers"
  "$out/${norm/:/-}/exe.layers" layers --weights "$out/${norm/:/-}/model_$steps" --data "$data" --tokenizer "$tokenizer" \
    --packing concat --out "$out/${norm/:/-}/layers.json"
done
echo
for norm in pre post_pre:6; do
  python3 - "$out/${norm/:/-}/metrics.jsonl" "$norm" <<'PYTHON'
import json, sys
losses = [json.loads(line)["loss"] for line in open(sys.argv[1]) if '"loss"' in line]
tail = losses[-max(1, len(losses) // 10):]
print(f"{sys.argv[2]:<12} first loss {losses[0]:.3f}, mean of the last {len(tail)} updates {sum(tail) / len(tail):.3f}")
PYTHON
done
cat <<DONE

Written to $out: in pre and post_pre-6 metrics.jsonl (a line an update), run.json, model_$steps (a Hugging Face
folder), layers.json; tokenizer.model.
Next:
  $bin/mixlnc configs/llama_71m.json --norm post_pre:3 --batch_size 8 --explain
  $bin/mixln-run --check lns
  $bin/mixln-train --model_config configs/thin_deep.json --norm lns --data '$data' --tokenizer $tokenizer --save_dir $out/lns --packing concat --batch_size 8 --num_training_steps $steps --lr 2e-3
DONE

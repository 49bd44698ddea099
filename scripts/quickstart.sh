#!/usr/bin/env bash
# Sets up, builds, looks at three placements, and trains a thin deep model with Pre-LN and with Mix-LN.
#   scripts/quickstart.sh [--data GLOB | --c4] [--steps N] [--out DIR]
# Text: --data or MIXLN_DATA; with --c4 a shard of C4, from an existing hub cache or fetched (about 40 MB, kept for the
# next time); else English prose of a Debian package.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
# Names are meant as seen from where the script was started.
fromHere() { if [[ "$1" == /* || "$here" == "$PWD" ]]; then echo "$1"; else echo "$here/$1"; fi; }
build=${MIXLN_BUILD:-build/release}
data=${MIXLN_DATA:+$(fromHere "$MIXLN_DATA")}
c4=
steps=400
out=runs/quickstart-$(date +%Y%m%d-%H%M%S)
while (($#)); do
  case "$1" in
    --data | --steps | --out)
      (($# > 1)) || { echo "quickstart: $1 lacks its value" >&2; exit 2; }
      [[ "$1" == --steps ]] && steps=$2 || declare "${1#--}=$(fromHere "$2")"
      shift 2 ;;
    --c4) c4=1; shift ;;
    -h | --help) sed -n '2,5p' "$0"; exit 0 ;;
    *) echo "quickstart: unknown argument $1 (see --help)" >&2; exit 2 ;;
  esac
done
[[ -z "$c4" || -z "$data" ]] || { echo "quickstart: --c4 and --data (or MIXLN_DATA) exclude each other" >&2; exit 2; }
[[ "$steps" =~ ^[1-9][0-9]*$ ]] || { echo "quickstart: --steps is '$steps', expected a whole number" >&2; exit 2; }

scripts/install-deps.sh
echo "quickstart: building (a few minutes the first time)"
cmake --preset release -B "$build" >/dev/null
cmake --build "$build" --target mixln-tools | tail -1
bin=$build/bin

if [[ -n "$c4" ]]; then
  shards=$("$bin/mixln-data" c4 --fetch any) # verified; its hash stands in run.json
  data=${shards##*$'\n'}
elif [[ -z "$data" ]]; then
  echo "quickstart: no text given (--data, MIXLN_DATA, or --c4): English prose of Debian's bible-kjv"
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
  "$out/${norm/:/-}/exe" layers --out "$out/${norm/:/-}/layers.json" # weights and data are the run's
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
  $out/pre/exe eval
  $bin/mixln-train --model_config configs/thin_deep.json --norm lns --data '$data' --tokenizer $tokenizer --save_dir $out/lns --packing concat --batch_size 8 --num_training_steps $steps --lr 2e-3
DONE

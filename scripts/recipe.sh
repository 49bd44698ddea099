#!/usr/bin/env bash
# Trains LLaMA of a size with the published hyper-parameters (Adam, 512 sequences of 256 tokens an update, no decay, no
# clipping, cosine).
#   scripts/run_SIZE.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]      (scripts/recipe.sh SIZE NORM_TYPE ...)
# NORM_TYPE: a placement (pre, post, post_pre, deepnorm, ...); POST_NUM: its K. Flags at the end replace those of the
# recipe: the micro-batches are those of 80 GB cards, so give a smaller --batch_size on a smaller machine.
# Text: MIXLN_DATA, MIXLN_EVAL_DATA and MIXLN_TOKENIZER, by default C4 in c4/ and T5's spiece.model. --print checks and
# shows all flags, and trains nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# size: learning rate, updates, warm-up, micro-batch. "=SIZE": not published; as that size.
recipe() {
  case "$1" in
    71m) echo 1e-3 10000 1000 256 ;;
    130m) echo 1e-3 20000 2000 256 ;;
    250m) echo 1e-3 40000 4000 128 ;;
    # The published script warms up for 1000 updates, the paper's text says 10000.
    1b) echo 5e-4 100000 1000 32 ;;
    7b) echo 5e-4 150000 15000 4 ;;
    9m | 20m | 35m | 40m | 60m) echo =71m ;;
    100m) echo =130m ;;
    350m) echo =250m ;;
    3b) echo =1b ;;
    *) echo "recipe: unknown size $1, expected 9m 20m 35m 40m 60m 71m 100m 130m 250m 350m 1b 3b or 7b" >&2; return 2 ;;
  esac
}

if (($# < 2)) || [[ "$1" == -* || "$2" == -* ]]; then
  sed -n '2,8p' "$0" >&2
  exit 2
fi
size=$1 norm=$2
shift 2
values=$(recipe "$size")
if [[ "$values" == =* ]]; then
  echo "recipe: no hyper-parameters were published for $size: those of ${values#=}" >&2
  values=$(recipe "${values#=}")
fi
read -r lr steps warmup batch <<<"$values"
placement=(--norm_type "$norm")
name=llama_$size-$norm
if (($#)) && [[ "$1" != -* ]]; then
  placement+=(--post_num "$1")
  name+=-$1
  shift
fi

bin=${MIXLN_BUILD:-$here/../build/release}/bin
evaluation=()
if [[ -n "${MIXLN_EVAL_DATA:-}" ]]; then
  evaluation=(--eval_data "$MIXLN_EVAL_DATA")
fi
exec "$bin/mixln-train" --model_config "$here/../configs/llama_$size.json" "${placement[@]}" \
  --data "${MIXLN_DATA:-c4/c4-train.*.json.gz}" --tokenizer "${MIXLN_TOKENIZER:-spiece.model}" "${evaluation[@]}" \
  --optimizer adam --lr "$lr" --num_training_steps "$steps" --warmup_steps "$warmup" --scheduler cosine \
  --batch_size "$batch" --total_batch_size 512 --max_length 256 --weight_decay 0 --grad_clipping 0 \
  --save_dir "runs/$name" "$@"

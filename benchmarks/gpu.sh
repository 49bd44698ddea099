#!/usr/bin/env bash
# Everything that is worth knowing on a GPU, in one call of at most 8 minutes, from a build made elsewhere.
#
#   benchmarks/gpu.sh pack DIR                 on the machine with the build: compiles what will run into DIR
#   benchmarks/gpu.sh run DIR [PYTHON]         on the machine with the GPU: runs it, writes DIR/results.json and DIR/results.md
#
# pack needs the build's tools (build/release/bin, or MIXLN_BIN), for its data MIXLN_DATA (JSON lines, gzip) and
# MIXLN_TOKENIZER; GPU_ARCH (sm_90a), MODELS ("71m 130m"), BATCHES ("512 256 128 64") and GOLDEN (cases of test/Golden)
# choose what it packs. run needs a driver, cublasLt (found in PYTHON's packages too) and, to compare, a PYTHON with
# torch; nothing is built there. What run does, each part with a time limit of its own:
#   1. golden cases in fp32 and bf16 against an independent model's numbers
#   2. the rates that the GPU reaches: a copy, a bf16 product (torch)
#   3. tokens a second of each model at the largest B that fits, bf16, T 256, and of torch.compile with SDPA and fused
#      AdamW at the same B
#   4. a table of kernels: time, share of the copy's bandwidth, share of the product's rate
#   5. the 71M recipe end to end, shortened: data, training, checkpoint, evaluation
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
seq=256

fail() {
  echo "gpu.sh: $*" >&2
  exit 2
}

# The norm of the published recipe: Mix-LN, three Post-LN layers.
norm=post_pre:3

pack() {
  local dir=$1 bin=${MIXLN_BIN:-$root/build/release/bin} arch=${GPU_ARCH:-sm_90a}
  [[ -x $bin/mixlnc ]] || fail "$bin/mixlnc is missing: build first, or say where with MIXLN_BIN"
  [[ -f ${MIXLN_DATA:-} && -f ${MIXLN_TOKENIZER:-} ]] || fail "MIXLN_DATA and MIXLN_TOKENIZER must name files"
  mkdir -p "$dir"/{exe,golden} || exit 2
  local case dtype model batch
  for case in ${GOLDEN:-post_pre siamese seednorm hybrid}; do
    cp -r "$root/test/Golden/cases/$case" "$dir/golden/" || exit 2
    read -r rows length < <(python3 "$here/gpu_golden.py" --shape "$root/test/Golden/cases/$case")
    for dtype in fp32 bf16; do
      "$bin/mixlnc" "$root/test/Golden/cases/$case/config.json" --batch_size "$rows" --seq_len "$length" \
        --dtype $dtype --target cuda --gpu_arch "$arch" -o "$dir/exe/golden-$case-$dtype" || exit 1
    done
  done
  for model in ${MODELS:-71m 130m}; do
    for batch in ${BATCHES:-512 256 128 64}; do
      "$bin/mixlnc" "$root/configs/llama_$model.json" --norm $norm --batch_size "$batch" --seq_len $seq --dtype bf16 \
        --target cuda --gpu_arch "$arch" -o "$dir/exe/$model-$batch" || exit 1
    done
    cp "$root/configs/llama_$model.json" "$dir/$model.json"
  done
  "$bin/mixln-data" tokenize --data "$MIXLN_DATA" --tokenizer "$MIXLN_TOKENIZER" --seq_len $seq --packing concat \
    --out "$dir/train.bin" || exit 1
  # An executable is mostly runtime, which compresses well.
  (cd "$dir/exe" && strip -s -- * && for file in *; do gzip -9 "$file"; done)
  cp "$here"/gpu_*.py "$root/test/Golden/run_golden.py" "$dir/"
  du -sh "$dir"
}

# part SECONDS NAME COMMAND...: what it prints goes to DIR/NAME.log; says when it failed or took too long.
part() {
  local seconds=$1 name=$2
  shift 2
  local left=$((deadline - $(date +%s)))
  if ((left < seconds)); then
    seconds=$left
  fi
  if ((seconds < 5)); then
    echo "gpu.sh: no time is left for $name" | tee -a "$dir/failures"
    return 1
  fi
  timeout "$seconds" "$@" >"$dir/$name.log" 2>&1
  local status=$?
  local why="exit status $status"
  ((status != 124)) || why="took more than $seconds s"
  ((status == 0)) || echo "gpu.sh: $name: $why: $(tail -n 1 "$dir/$name.log")" |
    tee -a "$dir/failures"
  return $status
}

run() {
  dir=$(cd "$1" && pwd) || exit 2
  local python=${2:-python3}
  deadline=$(($(date +%s) + 470))
  rm -rf "$dir"/{failures,*.log,runs,results.*,*.json.part}
  gunzip -f "$dir"/exe/*.gz 2>/dev/null
  chmod +x "$dir"/exe/*
  # torch brings a cublasLt of its own.
  if [[ -z ${MIXLN_LIBCUBLASLT:-} ]]; then
    found=$("$python" -c 'import glob, site; print(next(iter(sorted(f for p in site.getsitepackages() for f in glob.glob(p + "/nvidia/**/libcublasLt.so.*", recursive=True))), ""))' 2>/dev/null)
    [[ -n $found ]] && export MIXLN_LIBCUBLASLT=$found
  fi
  (nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || echo unknown) 2>/dev/null >"$dir/gpu.log"

  part 60 golden "$python" "$dir/gpu_golden.py" "$dir"
  part 30 ceilings "$python" "$dir/gpu_torch.py" --ceilings
  local model batch exe fits=()
  for model in $(ls "$dir/exe" | grep -v ^golden- | cut -d- -f1 | sort -u); do
    for exe in $(ls "$dir/exe" | grep "^$model-" | sort -t- -k2 -nr); do
      batch=${exe#*-}
      if part 40 "step-$exe" "$dir/exe/$exe" train --data "$dir/train.bin" --packing concat --save_dir "$dir/runs/$exe" \
        --device cuda --num_training_steps 30 --total_batch_size "$batch" --warmup_steps 5 --lr 1e-3 --save_every 0; then
        fits+=("$exe")
        part 90 "torch-$exe" "$python" "$dir/gpu_torch.py" --config "$dir/$model.json" --batch "$batch" --seq $seq \
          --norm $norm --steps 30
        part 30 "kernels-$exe" "$dir/exe/$exe" info --kernels --runs 5 --json --device cuda
        break
      fi
    done
  done
  exe=${fits[0]:-}
  if [[ -n $exe ]]; then
    # The published command, with few steps.
    batch=${exe#*-}
    part 60 recipe "$dir/exe/$exe" train --data "$dir/train.bin" --packing concat --save_dir "$dir/runs/recipe" \
      --lr 1e-3 --total_batch_size $((2 * batch)) --num_training_steps 20 --warmup_steps 2 --eval_data "$dir/train.bin" \
      --eval_packing concat --eval_tokens 200000 --eval_every 10 --save_every 10
  fi
  "$python" "$dir/gpu_report.py" "$dir" | tee "$dir/results.md"
  [[ ! -s $dir/failures ]]
}

case ${1:-} in
pack) pack "${2:?DIR is missing}" ;;
run) run "${2:?DIR is missing}" "${3:-python3}" ;;
*) fail "expected: pack DIR, or run DIR [PYTHON]" ;;
esac

#!/usr/bin/env bash
# Trains a thin deep model (24 layers) with six placements on C4 and books, and writes the report; goes on where it was.
#   scripts/evidence.sh --c4 FOLDER --books FOLDER [--out DIR] [--bin DIR] [flags of mixln-sweep...]
# FOLDERs hold *.train.json.gz and *.validation.json.gz. Stage 1 chooses a learning rate for each placement, stage 2
# trains two seeds at it: 33M tokens in all, some four hours on two AVX2 cores (--jobs 2). A copy of
# benchmarks/results/evidence in the place of DIR goes on from the runs that are recorded there.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
# Names are meant as seen from where the script was started.
fromHere() { if [[ "$1" == /* || "$here" == "$PWD" ]]; then echo "$1"; else echo "$here/$1"; fi; }
c4= books= out=runs/evidence bin=build/release/bin
while (($#)); do
  case "$1" in
    --c4 | --books | --out | --bin)
      (($# > 1)) || { echo "evidence: $1 lacks its value" >&2; exit 2; }
      declare "${1#--}=$(fromHere "$2")"; shift 2 ;;
    -h | --help) sed -n '2,6p' "$0"; exit 0 ;;
    *) break ;;
  esac
done
[[ -n "$c4" && -n "$books" ]] || { echo "evidence: --c4 and --books are needed (see --help)" >&2; exit 2; }

# Equal shares of both texts: as many bytes of books as there are of C4.
mkdir -p "$out/text"
if [[ ! -e "$out/text/books.jsonl" ]]; then
  zcat "$c4"/*.train.json.gz > "$out/text/c4.jsonl"
  bytes=$(stat -c %s "$out/text/c4.jsonl")
  zcat "$books"/*.train.json.gz | awk -v most="$bytes" '{ sum += length($0) + 1; if (sum > most) exit; print }' \
    > "$out/text/books.part" || [[ $? == 141 ]]
  mv "$out/text/books.part" "$out/text/books.jsonl"
fi
tokenizer=$out/tokenizer.model
[[ -e "$tokenizer" ]] || "$bin/mixln-data" train-tokenizer --data "$out/text/*.jsonl" --vocab_size 4096 --out "$tokenizer"

sweep() { # NAME and further flags
  sed "s#@C4@#$c4#; s#@BOOKS@#$books#" "configs/runs/evidence_$1.json" > "$out/$1.json"
  "$bin/mixln-sweep" "$out/$1.json" --out "$out/$1" --data "$out/text/*.jsonl" --tokenizer "$tokenizer" "${@:2}"
}
isDone() { # RESULTS
  python3 -c 'import json, sys
sys.exit(any(run["state"] not in ("done", "diverged") for run in json.load(open(sys.argv[1]))["runs"]))' "$1"
}
# Of stage 1 the results are enough.
[[ -e "$out/rates/results.json" ]] && isDone "$out/rates/results.json" || sweep rates "$@"
# Stage 2's file takes each placement's learning rate from stage 1's results.
python3 - "$out/rates/results.json" configs/runs/evidence_seeds.json "$out/seeds.json" "$c4" "$books" <<'PYTHON'
import json, sys
results, form, made, c4, books = sys.argv[1:]
best = {}
for run in json.load(open(results))["runs"]:
    norm, lr = run["flags"]["norm"], run["flags"]["lr"]
    if run["state"] == "done":
        loss = run["evaluations"]["eval"]["loss"]
        best[norm] = min(best.get(norm, (loss, lr)), (loss, lr))
sweep = json.load(open(form))
# Seed by seed: what is stopped early has every placement.
seeds = sweep["vary"].pop("seed")
sweep["cases"] = [{"norm": norm, "lr": lr, "seed": seed} for seed in seeds for norm, (_, lr) in best.items()]
text = json.dumps(sweep, indent=2).replace("@C4@", c4).replace("@BOOKS@", books)
open(made, "w").write(text + "\n")
PYTHON
"$bin/mixln-sweep" "$out/seeds.json" --out "$out/seeds" --data "$out/text/*.jsonl" --tokenizer "$tokenizer" "$@"

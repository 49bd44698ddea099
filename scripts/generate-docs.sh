#!/usr/bin/env bash
# Writes the reference of operations and passes from their definitions.
#   scripts/generate-docs.sh [OUT_DIR]     default docs/reference
set -euo pipefail
case "${1-}" in -h | --help) sed -n 2,3p "$0"; exit ;; esac
cd "$(dirname "$0")/.."
out=${1:-docs/reference}
mlir=${MIXLN_LLVM:-/usr/lib/llvm-22}
tblgen() { "$mlir/bin/mlir-tblgen" -I include -I "$mlir/include" "$@"; }
mkdir -p "$out"
tblgen -gen-dialect-doc -dialect=mixln include/mixln/IR/MixlnOps.td > "$out/Dialect.md"
tblgen -gen-attrdef-doc -dialect=mixln include/mixln/IR/MixlnAttributes.td > "$out/Attributes.md"
tblgen -gen-pass-doc include/mixln/Transforms/Passes.td > "$out/Passes.md"

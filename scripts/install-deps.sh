#!/usr/bin/env bash
# Installs what the project needs to build, test and run, by package name (Debian 12 or newer).
#   scripts/install-deps.sh [--dev]     --dev adds the linter, the peers' allocator and a
#                                       disassembler of GPU code
set -euo pipefail

packages=(
  clang-22 clang-format-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools libclang-rt-22-dev
  cmake ninja-build ccache python3 python3-pip git curl ca-certificates
  nlohmann-json3-dev libcli11-dev libgtest-dev libgmock-dev zlib1g-dev libxxhash-dev libboost-context-dev
  libjs-chart.js
  bible-kjv
)
if [[ "${1:-}" == "--dev" ]]; then
  packages+=(clang-tidy-22 libtcmalloc-minimal4 chromium)
  # NVIDIA's own package; without it the test that reads machine code is skipped.
  nvdisasm="$HOME/.cache/mixln-deps/nvdisasm"
  if [[ ! -x "$nvdisasm/nvidia/cu13/bin/nvdisasm" ]]; then
    python3 -m pip install --quiet --target "$nvdisasm" nvidia-cuda-nvdisasm ||
      echo "install-deps: no nvdisasm; the test of machine code will be skipped" >&2
  fi
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "install-deps: everything is installed"
  exit 0
fi

sudo=()
if [[ $EUID -ne 0 ]]; then
  sudo=(sudo)
fi
echo "install-deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

#!/usr/bin/env bash
# Sets up, builds and passes every test.
#   scripts/test.sh [BUILD_DIR] [ctest arguments...]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
shift || true

scripts/install-deps.sh
cmake --preset release -B "$build" >/dev/null
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "$@"

#!/usr/bin/env bash
# LLaMA-1B with the published hyper-parameters: scripts/run_1b.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 1b "$@"

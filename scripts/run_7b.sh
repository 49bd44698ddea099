#!/usr/bin/env bash
# LLaMA-7B with the published hyper-parameters: scripts/run_7b.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 7b "$@"

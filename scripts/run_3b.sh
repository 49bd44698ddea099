#!/usr/bin/env bash
# LLaMA-3B with the published hyper-parameters: scripts/run_3b.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 3b "$@"

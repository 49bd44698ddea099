#!/usr/bin/env bash
# LLaMA-20M with the published hyper-parameters: scripts/run_20m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 20m "$@"

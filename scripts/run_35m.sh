#!/usr/bin/env bash
# LLaMA-35M with the published hyper-parameters: scripts/run_35m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 35m "$@"

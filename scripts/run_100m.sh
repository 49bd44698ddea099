#!/usr/bin/env bash
# LLaMA-100M with the published hyper-parameters: scripts/run_100m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 100m "$@"

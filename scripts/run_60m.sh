#!/usr/bin/env bash
# LLaMA-60M with the published hyper-parameters: scripts/run_60m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 60m "$@"

#!/usr/bin/env bash
# LLaMA-130M with the published hyper-parameters: scripts/run_130m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 130m "$@"

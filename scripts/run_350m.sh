#!/usr/bin/env bash
# LLaMA-350M with the published hyper-parameters: scripts/run_350m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 350m "$@"

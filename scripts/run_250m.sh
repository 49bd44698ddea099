#!/usr/bin/env bash
# LLaMA-250M with the published hyper-parameters: scripts/run_250m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 250m "$@"

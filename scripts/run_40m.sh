#!/usr/bin/env bash
# LLaMA-40M with the published hyper-parameters: scripts/run_40m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 40m "$@"

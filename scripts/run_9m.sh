#!/usr/bin/env bash
# LLaMA-9M with the published hyper-parameters: scripts/run_9m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 9m "$@"

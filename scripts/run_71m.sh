#!/usr/bin/env bash
# LLaMA-71M with the published hyper-parameters: scripts/run_71m.sh NORM_TYPE [POST_NUM] [--FLAG VALUE ...]
exec "$(dirname "$0")/recipe.sh" 71m "$@"

#!/usr/bin/env bash
# Turns the inputs of the GitHub action into arguments of `otp-review check`. An input that is empty says nothing.
set -euo pipefail

arguments=("$@")
option() { if [ -n "$2" ]; then arguments+=("$1" "$2"); fi; }
base=${INPUT_BASE:-}
# A merge queue names its branch as GitHub has it.
option --diff "${base/#refs\/heads\//origin/}"
option --profile "${INPUT_PROFILE:-}"
option --fail-on "${INPUT_FAIL_ON:-}"
option --config "${INPUT_CONFIG:-}"

arguments+=(--)
while IFS= read -r path; do
  if [ -n "$path" ]; then arguments+=("$path"); fi
done <<< "${INPUT_PATHS:-}"

exec "$(dirname "$0")/otp-review.sh" check "${arguments[@]}"

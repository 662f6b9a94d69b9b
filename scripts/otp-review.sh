#!/bin/sh
# The command line tool of this checkout, for a machine that has Node and npm. What it needs is installed the first time.
set -eu
home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

newEnough='const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 24 || (major === 24 && minor >= 12) ? 0 : 1)'
if ! node --eval "$newEnough" 2> /dev/null; then
  echo "otp-review needs Node 24.12 or newer; on the PATH is $(node --version 2> /dev/null || echo none)." >&2
  exit 2
fi
# npm writes this file last. Install scripts are not needed: the parser comes built.
if ! [ -e "$home/node_modules/.package-lock.json" ]; then
  npm ci --prefix "$home" --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || exit 3
fi
exec node --max-semi-space-size=4 "$home/src/cli.ts" "$@"

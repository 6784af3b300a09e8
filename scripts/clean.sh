#!/usr/bin/env bash
# clean.sh PRODUCT...: remove these files and folders.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
rm -rf -- "$@"

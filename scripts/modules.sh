#!/usr/bin/env bash
# modules.sh PYTHON FALLBACK_PYTHON OUT: list the modules of every door in the make fragment OUT.
# Where no Python can read them nothing is written, and make takes every module for every door.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
for python in "$1" "$2"; do
    if "$python" "$root/python/list_modules.py" --out "$3" 2>/dev/null; then
        break
    fi
done

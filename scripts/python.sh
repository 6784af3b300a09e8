#!/usr/bin/env bash
# python.sh ARG...: run the interpreter in $PY in the environment of env.sh.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
if [[ ${1:-} == *.py ]]; then
    set -- "$root/scripts/door.py" "$@"
fi
run "${PY:?names the Python interpreter}" "${PYTHON_FLAGS[@]}" "$@"

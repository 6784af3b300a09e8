#!/usr/bin/env bash
# step.sh [--alone] VERB TARGET COMMAND [ARG...]: run one step of the chain and print one line for it.
# COMMAND is a door (python/*.py) or a script.
#
# Steps share the machine; a step that is timed or takes all of it runs --alone, so that
# `make -j` neither disturbs a measurement nor multiplies the memory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
share=--shared
if [ "$1" = --alone ]; then
    share=--exclusive
    shift
fi
verb=$1 target=$2
shift 2
if [[ $1 == *.py ]]; then
    set -- "${PY:?names the Python interpreter}" "${PYTHON_FLAGS[@]}" "$@"
fi

mkdir -p "$root/result"
exec 9>"$root/result/.lock"
flock "$share" 9

if [ "${V:-}" = 1 ]; then
    printf '+ %s\n' "$(printf '%q ' "$@")"
fi
if [ -t 1 ]; then
    printf '  %-12s %s ' "$verb" "$target"
fi
start=$(date +%s%N)
status=0
"$@" || status=$?
tenths=$((($(date +%s%N) - start) / 100000000))
if [ -t 1 ]; then
    printf '\r\033[K'
fi
if [ "$status" -eq 0 ]; then
    printf '  %-12s %-60s %5d.%d s\n' "$verb" "$target" $((tenths / 10)) $((tenths % 10))
else
    printf '  %-12s %-60s failed\n' "$verb" "$target"
fi
exit "$status"

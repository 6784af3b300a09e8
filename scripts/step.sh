#!/usr/bin/env bash
# step.sh [--alone] VERB TARGET COMMAND [ARG...]: run one step of the chain and print one line for it.
# COMMAND is a door (python/*.py) or a script.
#
# Steps share the machine; a step that is timed or takes all of it runs --alone, so that
# `make -j` neither disturbs a measurement nor multiplies the memory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
. "$root/scripts/hold.sh"
share=--shared
if [ "$1" = --alone ]; then
    share=--exclusive
    shift
fi
verb=$1 target=$2
shift 2
if [[ $1 == *.py ]]; then
    set -- "${PY:?names the Python interpreter}" "${PYTHON_FLAGS[@]}" "$root/scripts/door.py" "$@"
fi

exec 9<"$root/result"
# What waits longer than a moment says so: other steps may take minutes.
flock -w 1 "$share" 9 || { echo "  $verb waits until other steps in this folder have ended" >&2 && flock "$share" 9; }
held

if [ "${V:-}" = 1 ]; then
    say '+ %s\n' "$(printf '%q ' "$@")"
fi
width=54 shown=$target
if [ -t 1 ]; then
    exec 7>&1
    read -r _ columns < <(stty size <&7 2>/dev/null) || true
    # 26: the verb and the time.
    room=$((${columns:-80} > 46 ? ${columns:-80} - 26 : 20))
    width=$((room < width ? room : width))
    if [ ${#target} -gt $room ]; then
        half=$(((room - 3) / 2))
        shown=${target::room-half-3}...${target: -half}
    fi
fi
start=$(date +%s%N)
# A step that says nothing itself shows that it lives: in place on a terminal, elsewhere once a
# minute. What has a progress bar ends this ($STEP_CLOCK).
clock() {
    exec 9>&-
    trap - EXIT
    exec 8<> <(:) # nothing ever comes of it: a sleep that leaves no process behind
    local seconds=0
    while kill -0 $$ 2>/dev/null; do
        if [ -t 1 ]; then
            printf '  %-12s %-*s %5d s  \r' "$verb" "$width" "$shown" "$seconds"
        elif ((seconds && seconds % 60 == 0)); then
            printf '  %-12s %s: %d s so far\n' "$verb" "$target" "$seconds"
        fi
        read -rt 1 -u 8 || seconds=$((($(date +%s%N) - start) / 1000000000))
    done
}
clock 2>/dev/null &
export STEP_CLOCK=$!
stop_clock() { kill "$STEP_CLOCK" 2>/dev/null && wait "$STEP_CLOCK" 2>/dev/null || true; }
trap stop_clock EXIT
status=0
(run "$@") || status=$?
stop_clock
tenths=$((($(date +%s%N) - start) / 100000000))
if [ -t 1 ]; then
    say '\r\033[K'
fi
if [ "$status" -eq 0 ]; then
    say '  %-12s %-*s %5d.%d s\n' "$verb" "$width" "$shown" $((tenths / 10)) $((tenths % 10))
else
    say '  %-12s %-*s failed\n' "$verb" "$width" "$shown"
fi
exit "$status"

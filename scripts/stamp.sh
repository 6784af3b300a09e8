#!/usr/bin/env bash
# stamp.sh TEXT [FILE...]: print TEXT, then size and time of each FILE: what a stamp holds.
# stamp.sh --write STAMP TEXT [FILE...]: put that into STAMP.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
content() {
    printf '%s' "$1"
    shift
    for file; do
        # A copy with an old time stamp is another file too, so "newer" is not enough.
        printf ' %s' "$(stat -L -c '%s@%.9Y' -- "$file" 2>/dev/null || echo absent)"
    done
    printf '\n'
}
if [ "$1" = --write ]; then
    stamp=$2
    shift 2
    mkdir -p "$(dirname "$stamp")"
    content "$@" >"$stamp.tmp"
    mv "$stamp.tmp" "$stamp"
else
    content "$@"
fi

#!/usr/bin/env bash
# stamp.sh STAMP TEXT [FILE...]: put TEXT, then size and time of each FILE, into STAMP.
# A copy with an old time stamp is another file too, so "newer" is not enough.
set -euo pipefail
stamp=$1 text=$2
shift 2
for file; do
    text+=" $(stat -L -c '%n=%s@%.9Y' -- "$file" 2>/dev/null || echo "$file=absent")"
done
mkdir -p "${stamp%/*}"
printf '%s\n' "${text# }" >"$stamp.$$"
mv "$stamp.$$" "$stamp"

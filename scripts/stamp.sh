#!/usr/bin/env bash
# stamp.sh STAMP TEXT [FILE...]: put TEXT, then size and time of each FILE, into STAMP.
# A copy with an old time stamp is another file too, so "newer" is not enough.
set -euo pipefail
stamp=$1 text=$2
shift 2
for file; do
    text+=" $(stat -L -c '%n=%s@%.9Y' -- "$file" 2>/dev/null || echo "$file=absent")"
done
. scripts/hold.sh
held
new=${stamp%/*}/.${stamp##*/}.tmp-$$
fail() {
    rm -f "$new" 2>/dev/null || true
    echo "error: $*." >&2
    exit 1
}
# Newer than all that was made before this make, also where times are whole seconds.
for ((try = 0; ; try++)); do
    { mkdir -p "${stamp%/*}" && printf '%s\n' "${text# }" >"$new"; } 2>/dev/null ||
        fail "$stamp, which says what was made with which variables, cannot be written; give yourself the right to, or free disk space"
    [[ ! $new -nt result/.make ]] || break
    [ $try -lt 30 ] || fail "the clock was set back while make ran; set it right and run make again"
    sleep 0.1
done
mv -f "$new" "$stamp" 2>/dev/null || fail "$stamp cannot be replaced; give yourself the right to"

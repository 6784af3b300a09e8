#!/usr/bin/env bash
# check.sh KIND NAME VALUE [ALLOWED...] [-- KIND NAME VALUE ...]: print the first wrong value, or nothing.
#
# Kinds: one-of (of ALLOWED), number (one positive integer), numbers (one or more), maybe (a
# number or empty), word (a name, or empty), names (none or more, of letters, digits and . _ -),
# path (a file name that neither make nor a shell would interpret), maybe-path (one, or empty).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
NUMBER='[1-9][0-9]{0,8}'

check() {
    local kind=$1 name=$2 value=$3
    shift 3
    case $kind in
    one-of)
        for allowed; do [ "$value" = "$allowed" ] && return; done
        echo "$name=$value is unknown; choose one of: $*"
        ;;
    number) [[ $value =~ ^$NUMBER$ ]] || echo "$name=$value is not allowed; give one positive integer" ;;
    numbers) [[ $value =~ ^$NUMBER(\ +$NUMBER)*$ ]] || echo "$name=$value is not allowed; give positive integers" ;;
    maybe) [[ $value =~ ^($NUMBER)?$ ]] || echo "$name=$value is not allowed; give one positive integer" ;;
    word) [[ $value =~ ^[[:alnum:]_]*$ ]] || echo "$name=$value is not allowed; give one name of letters, digits and _" ;;
    names) [[ $value =~ ^[[:alnum:]_.\ -]*$ ]] || echo "$name=$value is not allowed; give names by letters, digits and . _ -" ;;
    maybe-path) [ -z "$value" ] || check path "$name" "$value" ;;
    path) [[ $value =~ ^[[:alnum:]_./+@,-]+$ && $value != -* ]] ||
        echo "$name=$value is not allowed; name one file by letters, digits and . _ + @ , / -" ;;
    esac
}

while [ $# -gt 0 ]; do
    words=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        words+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    found=$(check "${words[@]}")
    if [ -n "$found" ]; then
        echo "$found"
        exit
    fi
done

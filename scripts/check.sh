#!/usr/bin/env bash
# check.sh KIND NAME VALUE [ALLOWED...] [-- KIND NAME VALUE ...]: print the first wrong value, or nothing.
#
# Kinds: one-of (of ALLOWED), number (one positive integer), numbers (one or more), maybe (a
# number or empty), word (a name, or empty), path (a file name that neither make nor a shell would
# interpret), device (one number), devices (0,1,...), chip (a chip's name or empty), flags
# (--name=value ..., or empty), unused (empty).
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
    path) [[ $value =~ ^[[:alnum:]_./+@,-]+$ && $value != -* ]] ||
        echo "$name=$value is not allowed; name one file by letters, digits and . _ + @ , / -" ;;
    devices)
        [[ $value =~ ^[0-9]{1,3}(,[0-9]{1,3})*$ ]] ||
            { echo "$name=$value is not allowed; give device numbers such as 0 or 0,1,2,3" && return; }
        local seen=,
        for device in ${value//,/ }; do
            [ "$((10#$device))" -le 255 ] || { echo "$name=$value is not allowed; the highest device is 255" && return; }
            [[ $seen != *,$((10#$device)),* ]] || { echo "$name=$value names a device twice" && return; }
            seen+=$((10#$device)),
        done
        ;;
    device) [[ $value =~ ^[0-9]{1,3}$ ]] || echo "$name=$value is not allowed with $1; give one device number" ;;
    chip) [[ $value =~ ^((Ascend)?[0-9][0-9A-Za-z_-]*)?$ ]] ||
        echo "$name=$value is not allowed; give a chip as npu-smi info names it, such as 310P3" ;;
    flags) [[ $value =~ ^\ *(--[a-z0-9_]+=[[:alnum:]_./:\;,+=-]+(\ +|$))*$ ]] ||
        echo "$name=$value is not allowed; write flags as --name=value, separated by blanks" ;;
    unused) [ -z "$value" ] || echo "$name=$value does nothing with $1; leave it out" ;;
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

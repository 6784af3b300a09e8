# missing VARIABLE FILE URL: say that FILE, which VARIABLE names, is neither there nor to be had from
# URL, scripts/downloads.json or the demo; nothing where it is. Sourced by setup.sh and bring.sh.
# shellcheck shell=bash
missing() {
    [[ ! -e $2 && -z $3 && $(<scripts/downloads.json) != *"\"$2\": {"* && $2 != data/demo.bin && $2 != model/demo_*.pth ]] || return 0
    local what="the verification set" address=" or its address with ${1}_URL="
    [ "$1" != WEIGHTS ] || what="the checkpoint"
    [ "$1" != DETECTOR ] || { echo "the detector $2 is missing; put it there, or leave DETECTOR= out" && return; }
    [[ $1 == DATA || $1 == WEIGHTS ]] || address=
    echo "$what $2 is missing; put it there, name your own with $1=$address, or run make demo"
}

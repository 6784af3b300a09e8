# The one place for the environment of what the chain runs. Sourced by its scripts; bash.

# CANN, where it is installed: atc, and the Python parts that it needs.
. "${BASH_SOURCE[0]%/*}/scripts/cann.sh"
if [ -r "$ASCEND_SET_ENV" ]; then
    set +eu # the toolkit's script is not written for strict shells
    # shellcheck disable=SC1090
    . "$ASCEND_SET_ENV"
    set -eu
fi

# OpenVINO and Ray would send usage statistics.
export OPENVINO_TELEMETRY=0 RAY_USAGE_STATS_ENABLED=0

# The chain's interpreter alone goes without a user's site-packages, which would make figures
# differ, and writes no bytecode: atc and ais_bench may have their packages there.
# shellcheck disable=SC2034
PYTHON_FLAGS=(-s -B)

[ -e /dev/fd/2 ] || exec 2>/dev/null # closed, and then a file that a program opens

# run COMMAND [ARG...]: run it; where a signal ended it say so, in our words and not in bash's.
run() {
    command -v -- "$1" >/dev/null ||
        fail "$1 is missing, or you have no right to run it; name an interpreter that you have with PYTHON=."
    local status=0
    { "$@" 2>&6 6>&- || status=$?; } 6>&2 2>/dev/null
    case $status in
    130 | 143) fail "interrupted; run make again." ;;
    137) fail "${verb:-make} was killed (SIGKILL), by the system if memory ran out; end other programs or choose a smaller BS=, and run make again." ;;
    129 | 13[1-9] | 14? | 15?) fail "${verb:-make} was ended by SIG$(kill -l "$status"), as a library does that crashes on its input; run make again, with V=1 to see the command." ;;
    esac
    return "$status"
}

# say FORMAT [ARG...]: print to standard output, which may be full or closed.
say() {
    # shellcheck disable=SC2059
    { printf "$@" || fail "standard output cannot be written to; send it elsewhere, or free disk space." 2>&6; } 6>&2 2>/dev/null
}

# fail SENTENCE: end on an error, on a line of its own where a step shows its time.
fail() {
    [ ! -t 2 ] || printf '\r\033[K' >&2
    echo "error: $*" >&2
    exit 1
}

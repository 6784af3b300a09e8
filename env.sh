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

# fail SENTENCE: end on an error, on a line of its own where a step shows its time.
fail() {
    [ ! -t 2 ] || printf '\r\033[K' >&2
    echo "error: $*" >&2
    exit 1
}

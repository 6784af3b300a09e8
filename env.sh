# The one place for the environment. Sourced by every script in scripts/; bash.

# CANN, where it is installed: atc, npu-smi's companions, and the Python parts of ais_bench.
ASCEND_SET_ENV=${ASCEND_SET_ENV:-/usr/local/Ascend/ascend-toolkit/set_env.sh}
if [ -r "$ASCEND_SET_ENV" ]; then
    set +eu # the toolkit's script is not written for strict shells
    # shellcheck disable=SC1090
    . "$ASCEND_SET_ENV"
    set -eu
fi

# Only the interpreter's own packages: a user's site-packages would make figures differ.
export PYTHONNOUSERSITE=1
export PYTHONDONTWRITEBYTECODE=1
# OpenVINO would send usage statistics.
export OPENVINO_TELEMETRY=0

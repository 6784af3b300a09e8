# Where CANN's set_env.sh is. Sourced by env.sh, which runs it, and by setup.sh, which only looks.
# shellcheck shell=bash
export ASCEND_SET_ENV=${ASCEND_SET_ENV:-/usr/local/Ascend/ascend-toolkit/set_env.sh}

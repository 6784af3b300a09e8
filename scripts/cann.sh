# Where CANN's set_env.sh is: the file that ASCEND_SET_ENV names, else the first of its usual
# places that is there. Sourced by env.sh, which runs it, and by setup.sh, which only looks.
# shellcheck shell=bash
if [ -z "${ASCEND_SET_ENV:-}" ]; then
    # Up to CANN 8.x the toolkit's folder is ascend-toolkit, from 8.5 cann. ASCEND_HOME_PATH is
    # that folder's, or that of one version in it.
    for place in ${ASCEND_HOME_PATH:+"$ASCEND_HOME_PATH" "$ASCEND_HOME_PATH/.."} \
        {/usr/local,"${HOME:-/nonexistent}"}/Ascend/{ascend-toolkit,cann}; do
        if [ -r "$place/set_env.sh" ]; then
            ASCEND_SET_ENV=$place/set_env.sh
            break
        fi
    done
    unset place
fi
export ASCEND_SET_ENV=${ASCEND_SET_ENV:-}

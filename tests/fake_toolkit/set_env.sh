# What the toolkit's set_env.sh sets, for the stand-in. Sourced.
ASCEND_HOME_PATH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export ASCEND_HOME_PATH
export ASCEND_OPP_PATH=$ASCEND_HOME_PATH/opp
export ASCEND_AICPU_PATH=$ASCEND_HOME_PATH
case ":$PATH:" in
*":$ASCEND_HOME_PATH/bin:"*) ;;
*)
    export PATH=$ASCEND_HOME_PATH/bin:$PATH
    export PYTHONPATH=$ASCEND_HOME_PATH/python${PYTHONPATH:+:$PYTHONPATH}
    ;;
esac

#!/usr/bin/env bash
# clean.sh FILE...: remove these. Locks result/ as a step does, so that the next make waits for it
# even where its own make was ended.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./env.sh
. scripts/hold.sh
exec 9<result
flock 9
held
said=$(rm -rf -- "$@" 2>&1) ||
    fail "not everything was removed (${said##*rm: }); give yourself the right to, and run make clean again."

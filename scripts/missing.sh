#!/usr/bin/env bash
# missing.sh VARIABLE FILE: say that the input FILE, chosen by VARIABLE, is not there. Always fails.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
case $1 in
DATA* | CALIB) what="the verification set" ;;
*) what="the checkpoint" ;;
esac
echo "error: $what $2 is missing; put it there, name your own with $1= or its address with ${1}_URL=, or run make demo." >&2
exit 1

#!/usr/bin/env bash
# bring.sh FILE DATA DATA_URL WEIGHTS WEIGHTS_URL DETECTOR: download FILE, which is missing, where
# there is an address for it: the variable's own, or one in scripts/downloads.json. Else say that it
# is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/missing.sh
case $1 in
"$4") variable=WEIGHTS url=$5 ;;
"$2") variable=DATA url=$3 ;;
"$6") variable=DETECTOR url= ;;
*) variable="DATASETS= or CALIB" url= ;;
esac
found=$(missing "$variable" "$1" "$url")
[ -z "$found" ] || { echo "error: $found." >&2 && exit 1; }
exec scripts/step.sh download "$1" python/download.py --manifest scripts/downloads.json --file "$1" \
    --variable "$variable" ${url:+--url "$url"}

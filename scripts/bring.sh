#!/usr/bin/env bash
# bring.sh FILE DATA DATA_URL WEIGHTS WEIGHTS_URL: download FILE, which is missing, where there is an
# address for it: the variable's own, or one in scripts/downloads.json. Else say that it is missing.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
file=$1 variable=DATA url=$3 what="the verification set"
if [ "$file" = "$4" ]; then
    variable=WEIGHTS url=$5 what="the checkpoint"
elif [ "$file" != "$2" ]; then
    variable="DATASETS= or CALIB" url=
fi
manifest=$root/scripts/downloads.json
if [ -z "$url" ] && ! grep -qF "\"$file\": {" "$manifest"; then
    address=
    [ "$file" != "$2" ] && [ "$file" != "$4" ] || address=" or its address with ${variable}_URL="
    echo "error: $what $file is missing; put it there, name your own with $variable=$address, or run make demo." >&2
    exit 1
fi
exec "$root/scripts/step.sh" download "$file" python/download.py --manifest "$manifest" --file "$file" \
    --variable "$variable" ${url:+--url "$url"}

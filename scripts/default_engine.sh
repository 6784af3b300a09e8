#!/usr/bin/env bash
# default_engine.sh PYTHON FALLBACK_PYTHON: print the ENGINE to use where none is chosen,
# and on an NPU its chip.
#
# ascend where atc and ais_bench (in PYTHON) are there and npu-smi answers, else openvino.
# FALLBACK_PYTHON looks, without its own packages, while PYTHON is not made yet.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"

if ! command -v npu-smi >/dev/null; then
    echo openvino
    exit
fi
python=("$1")
command -v "$1" >/dev/null || python=("$2" -S)
lacking=""
command -v atc >/dev/null || lacking="atc is not on PATH"
# Only looked for, not imported: this runs at every start of make.
"${python[@]}" -c 'import importlib.util as u, sys
try: found = u.find_spec("aclruntime") and u.find_spec("ais_bench.infer")
except ImportError: found = None
sys.exit(not found)' 2>/dev/null || lacking=${lacking:-"$1 has no ais_bench.infer and aclruntime"}
[ -n "$lacking" ] || listing=$(timeout 60 npu-smi info 2>/dev/null) || lacking="npu-smi info fails"
if [ -n "$lacking" ]; then
    echo "note: npu-smi is here, but $lacking: using ENGINE=openvino; try make doctor ENGINE=ascend" >&2
    echo openvino
else
    # No chip where they are mixed: what needs one says so.
    echo ascend "$("$2" "$root/python/npu.py" --listing /dev/stdin <<<"$listing" 2>/dev/null || true)"
fi

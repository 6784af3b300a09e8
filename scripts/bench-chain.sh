#!/usr/bin/env bash
# bench-chain.sh OUT PRECISIONS VARIABLE=VALUE...: run the whole chain in an empty copy of the project, step
# by step as make does, with these variables of make, and write the times to the JSON file OUT.
#
# Nothing of the user's data/, model/ or result/ is touched; the copy is removed afterwards.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1 precisions=$2
shift 2

copy=$(mktemp -d "${TMPDIR:-/tmp}/bench-chain.XXXXXX")
trap 'rm -rf "$copy"' EXIT
cp -R "$root"/Makefile "$root"/env.sh "$root"/scripts "$root"/python "$root"/requirements "$copy"
log=$copy/steps.log
variables=("$@")

# The copy is a project of its own: nothing of the calling make may reach it.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
chain() {
    make --no-print-directory -C "$copy" VENV= PYTHON="$python" "${variables[@]}" "$@" | tee -a "$log"
}
case $PY in
*/*) python=$(cd "$(dirname "$PY")" && pwd)/$(basename "$PY") ;;
*) python=$(command -v "$PY") ;;
esac

chain preprocess
chain onnx
chain onnx-all
chain accuracy
# What the guide runs, and what this project can, one after the other.
chain perf ENGINE=onnxruntime PRECISION=fp32 FUSE=0
for precision in $precisions; do
    chain perf ENGINE=openvino PRECISION="$precision" ||
        echo "  no figure for $precision: its model could not be made." | tee -a "$log"
done
if make -n -C "$copy" VENV= PYTHON="$python" "${variables[@]}" report >/dev/null 2>&1; then
    chain report
fi
PY=$python "$root/scripts/python.sh" "$root/python/bench_chain.py" --steps "$log" --project "$copy" --out "$out"

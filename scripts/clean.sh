#!/usr/bin/env bash
# clean.sh: remove what the chain built. clean.sh --all: downloads and environment too.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
cd "$root"
shopt -s nullglob

# Only names that the chain makes: people keep their own files in these folders.
for labels in data/*_list.npy; do
    rm -rf "${labels%_list.npy}" "${labels%_list.npy}_first.npy" "$labels"
done
rm -rf data/.stamp data/.*.tmp-* data/.*.old-* data/demo.bin
rm -rf model/.stamp model/.*.tmp-* model/.onnx_store.lock model/demo_*.pth
rm -f model/model_*.onnx model/model_*.data model/model_*_reference.npy model/model_*_parity.json
rm -rf result/.stamp result/*_bs*/
rm -f result/.lock result/*_reference.json

if [ "${1:-}" = --all ]; then
    rm -f data/lfw.bin model/model_ir_se100.pth {data,model}/.downloads.json {data,model}/.*.part*
    rm -rf .venv LResNet LResNet.tmp-*
fi

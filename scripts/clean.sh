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
    rm -rf "${labels%_list.npy}"_npu{,_aipp}{,.json}
done
rm -rf data/.stamp data/.*.tmp-* data/.*.old-* data/demo.bin
rm -rf model/.stamp model/.cache model/.*.tmp-* model/.onnx_store.lock model/demo_*.pth
rm -f model/model_*.onnx model/model_*.data model/model_*_reference.npy model/model_*_parity.json \
    model/model_*_fused.json
rm -rf model/model_*.om model/model_*.om.json model/.atc.tmp-* model/model_*_int8/
rm -rf result/.stamp result/log result/*_bs*/
rm -f result/.lock result/bench_*.json result/*_reference.json
rm -f result/report.html result/report.md result/throughput.png result/latency.png
rm -rf result/compare

if [ "${1:-}" = --all ]; then
    rm -f data/lfw.bin model/model_ir_se100.pth {data,model}/.downloads.json {data,model}/.*.part*
    rm -rf .venv LResNet LResNet.tmp-*
fi

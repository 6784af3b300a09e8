#!/usr/bin/env bash
# detect_chip.sh PYTHON: print the name of this machine's Ascend chip, as CHIP= takes it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
exec "$1" "$root/python/npu.py"

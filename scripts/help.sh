#!/usr/bin/env bash
# help.sh: print targets, and variables with their defaults and engines, from the makefiles' ## comments.
set -euo pipefail
cd "$(dirname "$0")/.."
exec awk -f scripts/help.awk python/engines/engines.mk scripts/variables.mk Makefile scripts/extras.mk

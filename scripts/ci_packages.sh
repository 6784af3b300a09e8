#!/usr/bin/env bash
# ci_packages.sh: install the Debian packages that the tests use where they may; Chromium, for the
# report's page. Without them those tests are skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
if command -v chromium >/dev/null; then
    exit
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "note: chromium is not installed and cannot be installed here; the page's tests are skipped." >&2
    exit
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "note: chromium could not be installed; the page's tests are skipped." >&2
fi

#!/usr/bin/env bash
# ci_packages.sh: install the Debian packages that the tests use where they may: Chromium, for the
# report's page, and strace, to count what make starts. Without one its tests are skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
missing=()
for package in chromium strace; do
    command -v "$package" >/dev/null || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "note: not installed, and not to be installed here: ${missing[*]}; their tests are skipped." >&2
    exit
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "note: could not be installed: ${missing[*]}; their tests are skipped." >&2
fi

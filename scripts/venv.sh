#!/usr/bin/env bash
# venv.sh PYTHON VENV REQUIREMENTS...: make VENV with PYTHON if need be, and install what is pinned.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
python=$1 venv=$2
shift 2

supported='requires-python = ">=3\.([0-9]+),<3\.([0-9]+)"'
[[ $(<"$root/pyproject.toml") =~ $supported ]]
low=${BASH_REMATCH[1]} high=$((BASH_REMATCH[2] - 1))
if ! "$python" -c "import sys; sys.exit(not (3, $low) <= sys.version_info[:2] <= (3, $high))" 2>/dev/null; then
    echo "error: PYTHON=$python is not Python 3.$low to 3.$high (the pinned packages have no wheels for others); name one with PYTHON=." >&2
    exit 1
fi
if [ ! -x "$venv/bin/python" ] && ! "$python" -m venv "$venv"; then
    rm -rf "$venv"
    echo "error: $python cannot make a virtual environment; install its venv module (Debian: python3-venv)." >&2
    exit 1
fi
requirements=()
for file; do requirements+=(-r "$file"); done
# On a terminal pip shows its progress; elsewhere only what went wrong.
quiet=(-qq)
if [ -t 1 ]; then quiet=(); fi
if ! "$venv/bin/python" -m pip install "${quiet[@]}" --disable-pip-version-check "${requirements[@]}"; then
    echo "error: the packages in $* could not be installed; check the network, or use an interpreter that has them: make VENV= PYTHON=..." >&2
    exit 1
fi
"$venv/bin/python" -m pip check >/dev/null || {
    "$venv/bin/python" -m pip check >&2 || true
    echo "error: the packages in $venv contradict each other; remove $venv and run make again." >&2
    exit 1
}

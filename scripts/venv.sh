#!/usr/bin/env bash
# venv.sh PYTHON VENV REQUIREMENTS TORCH_INDEX_URL: make VENV with PYTHON if need be, and install the
# part REQUIREMENTS into it. Of TORCH_INDEX_URL, where it is given, comes torch and nothing else.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
python=$1 venv=$2 part=$3 torch_index=$4

supported='requires-python = ">=3\.([0-9]+),<3\.([0-9]+)"'
[[ $(<"$root/pyproject.toml") =~ $supported ]]
low=${BASH_REMATCH[1]} high=$((BASH_REMATCH[2] - 1))
if ! "$python" -c "import sys; sys.exit(not (3, $low) <= sys.version_info[:2] <= (3, $high))" 2>/dev/null; then
    fail "PYTHON=$python is not Python 3.$low to 3.$high (the pinned packages have no wheels for others); name one with PYTHON=."
fi
# Parts are installed one at a time, also under make -j.
mkdir -p "$venv" 2>/dev/null && [ -w "$venv" ] ||
    fail "the folder $venv cannot be written; give yourself the right to, or name another one with VENV=."
exec 8>"$venv/.lock"
flock -w 1 8 || { echo "  waiting: another run is installing into $venv" >&2 && flock 8; }
if [ ! -x "$venv/bin/python" ] && ! said=$("$python" -m venv "$venv" 2>&1); then
    rm -rf "$venv"
    read -r said <<<"$said" || true
    fail "$python cannot make a virtual environment (${said%.}); install its venv module (Debian: python3-venv), or name another folder with VENV=."
fi
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
install() { # install ARG...: where that fails, pip's last line is in $said.
    said=$(pip install -qq "$@" 2>&1) || { said=${said##*$'\n'} && said=${said#ERROR: } && return 1; }
}
if [[ ${part##*/} == @(torch|pnnx).txt ]] && ! pip show -qq torch 2>/dev/null; then
    if [ -n "$torch_index" ]; then
        # Alone and before what it needs: a second index beside the first could bring other packages.
        if ! install --no-deps --index-url "$torch_index" -r "$root/requirements/torch.txt"; then
            fail "torch could not be installed from TORCH_INDEX_URL=$torch_index (${said%.}); check the address, or leave it out."
        fi
    elif [ "$(uname -s)" = Linux ]; then
        echo "note: torch for CUDA brings about 3 GB; TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu takes a CPU build instead" >&2
    fi
fi
if ! install -r "$part"; then
    fail "the packages in $part could not be installed (${said%.}); check the network, or use an interpreter that has them: make VENV= PYTHON=..."
fi
pip check >/dev/null || {
    pip check >&2 || true
    fail "the packages in $venv contradict each other; remove $venv and run make again."
}

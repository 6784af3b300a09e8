#!/usr/bin/env bash
# check_wheels.sh [ARG...]: hold the pins against the package index, by python/check_wheels.py run with $PY.
# Without arguments for this machine and those Pythons that it has and the project takes. torch is
# left out then: of the packages that a CUDA build brings some tell what they need only as a whole.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -eq 0 ]; then
    [[ $(<"$root/pyproject.toml") =~ 'requires-python = ">=3.'([0-9]+),\<3.([0-9]+) ]]
    versions=()
    for ((minor = BASH_REMATCH[1]; minor < BASH_REMATCH[2]; minor++)); do
        pyenv=("${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python)
        if command -v "python3.$minor" >/dev/null || [ -x "${pyenv[0]}" ]; then versions+=("3.$minor"); fi
    done
    parts=("$root"/requirements/*.txt)
    parts=("${parts[@]##*/}")
    parts=("${parts[@]%.txt}")
    for part in "${!parts[@]}"; do
        case ${parts[part]} in constraints | torch) unset "parts[part]" ;; esac
    done
    set -- --pythons "${versions[@]}" --machines "$(uname -m)" --parts "${parts[@]}"
fi
exec "$root/scripts/python.sh" "$root/python/check_wheels.py" "$@"

#!/usr/bin/env bash
# reference.sh REPOSITORY FOLDER: clone the reference into FOLDER, check it, patch it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
repository=$1 folder=$2
# The commit that the patch is made for; a mirror has it too.
commit=350ff7aa9c9db8d369d1932e14d2a4d11a3e9553
# A repository that asks for a password is one that is not there.
export GIT_TERMINAL_PROMPT=0

command -v git >/dev/null || fail "git is not installed; make patch needs it, the default chain does not."

if [ ! -e "$folder" ]; then
    temporary=$folder.tmp-$$
    trap 'rm -rf "$temporary"' EXIT
    reason=$(git clone --quiet --no-checkout -- "$repository" "$temporary" 2>&1) ||
        fail "the reference could not be cloned from $repository ($(tail -n 1 <<<"$reason")); name a mirror or a local clone with REFERENCE_REPO=. The default chain does not need it."
    git -C "$temporary" -c advice.detachedHead=false checkout --quiet --detach "$commit" 2>/dev/null ||
        fail "$repository has no commit $commit; name another mirror with REFERENCE_REPO=."
    [ "$(git -C "$temporary" rev-parse HEAD)" = "$commit" ] ||
        fail "$repository is not at commit $commit after checking it out."
    scripts/python.sh python/patch_reference.py "$temporary"
    mv "$temporary" "$folder"
else
    # Only this folder's own repository counts, not one that it lies in.
    [ -e "$folder/.git" ] || fail "$folder is not a clone of the reference; move it away and run make patch."
    head=$(git -C "$folder" rev-parse HEAD 2>/dev/null) || head=unknown
    [ "$head" = "$commit" ] || fail "$folder is at commit $head instead of $commit; move it away and run make patch."
    scripts/python.sh python/patch_reference.py "$folder"
fi

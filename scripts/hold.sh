# hold.sh: one make at a time in this folder, decided before a make looks at any product. Sourced by
# setup.sh, which takes the folder, and by step.sh and stamp.sh, which look whether it is still held.
#
# result/.make names the make that holds the folder by process and start, as 12:345. One that is gone,
# by kill -9 too, holds it no longer; what its last step still does is waited for: steps lock the folder
# result/ itself (flock), which nobody can remove or replace under them as they could a file in it.
# CHAIN_MAKE, exported by make, holds the same words: the makes that a make starts are inside it.
# shellcheck shell=bash

started() { # started PROCESS: when it began, in the kernel's ticks, into $start; fails where it is gone.
    local stat
    { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # Behind the name, which may hold anything: state, ..., start.
    # shellcheck disable=SC2206
    stat=(${stat##*) })
    start=${stat[19]}
    [[ ${stat[0]} != [ZX] ]]
}

holder() { # What result/.make says, into $holder; fails where no such make runs.
    local start
    holder=
    { read -r holder <result/.make; } 2>/dev/null || true
    [[ $holder =~ ^[0-9]+:[0-9]+$ ]] && started "${holder%:*}" && [ "$start" = "${holder#*:}" ]
}

held() { # Ends a step whose make does not hold the folder: another may be at work.
    if [ -n "${CHAIN_MAKE:-}" ] && ! { holder && [ "$holder" = "$CHAIN_MAKE" ]; }; then
        echo "error: this make no longer holds its folder (result/.make was changed or removed, or make was ended); run make again." >&2
        exit 1
    fi
}

hold() { # hold [yes]: waits for the folder and takes it for the make of process $PPID; where times decide
    # what that makes (yes), the clock must not be behind. $holder is then this make, or the one it is inside.
    local start mine told='' status
    if holder && [ "$holder" = "${CHAIN_MAKE:-}" ]; then return; fi
    [ -d result ] || mkdir result 2>/dev/null ||
        fail "the folder result cannot be made here; give yourself the right to, or free disk space"
    while started $PPID || exit; do
        mine=$PPID:$start status=0
        # Opened anew for each try, which gives up what the last one locked.
        { exec 8<result; } 2>/dev/null || fail "the folder result cannot be read; give yourself the right to"
        if holder; then
            waits "make waits until the make of process ${holder%:*} in this folder has ended"
            read -rt 0.2 -u 7 || true
        elif flock -w 1 8 2>/dev/null || status=$?; [ $status -gt 1 ]; then
            fail "the folder result cannot be locked; install flock (util-linux), or put the project on a file system that has locks"
        elif [ $status -eq 1 ]; then
            waits "make waits until the last steps of an earlier make in this folder have ended"
        elif ! holder; then
            break
        fi
    done
    # Both by the clock of the file system, which may be another machine's.
    if now && [[ -n ${1:-} && result/.make -nt result/.now ]]; then
        fail "the clock is behind the last make in this folder, so that nobody can tell what is stale; set the clock, or run make clean"
    fi
    note || { rm -f result/.make 2>/dev/null && note; } ||
        fail "result/.make, by which make holds this folder, cannot be written; give yourself the right to, or free disk space"
    sweep
    exec 8<&-
    holder=$mine
}

now() { # Gives result/.now this moment's time.
    { : >result/.now || { rm -f result/.now && : >result/.now; }; } 2>/dev/null
}

note() { # Over what was there, in one length: clean must run where a disk is full.
    { printf '%-40s\n' "$mine" 1<>result/.make; } 2>/dev/null
}

waits() { # waits SENTENCE: says it once.
    [ "$told" = "$1" ] || echo "  $1" >&2
    told=$1
    [ -e /dev/fd/7 ] || exec 7<> <(:) # nothing ever comes of it: a pause without a process
}

sweep() { # Removes what was half made when a make or step was killed; nothing runs here now but doors by hand.
    local folder file made found=()
    shopt -s nullglob
    for folder in {data,model,result}/{,.[a-z]*/} {model,result}/*/{,.[a-z]*/} model/.cache/*/{,.seal/}; do
        for file in "$folder"{.tmp-*,.*.tmp-*,.*.old-*}; do
            [[ $file =~ \.(tmp|old)-([0-9]+)(\.|$) && /proc/${BASH_REMATCH[2]}/cwd -ef . ]] || found+=("$file")
        done
    done
    for file in result/*/.*.pieces; do # of what was written after them
        made=${file%.pieces}.npy
        [ ! "${made/\/.//}" -nt "$file" ] || found+=("$file")
    done
    shopt -u nullglob
    [ ${#found[@]} -eq 0 ] || rm -rf -- "${found[@]}" 2>/dev/null || true
}

# setup.sh FLAGS OVERRIDES GOALS VARIABLE=VALUE...: what make must know before its first rule, in
# words: HOLDER=, the make that holds this folder (scripts/hold.sh); ENGINE=, CHIP= and PRECISION= where they are not given, FILE=path=size@time for the files that
# stamps look at; or STOP, and a sentence to stderr. Sourced by one bash; starts as little as it can.
#
# FLAGS are make's own, OVERRIDES the words of make's command line that set variables, GOALS its goals. What values a
# variable takes is in scripts/variables.mk, what an engine takes in python/engines/engines.mk.
# shellcheck shell=bash
set -euo pipefail
# Letters are what Unicode says, whatever the locale, as they are to Python.
{ LC_ALL=C.UTF-8; } 2>/dev/null

NUMBER='[1-9][0-9]{0,8}'
# Goals that neither build nor run anything.
PLAIN=" help clean distclean test torture lint "
# Goals that leave every product as it is.
HARMLESS=" help test torture lint doctor "
flags=$1 overrides=$2 goals=$3
shift 3

fail() {
    echo "error: $*." >&2
    echo STOP
    exit
}

# Values, kinds and defaults by name; the names in the order of variables.mk.
declare -A value kind given engine_words glibc fastest
names=()
for word; do value[${word%%=*}]=${word#*=}; done
comment=
while IFS= read -r line; do
    if [[ $line == '## {'* ]]; then
        comment=${line#'## {'}
    elif [[ $line =~ ^([A-Z_]+)\ \?= ]]; then
        names+=("${BASH_REMATCH[1]}")
        kind[${BASH_REMATCH[1]}]=${comment%%\}*}
    fi
done <scripts/variables.mk
engines=()
while read -r name _ words; do
    if [[ $name == ENGINE.* ]]; then
        engines+=("${name#ENGINE.}")
        engine_words[${name#ENGINE.}]=" $words "
    elif [[ $name == GLIBC.* ]]; then
        glibc[${name#GLIBC.}]=$words
    elif [[ $name == FASTEST.* ]]; then
        fastest[${name#FASTEST.}]=$words
    fi
done <python/engines/engines.mk

# ---- Names: a misspelt variable must not look like the default.

read -d '' -a words <<<"$overrides" || true
for word in "${words[@]}"; do
    [[ $word =~ ^([A-Za-z_][A-Za-z0-9_.-]*)[:+?]*= ]] || continue
    name=${BASH_REMATCH[1]}
    given[$name]=1
    [ -n "${kind[$name]:-}" ] || fail "$word: there is no variable $name; did you mean $(
        awk -v word="${name^^}" -f scripts/nearest.awk <<<"${names[*]}"
    )=? make help lists all"
done

# Likewise a goal that is no file: what make help lists has a rule of its own.
rules=$'\n'$(<Makefile)$'\n'$(<scripts/extras.mk)
for goal in $goals; do
    if [[ $goal =~ ^[a-z-]+$ && $rules != *$'\n'"$goal":* && ! -e $goal ]]; then
        fail "there is no target $goal; did you mean $(
            sed -n 's/^\([a-z-]*\):.* ## .*/\1/p' Makefile scripts/extras.mk | awk -v word="$goal" -f scripts/nearest.awk
        )? make help lists all"
    fi
done

# ---- Values

one_of() { [[ -n $v && $v != *" "* && " $* " == *" $v "* ]] || fail "$name=$v is unknown; choose one of: $*"; }
like() { [[ $v =~ ^$1$ ]] || fail "$name=$v is not allowed; $2"; }

networks=(python/networks/[a-z]*.py)
networks=("${networks[@]#python/networks/}")
for name in "${names[@]}"; do
    v=${value[$name]} k=${kind[$name]}
    # An engine that is not chosen is looked for below.
    if [[ $k == *\?* || $name == ENGINE ]]; then
        [ -n "$v" ] || continue
    fi
    k=${k/\?/}
    case $k in
    network) one_of "${networks[@]%.py}" ;;
    engine) one_of "${engines[@]}" ;;
    choice*) one_of ${k#choice } ;;
    switch) [ -z "$v" ] || one_of 0 1 ;;
    between*)
        read -r _ low high <<<"$k"
        [[ $v =~ ^$NUMBER$ && $v -ge $low && $v -le $high ]] || fail "$name=$v is not allowed; choose from $low to $high"
        ;;
    number) like "$NUMBER" "give one positive integer" ;;
    decimal) like '[0-9]{1,9}(\.[0-9]{1,6})?' "give one number such as 2.5" ;;
    numbers) like "$NUMBER( +$NUMBER)*" "give positive integers" ;;
    word) like '[[:alnum:]_]+' "give one name of letters, digits and _" ;;
    names) like '[[:alnum:]_. -]*' "give names of letters, digits and . _ -" ;;
    path) like '[[:alnum:]_./+@,][[:alnum:]_./+@,-]*' "name one file by letters, digits and . _ + @ , / -" ;;
    address) like '([a-z][a-z0-9]*://)?[[:alnum:]_./+@,][[:alnum:]_./+@,-]*' "name one file or folder, or an address such as s3://bucket/faces, by letters, digits and . _ + @ , / -" ;;
    cluster) like '(auto|[[:alnum:]_.-]+:[0-9]{1,5})' "give auto, or host:port of a Ray cluster that has a node on this machine" ;;
    url) like '[a-z]+:[][[:alnum:]_.~:/?#@!&()*+,;=%-]+' "give http(s)://, file:///, obs:// or gdrive:" ;;
    repository)
        like '[[:alnum:]_./:@~+][[:alnum:]_./:@~+-]*' "name one repository by its address or folder"
        [[ $v != *::* ]] || fail "$name=$v is not allowed; name one repository by its address or folder"
        ;;
    devices)
        like '[0-9]{1,3}(,[0-9]{1,3})*' "give device numbers such as 0 or 0,1,2,3"
        seen=,
        for device in ${v//,/ }; do
            device=$((10#$device))
            [ "$device" -le 255 ] || fail "$name=$v is not allowed; the highest device is 255"
            [[ $seen != *,$device,* ]] || fail "$name=$v names a device twice"
            seen+=$device,
        done
        ;;
    channels)
        number='-?[0-9]+(\.[0-9]*)?'
        like "$number(,$number,$number)?" "give one number, or three separated by commas, one a channel"
        if [ "$name" = SCALE ] && [[ ",$v," =~ ,-?0+(\.0*)?, ]]; then
            fail "$name=$v is not allowed: pixels are divided by it; give what the network was trained with"
        fi
        ;;
    chip) like '(Ascend)?[0-9][0-9A-Za-z_-]*' "give a chip as npu-smi info names it, such as 310P3" ;;
    flags) like ' *(--[a-z0-9_]+=[[:alnum:]_./:;,+=-]+( +|$))*' "write flags as --name=value, separated by blanks" ;;
    esac
done
plain=yes answer=()
for goal in ${goals:-help}; do
    [[ $PLAIN == *" $goal "* ]] || plain=
    # make -n and -q only look.
    [[ $HARMLESS == *" $goal "* || $flags =~ ^-[A-Za-z]*[nq] ]] || holding=yes
done
if [ -n "${holding:-}" ]; then
    . scripts/hold.sh
    if [ -n "$plain" ]; then hold; else hold yes; fi
    answer+=("HOLDER=$holder")
fi
if [ -n "$plain" ]; then
    echo "${answer[@]}" READY
    exit 0
fi

# ---- What each door, engine and network imports and needs installed: a fragment for make, made anew
# when a module or a part changed or came or went. Without Python there is none, and make takes every module for each.

fragment=result/.stamp/modules.mk
modules=(python/*.py python/*/*.py python/*/*.mk requirements/*.txt)
stale=yes
if [ -f "$fragment" ] && read -r _ count _ <"$fragment" && [ "$count" = ${#modules[@]} ]; then
    stale=
    for module in "${modules[@]}"; do [ ! "$module" -nt "$fragment" ] || stale=yes; done
fi
if [ -n "$stale" ]; then
    for python in "${value[PY]}" "${value[PYTHON]}"; do
        ! command -v "$python" >/dev/null ||
            ! "$python" python/list_modules.py --count ${#modules[@]} --out "$fragment" 2>/dev/null || break
    done
fi

# ---- The engine, where none is chosen: ascend where npu-smi, a toolkit and ais_bench are there; else
# the fastest exact one for the network; where openvino has no wheel, onnxruntime.

listing=
ask_npu_smi() { # Its listing; fails where it does, or where the driver hangs for a minute.
    local pipe
    exec {pipe}< <(exec npu-smi info 2>/dev/null)
    local process=$! status=0
    IFS= read -r -d '' -t 60 listing <&"$pipe" || status=$?
    [ "$status" -le 128 ] || { kill "$process" && return 1; }
    wait "$process"
}
chip() { # The name that all devices of npu-smi's listing share; nothing where they differ.
    local name=
    while IFS= read -r line; do
        [[ $line =~ ^\|\ *[0-9]+\ +([^\ ]+)\ *\|\ *(OK|Warning|Alarm|Critical|UNKNOWN)\ *\| ]] || continue
        [ -z "$name" ] || [ "$name" = "${BASH_REMATCH[1]}" ] || return 0
        name=${BASH_REMATCH[1]}
    done <<<"$listing"
    answer+=("CHIP=$name")
}

has_ais_bench() { # Only looked for, not imported: this runs at every start of make. Python 3.7.
    command -v "$1" >/dev/null && "$1" -c 'import importlib.util as u, sys
try: found = all(map(u.find_spec, ("numpy", "aclruntime", "ais_bench.infer")))
except ImportError: found = None
sys.exit(not found)' 2>/dev/null </dev/null
}
find_ais_python() { # AIS_PYTHON, or the first interpreter that has ais_bench; fails where none has.
    local python candidates=("${value[AIS_PYTHON]}")
    if [ -z "${value[AIS_PYTHON]}" ]; then
        # The chain's own comes last: wheels of aclruntime are for older versions than it is.
        candidates=(python3 python3.{7..11} "${value[PY]}")
    fi
    for python in "${candidates[@]}"; do
        if has_ais_bench "$python"; then
            python=$(command -v "$python")
            [[ $python == *[[:space:]]* ]] || answer+=("AIS_PYTHON=$python")
            return 0
        fi
    done
    return 1
}

default_engine() { # The fastest in fp32; what is asked of openvino alone goes there.
    local prefix
    for prefix in "${!fastest[@]}"; do
        if [[ ${value[NET]} == "$prefix"* && -z ${value[ONNX]} && ${value[PRECISION]:-fp32} == fp32 &&
            -z ${value[CALIB]} ]]; then
            echo "${fastest[$prefix]}"
            return
        fi
    done
    echo openvino
}

engine=${value[ENGINE]}
# An .om is for ascend, also where it is only converted.
om_goals='' other_goals=''
for goal in $goals; do
    case $goal in
    om | om-all | om-lint | npu-inputs) om_goals=yes ;;
    *) other_goals=yes ;;
    esac
done
if [ -z "$engine$other_goals" ]; then
    engine=ascend
    answer+=("ENGINE=ascend")
fi
if [ -z "$engine" ]; then
    engine=$(default_engine) lacking='' machine=$(uname -m)
    least=${glibc[$engine.$machine]:-}
    if [ -n "$least" ]; then
        read -r _ has < <(getconf GNU_LIBC_VERSION 2>/dev/null) || has=
        if [ -n "$has" ] && ! sort -CV <<<"$least"$'\n'"$has"; then
            engine=onnxruntime
            echo "note: OpenVINO for $machine needs glibc $least, and this is $has: using ENGINE=onnxruntime" >&2
        fi
    fi
    if command -v npu-smi >/dev/null; then
        . scripts/cann.sh
        if ! command -v atc >/dev/null && [ ! -r "$ASCEND_SET_ENV" ]; then
            lacking="atc is not on PATH and ${ASCEND_SET_ENV:-set_env.sh} is not there"
        elif ! find_ais_python; then
            lacking="${value[AIS_PYTHON]:-python3} has no ais_bench.infer and aclruntime"
        elif ! ask_npu_smi; then
            lacking="npu-smi info fails"
        fi
        if [ -n "$lacking" ]; then
            echo "note: npu-smi is here, but $lacking: using ENGINE=$engine; try make doctor ENGINE=ascend" >&2
        else
            engine=ascend
        fi
    fi
    answer+=("ENGINE=$engine")
elif [ "$engine" = ascend ]; then
    find_ais_python || true
fi
[ -z "$om_goals" ] || [ "$engine" = ascend ] ||
    fail "ENGINE=$engine has no .om; add ENGINE=ascend, or run that step alone"
if [ -z "${value[CHIP]}" ] && [ "$engine" = ascend ]; then
    [ -n "$listing" ] || ! command -v npu-smi >/dev/null || ask_npu_smi || true
    chip
fi

# ---- What the engine takes

words=${engine_words[$engine]}
precisions=${words%% arrays *}
precisions=${precisions%% files *}
cann=
[ "${value[EP]}" != CANNExecutionProvider ] || cann=yes
if [ -z "${value[PRECISION]}" ]; then
    read -r default _ <<<"$precisions"
    [ -z "$cann" ] || default=fp16
    answer+=("PRECISION=$default")
elif [[ "$precisions " != *" ${value[PRECISION]} "* ]]; then
    read -ra precisions <<<"$precisions"
    fail "PRECISION=${value[PRECISION]} is unknown with ENGINE=$engine; choose one of: ${precisions[*]}"
fi
# A goal that names what it makes takes the variables of that.
case " $goals " in
*" quantize "* | *" bench-chain "* | *" bench-peers "* | *" peak "*) words+=${engine_words[openvino]} ;;
*" doctor "*) words+=${engine_words[ascend]} ;;
esac
for name in "${names[@]}"; do
    takers=
    for other in "${engines[@]}"; do
        [[ ${engine_words[$other]} != *" $name "* ]] || takers+="${takers:+ or }ENGINE=$other"
    done
    if [ -n "$takers" ] && [[ $words != *" $name "* ]]; then
        # AIPP and OUTFMT have defaults that are not empty.
        if [ -n "${given[$name]:-}" ] || [[ ${value[$name]} != "" && ${value[$name]} != 0 && ${value[$name]} != NPY ]]; then
            fail "$name=${value[$name]} does nothing with ENGINE=$engine; leave it out, or choose $takers"
        fi
    fi
done
if [ "$engine" = onnxruntime ] && [ -n "${value[DEVICE]}" ]; then
    [ -n "$cann" ] || fail "DEVICE=${value[DEVICE]} does nothing with EP=${value[EP]:-CPUExecutionProvider}; leave it out, or choose EP=CANNExecutionProvider"
    [[ ${value[DEVICE]} != *,* ]] || fail "DEVICE=${value[DEVICE]} is not allowed with EP=${value[EP]}; give one device number"
fi

if [ -n "${value[CALIB]}" ] && [ "${value[PRECISION]}" != int8 ] && [[ " $goals " != *" quantize "* ]]; then
    fail "CALIB=${value[CALIB]} does nothing without PRECISION=int8; leave it out, or choose that"
fi

# What tune finds is read when make starts: the other goals would not have it yet.
others=
for goal in $goals; do
    [[ $goal == @(tune|tune-all|clean|distclean) ]] || others+=" $goal"
done
if [[ -n $others && " $goals " == *" tune"@(|-all)" "* ]]; then
    fail "make tune is a make of its own, whose result a later make reads; run make tune first, and then make$others"
fi

# ---- Photographs

if [ "${value[ALIGN]}" != 1 ]; then
    for name in DETECTOR LANDMARKS MISSING; do
        [ -z "${value[$name]}" ] || fail "$name=${value[$name]} does nothing without ALIGN=1; leave it out, or add that"
    done
else
    [[ " $goals " == *" bin "* || " $goals " == *" verify "* || " $goals " == *" embed "* ]] ||
        fail "ALIGN=1 does nothing here; it is for make bin, which makes a set of photographs, and for make embed and verify"
    for name in LANDMARKS MISSING; do
        [[ -z ${value[$name]} || " $goals " == *" bin "* ]] ||
            fail "$name=${value[$name]} does nothing here; it is for make bin"
    done
    [[ -z ${value[LANDMARKS]} || -z ${value[DETECTOR]} ]] ||
        fail "DETECTOR=${value[DETECTOR]} does nothing with LANDMARKS=${value[LANDMARKS]}; leave one of them out"
fi

# ---- What goals need

. scripts/missing.sh
there() { # there VARIABLE FILE [URL]
    local found
    [[ $1 != DATA && $1 != CALIB || ! -d $2 ]] ||
        fail "$1=$2 is a folder; make a set of it with make bin SRC=$2 PAIRS=pairs.txt, and ALIGN=1 for whole photographs"
    found=$(missing "$1" "$2" "${3:-}")
    [ -z "$found" ] || fail "$found"
}
for_atc() {
    [[ ${value[OPSET]} -ge 11 && ${value[OPSET]} -le 17 ]] ||
        fail "OPSET=${value[OPSET]} is not for atc, which reads 11 to 17; choose one of those, or another ENGINE="
}
[ -z "${value[DETECTOR]}" ] || there DETECTOR "${value[DETECTOR]}"
[[ -z ${value[LANDMARKS]} || -f ${value[LANDMARKS]} ]] || fail "LANDMARKS=${value[LANDMARKS]} is missing; name a text file with landmarks"
[ -z "${value[CALIB]}" ] || there CALIB "${value[CALIB]}"
network() { # The checkpoint, or the ONNX file that stands in its place, with all that it does not tell.
    if [ -z "${value[ONNX]}" ]; then
        there WEIGHTS "${value[WEIGHTS]}" "${value[WEIGHTS_URL]}"
        return
    fi
    for name in COLOUR MEAN SCALE; do
        [ -n "${value[$name]}" ] || fail "ONNX=${value[ONNX]} does not tell its $name; give COLOUR=, MEAN= and SCALE= (insightface's: rgb 127.5 127.5), and try make diagnose"
    done
}
if [ -n "${value[ONNX]}" ]; then
    [ -e "${value[ONNX]}" ] || fail "ONNX=${value[ONNX]} is missing; name an ONNX file"
    for name in NET WEIGHTS WEIGHTS_URL OPSET BACKBONE; do
        [ -z "${given[$name]:-}" ] || fail "$name=${value[$name]} does nothing with ONNX=${value[ONNX]}; leave one of them out"
    done
elif [ -n "${value[OUTPUT]}" ]; then
    fail "OUTPUT=${value[OUTPUT]} does nothing without ONNX=; leave it out"
fi
collections() { # collections VARIABLE...: each names a collection, which in a folder is there.
    for name; do
        [ -n "${value[$name]}" ] || fail "$name= is empty; name a collection that make embed made"
        [[ ${value[$name]} == *://* || -d ${value[$name]} ]] ||
            fail "$name=${value[$name]} is missing; name a collection that make embed made"
    done
}
for goal in $goals; do
    [[ ${value[OUT]} != *://* || $goal == embed ]] ||
        fail "OUT=${value[OUT]} is not allowed with make $goal; name a file or folder here"
    case $goal in
    accuracy | accuracy-all | infer | perf | perf-all | tune | tune-all | profile | quantize | bench-chain | diagnose)
        if [ "$goal" = accuracy ] && [ -n "${value[DATASETS]}" ]; then
            for set in ${value[DATASETS]}; do there DATASETS "data/$set.bin"; done
        else
            there DATA "${value[DATA]}" "${value[DATA_URL]}"
        fi
        network
        ;;
    embed)
        [ "${value[PRECISION]}" != int8 ] || there DATA "${value[DATA]}" "${value[DATA_URL]}"
        network
        ;;
    om-lint) [ -n "${value[ONNX]}" ] || network ;;
    verify | onnx* | sim* | fuse* | om* | convert-weights) network ;;
    preprocess | npu-inputs | postprocess) there DATA "${value[DATA]}" "${value[DATA_URL]}" ;;
    esac
    case $goal in
    demo | bench-* | convert-weights | reference-check)
        [ -z "${value[ONNX]}" ] || fail "make $goal is about the project's own networks; leave ONNX=${value[ONNX]} out"
        ;;
    esac
    case $goal in
    accuracy* | infer | perf* | demo) [ "$engine" != ascend ] || for_atc ;;
    om | om-all) for_atc ;;
    esac
    case $goal in
    tune | tune-all | verify | diagnose | profile | embed)
        [[ $words == *" arrays "* ]] || fail "make $goal needs an engine that runs in this process, and ENGINE=$engine runs files; add ENGINE=openvino"
        [ "$goal" != profile ] || grep -q '^def profile' "python/engines/$engine.py" ||
            fail "ENGINE=$engine does not tell what its layers take; add ENGINE=openvino"
        ;;
    bench-chain)
        [ "$engine" = openvino ] || fail "make $goal measures OpenVINO, and ENGINE=$engine was chosen; add ENGINE=openvino"
        ;;
    esac
    case $goal in
    verify | compare)
        for name in A B; do
            [ -n "${value[$name]}" ] || fail "$name= is empty; name two pictures for verify, two result folders for compare"
            [ -e "${value[$name]}" ] || fail "$name=${value[$name]} is missing; name two pictures for verify, two result folders for compare"
        done
        ;;
    embed)
        [ -e "${value[SRC]}" ] || fail "SRC=${value[SRC]} is missing; name a folder of pictures, .tar or .parquet files, one such file, or a .bin"
        [ -n "${value[OUT]}" ] || fail "OUT= is empty; name the folder that make embed writes to"
        ;;
    identify) collections GALLERY PROBES ;;
    all-pairs) collections EMBEDDINGS ;;
    bin)
        for name in SRC PAIRS; do
            [ -e "${value[$name]}" ] || fail "$name=${value[$name]} is missing; name the folder of pictures with SRC= and the pairs file with PAIRS="
        done
        ;;
    esac
done

# ---- Files that stamps look at, by their own names

echo "${answer[@]}" READY
files=("${value[DATA]}" "${value[ONNX]:-${value[WEIGHTS]}}" ${value[CALIB]:+"${value[CALIB]}"} result/*_bs*/tune.json)
stat -L -c 'FILE=%n=%s@%.9Y' -- "${files[@]}" 2>/dev/null || true

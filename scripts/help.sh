#!/usr/bin/env bash
# help.sh [--markdown] MAKEFILE...: print targets, and variables with their defaults, from their ##
# comments; as the two tables of the READMEs with --markdown.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
markdown=
if [ "$1" = --markdown ]; then
    markdown=1
    shift
fi
awk -v markdown="$markdown" '
    /^##@ / { heading = substr($0, 5); next }
    /^## /  { comment = substr($0, 4); next }
    /^[A-Z_]+ \?=/ {
        name = $1; value = $0; sub(/^[A-Z_]+ \?= */, "", value)
        if (value ~ /^\$\(/) value = ""  # computed: the comment says how
        rows_v = rows_v sprintf("| `%s` | %s | %s |\n", name, value == "" ? "" : "`" value "`", comment)
        variables = variables group("variables", heading) sprintf("  %-16s %s%s\n", name, comment,
            value == "" ? "" : " [" value "]")
    }
    /^[a-z-]+:.*## / {
        name = $1; sub(/:.*/, "", name); text = $0; sub(/.*## /, "", text)
        rows_t = rows_t sprintf("| `make %s` | %s |\n", name, text)
        targets = targets group("targets", heading) sprintf("  %-16s %s\n", name, text)
    }
    function group(kind, text) {
        if (last[kind] == text) return ""
        last[kind] = text
        return "\n" text "\n"
    }
    END {
        if (markdown) {
            printf "| target | what it does |\n|---|---|\n%s\n", rows_t
            printf "| variable | default | meaning |\n|---|---|---|\n%s", rows_v
            exit
        }
        print "usage: make TARGET [VARIABLE=value ...], for example"
        print "  make demo"
        print "  make accuracy BS=16 NET=mobilefacenet DATA=faces.bin WEIGHTS=mobilefacenet.pth"
        printf "%s%s", targets, variables
    }
' "$@"

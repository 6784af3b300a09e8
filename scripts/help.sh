#!/usr/bin/env bash
# help.sh MAKEFILE...: print targets, and variables with their defaults, from their ## comments.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/env.sh"
awk '
    /^##@ / { heading = substr($0, 5); next }
    /^## /  { comment = substr($0, 4); next }
    /^[A-Z_]+ \?=/ {
        name = $1; value = $0; sub(/^[A-Z_]+ \?= */, "", value)
        variables = variables group("variables", heading) sprintf("  %-16s %s%s\n", name, comment,
            value ~ /^(\$\(.*)?$/ ? "" : " [" value "]")
    }
    /^[a-z-]+:.*## / {
        name = $1; sub(/:.*/, "", name); text = $0; sub(/.*## /, "", text)
        targets = targets group("targets", heading) sprintf("  %-16s %s\n", name, text)
    }
    function group(kind, text) {
        if (last[kind] == text) return ""
        last[kind] = text
        return "\n" text "\n"
    }
    END {
        print "usage: make TARGET [VARIABLE=value ...], for example"
        print "  make demo"
        print "  make accuracy BS=16 NET=mobilefacenet DATA=faces.bin WEIGHTS=mobilefacenet.pth"
        printf "%s%s", targets, variables
    }
' "$@"

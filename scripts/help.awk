# The engines come first, then variables, then targets: see help.sh.
/^ENGINE\./ {
    for (k = 2; k <= NF; k++) if ($k ~ /^[A-Z_]+$/)
        takers[$k] = takers[$k] (takers[$k] == "" ? "" : " ") substr($1, 8)
}
/^##@ / { heading = substr($0, 5); next }
/^## \{/ { comment = $0; sub(/^## \{[^}]*\} /, "", comment); next }
/^[A-Z_]+ \?=/ {
    value = $0; sub(/^[A-Z_]+ \?= */, "", value)
    if (value ~ /^\$\(/) value = ""  # computed: the comment says how
    variables = variables group("variables") sprintf("  %-16s %s%s%s\n", $1,
        takers[$1] == "" ? "" : "(" takers[$1] ") ", comment, value == "" ? "" : " [" value "]")
}
/^[a-z-]+:.*## / {
    name = $1; sub(/:.*/, "", name); text = $0; sub(/.*## /, "", text)
    targets = targets group("targets") sprintf("  %-16s %s\n", name, text)
}
function group(kind) {
    if (last[kind] == heading) return ""
    last[kind] = heading
    return "\n" heading "\n"
}
END {
    print "usage: make TARGET [VARIABLE=value ...], for example"
    print "  make demo"
    print "  make accuracy BS=16 NET=mobilefacenet DATA=faces.bin WEIGHTS=mobilefacenet.pth"
    printf "%s\n\nVariables; (engines) are those that take one that not all take\n%s", targets, variables
}

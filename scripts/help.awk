# make help: targets, and variables with their defaults and engines, from the ## comments of
# python/engines/engines.mk, scripts/variables.mk and then the files with targets.
/^ENGINE\./ {
    for (k = 2; k <= NF; k++) if ($k ~ /^[A-Z_]+$/)
        takers[$k] = takers[$k] (takers[$k] == "" ? "" : " ") substr($1, 8)
}
/^##@ / { heading = substr($0, 5); next }
/^## \{/ { comment = $0; sub(/^## \{[^}]*\} /, "", comment); next }
/^[A-Z_]+ \?=/ {
    value = $0; sub(/^[A-Z_]+ \?= */, "", value)
    if (value ~ /^\$\(/) value = ""  # computed: the comment says how
    variables = variables group("variables") entry($1, (takers[$1] == "" ? "" : "(" takers[$1] ") ") \
        comment (value == "" ? "" : " [" value "]"))
}
/^[a-z-]+:.*## / {
    name = $1; sub(/:.*/, "", name); text = $0; sub(/.*## /, "", text)
    targets = targets group("targets") entry(name, text)
}
function entry(name, text,    n, words, k, line, all) { # in 80 columns
    n = split(text, words, " ")
    line = sprintf("  %-16s", name)
    for (k = 1; k <= n; k++) {
        if (length(line) + length(words[k]) >= 80) { all = all line "\n"; line = sprintf("%18s", "") }
        line = line " " words[k]
    }
    return all line "\n"
}
function group(kind) {
    if (last[kind] == heading) return ""
    last[kind] = heading
    return "\n" heading "\n"
}
END {
    print "usage: make TARGET [VARIABLE=value ...], for example"
    print "  make demo"
    print "  make accuracy BS=16 NET=mobilefacenet DATA=faces.bin WEIGHTS=faces.pth"
    printf "%s\n\nVariables, with (the engines that take it) where not all do\n%s", targets, variables
}

# Print the word of the input that takes the fewest insertions, deletions, substitutions and
# exchanges of neighbours to become `word` (optimal string alignment).
function least(a, b) { return a < b ? a : b }
function distance(a, b,    i, j, cost, d) {
    for (i = 0; i <= length(a); i++) d[i, 0] = i
    for (j = 0; j <= length(b); j++) d[0, j] = j
    for (i = 1; i <= length(a); i++)
        for (j = 1; j <= length(b); j++) {
            cost = substr(a, i, 1) != substr(b, j, 1)
            d[i, j] = least(least(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + cost)
            if (i > 1 && j > 1 && substr(a, i, 1) == substr(b, j - 1, 1) && substr(a, i - 1, 1) == substr(b, j, 1))
                d[i, j] = least(d[i, j], d[i - 2, j - 2] + 1)
        }
    return d[length(a), length(b)]
}
{
    for (k = 1; k <= NF; k++) {
        n = distance(word, $k)
        # Of equals the one that begins alike: people mistype ends.
        for (i = 1; i <= length(word) && substr(word, i, 1) == substr($k, i, 1); i++) n -= 0.3
        if (best == "" || n < fewest) { best = $k; fewest = n }
    }
}
END { print best }

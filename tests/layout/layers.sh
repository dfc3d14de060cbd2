#!/usr/bin/env bash
# The layers: every #include line of the tree against layers.txt. Arguments, for a test of the test: TABLE TREE.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
table=${1:-$here/layers.txt}
cd "${2:-$here/../..}"

grep -rnE '^ *# *include' --include='*.c' --include='*.h' proto cluster worker coordinator | awk -v table="$table" '
# Whether path lies in the folder (or is the file) that entry names.
function within(path, entry) { return path == entry || index(path, entry "/") == 1 }
function wrong(text) { print file ":" line ": " text; faults++ }
BEGIN {
    while ((getline text < table) > 0) {
        n = split(text, word, " ")
        if (n == 0 || word[1] ~ /^#/) continue
        known[word[1]] = 1
        for (i = 2; i <= n; i++) allowed[word[1]] = allowed[word[1]] " " word[i]
    }
}
{
    split($0, place, ":")
    file = place[1]; line = place[2]
    folder = file; sub("/[^/]*$", "", folder)
    includes++
    if (match($0, /<[^>]*>/)) {
        header = substr($0, RSTART, RLENGTH)
        if (!(header in known)) next
        n = split(allowed[header], entry, " ")
        for (i = 1; i <= n; i++) if (within(file, entry[i])) next
        wrong("includes " header ", which only" allowed[header] " may"); next
    }
    match($0, /"[^"]*"/)
    target = substr($0, RSTART + 1, RLENGTH - 2)
    to = target; sub("/[^/]*$", "", to)
    if (to == folder) next
    # A folder without a row of its own obeys its parent'"'"'s, and may use it.
    row = folder
    while (!(row in known) && row ~ "/") sub("/[^/]*$", "", row)
    if (!(row in known)) { wrong(folder " has no row in the table"); next }
    if (row != folder && within(to, row)) next
    n = split(allowed[row], entry, " ")
    for (i = 1; i <= n; i++) if (within(to, entry[i])) next
    wrong(folder " includes " target ", its row allows" allowed[row])
}
END {
    if (includes < 500) { print "only " includes " #include lines were found"; faults++ }
    if (faults) { print faults " arrows that the layers do not have (" table ")"; exit 1 }
    print includes " #include lines, all within the layers"
}'

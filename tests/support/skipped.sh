#!/usr/bin/env bash
# What ctest's last run did not run, and why: the lines "skipped: WHY [CASE]" of its log, one reason after the other.
#   usage: tests/support/skipped.sh BUILD_FOLDER/Testing/Temporary/LastTest.log
set -euo pipefail
awk '
/^[0-9]+\/[0-9]+ Testing: / { test = $3 }
/^skipped: / {
    why = $0
    sub(/^skipped: /, "", why)
    which = test
    if (match(why, / \[[^]]*\]$/)) {
        which = test " " substr(why, RSTART + 2, RLENGTH - 3)
        why = substr(why, 1, RSTART - 1)
    }
    if (seen[why, which]++) next
    if (!(why in count)) order[++reasons] = why
    count[why]++
    list[why] = list[why] "\n    " which
}
END { for (i = 1; i <= reasons; i++) print count[order[i]] " cases skipped: " order[i] list[order[i]] }' "$1"

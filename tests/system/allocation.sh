#!/usr/bin/env bash
# Nothing is allocated from the first step on: a run of 60 steps asks for memory as often as one of 12, on every rank. What
# libraries allocate for themselves is listed.
. "$(dirname "$0")/common.sh"
counted=$(dirname "$mp2")/tests/mp2-counted
[ -x "$counted" ] || { echo "skipped: built without mp2-counted (sanitizers)"; exit 77; }
small_world

# run_counted NAME STEPS
run_counted() {
    COUNT_ALLOCATIONS="$folder/$1" mpi 3 "$counted" pretrain small.yaml --set run="$1-run" --set train.steps="$2" --set train.groups=2 \
        --set checkpoint.every=1000 > "$1.txt" 2>&1 || fail "$1: $(tail -5 "$1.txt")"
}

run_counted short 12
run_counted long 60
for rank in 0 1 2; do
    [ -s "short.$rank" ] && [ -s "long.$rank" ] || fail "no counts of rank $rank"
    grep -q '^lost ' "long.$rank" && fail "more callers than the table holds"
    # Callers whose counts differ, as "module offset more"; ours by function.
    awk 'NR == FNR { a[$1 " " $2] = $3; next } $3 > a[$1 " " $2] { print $1, $2, $3 - a[$1 " " $2] }' \
        <(sort "short.$rank") <(sort "long.$rank") > "more.$rank"
    echo "rank $rank: libraries' own allocations in 48 steps: $(grep -v '^mp2-counted ' "more.$rank" | awk '{ n[$1] += $3 } END { for (m in n) printf "%s %d  ", m, n[m] }')"
    if grep '^mp2-counted ' "more.$rank" > own.txt; then
        while read -r _ offset more; do
            echo "rank $rank: $more more by $(addr2line -pfe "$counted" "$offset" 2> /dev/null || echo "$offset")"
        done < own.txt
        fail "memory is allocated after the first steps"
    fi
done
echo "nothing of ours is allocated after the first steps"

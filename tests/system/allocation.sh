#!/usr/bin/env bash
# Nothing is allocated from the first step on: a run of 60 steps asks for memory as often as one of 12, on every rank. What
# libraries allocate for themselves is listed.
. "$(dirname "$0")/common.sh"
counted=$(dirname "$mp2")/tests/mp2-counted
[ -x "$counted" ] || { echo "skipped: built without mp2-counted (sanitizers)"; exit 77; }
small_world

awk 'BEGIN { for (i = 0; i < 2000; i++) { for (j = 0; j < 30; j++) printf "%c%c", 97 + (i * j) % 26, j % 3 ? " " : "x"; printf "\n" } }' > text.txt
cat > mlm.yaml << YAML
texts: [text.txt]
vocab: vocab.txt
heldout: 0
encoder: {layers: 2, hidden: 64, heads: 4, feed_forward: 128, positions: 64}
train: {micro: 7, sequences: 2, length: 32}
eval: {every: 0, final: false}
checkpoint: {every: 1000}
machine: {threads: 2}
watch: {listen: ""}
YAML

# run_counted NAME STEPS COMMAND CONFIG [options]
run_counted() {
    COUNT_ALLOCATIONS="$folder/$1" mpi 3 "$counted" "$3" "$4" --set run="$1-run" --set train.steps="$2" \
        --set checkpoint.every=1000 "${@:5}" > "$1.txt" 2>&1 || fail "$1: $(tail -5 "$1.txt")"
}

# same_counts NAME: of NAME-short and NAME-long, on every rank.
same_counts() {
    local rank short=$1-short long=$1-long offset more
    for rank in 0 1 2; do
        [ -s "$short.$rank" ] && [ -s "$long.$rank" ] || fail "no counts of rank $rank"
        grep -q '^lost ' "$long.$rank" && fail "more callers than the table holds"
        # Callers whose counts differ, as "module offset more"; ours by function.
        awk 'NR == FNR { a[$1 " " $2] = $3; next } $3 > a[$1 " " $2] { print $1, $2, $3 - a[$1 " " $2] }' \
            <(sort "$short.$rank") <(sort "$long.$rank") > "more.$rank"
        echo "$1, rank $rank: libraries' own allocations in 48 steps: $(grep -v '^mp2-counted ' "more.$rank" |
            awk '{ n[$1] += $3 } END { for (m in n) printf "%s %d  ", m, n[m] }')"
        if grep '^mp2-counted ' "more.$rank" > own.txt; then
            while read -r _ offset more; do
                echo "rank $rank: $more more by $(addr2line -pfe "$counted" "$offset" 2> /dev/null || echo "$offset")"
            done < own.txt
            fail "$1: memory is allocated after the first steps"
        fi
    done
}

run_counted pretrain-short 12 pretrain small.yaml --set train.groups=2
run_counted pretrain-long 60 pretrain small.yaml --set train.groups=2
same_counts pretrain
run_counted mlm-short 12 mlm mlm.yaml
run_counted mlm-long 60 mlm mlm.yaml
same_counts mlm
echo "nothing of ours is allocated after the first steps"

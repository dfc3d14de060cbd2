#!/usr/bin/env bash
# mp2 report runs the cells that are missing and no others, writes the same report from half a run and on other ranks, and the
# score of a cell is what mp2 predict gives with its tuned file. Every report configuration that comes along is understood.
. "$(dirname "$0")/common.sh"
small_world
cp vocab.txt model/
mpi 1 "$mp2" pretrain small.yaml > pretrain.txt 2>&1 || fail "pretrain: $(tail -5 pretrain.txt)"
cat > report.yaml << YAML
run: grid
model: model
data: data
prompts: run
tasks: [afqmc, cmrc2018]
methods: [gradient, prompt, zero-shot]
seeds: [8, 13]
k: 3
dev_every: 2
router: {epochs: 4}
gradient: {epochs: 4}
prompt: {epochs: 4}
machine: {threads: 1, precision: $precision}
watch: {listen: ""}
YAML

"$mp2" report report.yaml --set report.run_missing=false > out.txt 2>&1
[ $? = 2 ] && [ ! -e grid/report.md ] || fail "a report of nothing: $(cat out.txt)"
mpi 2 "$mp2" report report.yaml --set seeds=8 > first.txt 2>&1 || fail "first: $(tail -5 first.txt)"
[ "$(grep -c ' s$' first.txt)" = 6 ] || fail "not six cells: $(cat first.txt)"
grep -q "6 of 6 cells" first.txt || fail "first: $(cat first.txt)"
mpi 1 "$mp2" report report.yaml > second.txt 2>&1 || fail "second: $(tail -5 second.txt)"
[ "$(grep -c ' s$' second.txt)" = 6 ] || fail "cells that were there were run again: $(cat second.txt)"
for f in report.md report.csv cells.csv report.html; do [ -s grid/$f ] || fail "no $f"; done
[ "$(wc -l < grid/cells.csv)" = 13 ] || fail "cells.csv: $(cat grid/cells.csv)"
[ "$(grep -c 'n 2' grid/report.md)" -ge 2 ] || fail "report.md: $(cat grid/report.md)"

# mp2 tune goes on with the run's own configuration: all is done, and the stream of the report's cells stays.
lines=$(wc -l < grid/metrics.jsonl)
"$mp2" tune grid/config.resolved.yaml > tuned.txt 2>&1 || fail "tune: $(tail -5 tuned.txt)"
[ "$(grep -c 'was done' tuned.txt)" = 12 ] || fail "tune ran the report's cells again: $(cat tuned.txt)"
[ "$(wc -l < grid/metrics.jsonl)" -gt "$lines" ] || fail "metrics.jsonl began anew"
[ -z "$(tail -c 1 grid/cells/afqmc/gradient/8/result.json)" ] || fail "result.json ends without a line's end"

# From the files alone: the same bytes.
mkdir kept
cp grid/report.* grid/cells.csv kept/
"$mp2" report report.yaml --set report.run_missing=false --set report.out=again > out.txt 2>&1 || fail "again: $(cat out.txt)"
diff -r kept again || fail "another report of the same cells"

# A lost cell is run again to the same result.
before=$(cut -d, -f1-18 grid/cells.csv | sha256sum)
rm grid/cells/afqmc/prompt/13/result.json
mpi 3 "$mp2" report report.yaml > third.txt 2>&1 || fail "third: $(tail -5 third.txt)"
[ "$(grep -c ' s$' third.txt)" = 1 ] || fail "not one cell: $(cat third.txt)"
[ "$(cut -d, -f1-18 grid/cells.csv | sha256sum)" = "$before" ] || fail "the cell came out otherwise"

# What the report says is what predict does.
(printf 'text1\ttext2\n'; cut -f1,2 raw/AFQMC/dev.txt) > questions.tsv
for method in gradient prompt; do
    said=$(awk -F, -v m=$method '$1 == "afqmc" && $2 == m && $3 == 8 {printf "%.6f", $9}' grid/cells.csv)
    got=$("$mp2" predict --machine.precision "$precision" grid/cells/afqmc/$method/8/tuned questions.tsv --model model | grep -o '"index":[0-9]*' | cut -d: -f2 |
        paste - <(cut -f3 raw/AFQMC/dev.txt) | awk '$1 == $2 {n++} END {printf "%.6f", n / NR}')
    [ "$said" = "$got" ] || fail "$method: the report says $said, predict $got"
done

# An encoder that was tuned stands beside its tuned file and is taken from there; it joins with no other.
mpi 2 "$mp2" report report.yaml --set run=whole --set tasks=afqmc --set methods=full --set seeds=8 --set full.epochs=3 > out.txt 2>&1 ||
    fail "full: $(tail -5 out.txt)"
said=$(awk -F, '$2 == "full" {printf "%.6f", $9}' whole/cells.csv)
got=$("$mp2" predict --machine.precision "$precision" whole/cells/afqmc/full/8/tuned questions.tsv 2> out.txt | grep -o '"index":[0-9]*' | cut -d: -f2 |
    paste - <(cut -f3 raw/AFQMC/dev.txt) | awk '$1 == $2 {n++} END {printf "%.6f", n / NR}')
[ "$said" = "$got" ] || fail "full: the report says $said, predict $got: $(cat out.txt)"
"$mp2" checkpoint merge joined grid/cells/afqmc/prompt/8/tuned whole/cells/afqmc/full/8/tuned > out.txt 2>&1
[ $? = 2 ] && grep -q "encoder of its own" out.txt || fail "joined with a tuned encoder: $(cat out.txt)"

# Tasks that are not imported are left out with a notice; a grid of nothing is none.
"$mp2" report report.yaml --set tasks=afqmc,lcqmc --set report.out=less > out.txt 2>&1 || fail "a task that is missing: $(cat out.txt)"
grep -q "lcqmc" out.txt && ! grep -q lcqmc less/report.md || fail "a task that is missing: $(cat out.txt)"
"$mp2" report report.yaml --set tasks=lcqmc > out.txt 2>&1
[ $? = 2 ] || fail "no task at all: $(cat out.txt)"

# The configurations that come along: nothing unknown in them.
for config in report report-full; do
    "$mp2" report "$top/configs/$config.yaml" --set run=grid --set report.run_missing=false --set report.out=full-$config \
        --set data=data > out.txt 2>&1
    case $? in 0 | 2) ;; *) fail "$config.yaml: $(cat out.txt)" ;; esac
    grep -qi "unknown\|expected one of" out.txt && fail "$config.yaml: $(cat out.txt)"
done
echo "all equal"

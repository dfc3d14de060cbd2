#!/usr/bin/env bash
# Tuning is a function of configuration, seed, data, encoder and prompts alone: the same tuned files and curves, byte for
# byte, on 1, 2 and 4 ranks, and after kill -9 at any moment and going on with another number of ranks. What is done is not
# done again. Bad input ends with status 2 (a loss that is not a number with 1) and one line that says what to do.
. "$(dirname "$0")/common.sh"
small_world
"$mp2" pretrain small.yaml > pretrain.txt 2>&1 || fail "pretrain: $(tail -3 pretrain.txt)"
cat > tune.yaml << YAML
model: model
data: data
prompts: run
tasks: [afqmc, ccpm, cmrc2018]
methods: [gradient, router, prompt, deep-prompt, full, zero-shot, black-box]
seeds: [8]
k: 3
dev_every: 3
router: {epochs: 5}
gradient: {epochs: 4, rate: 1e-2}
prompt: {epochs: 7}
deep_prompt: {epochs: 7}
full: {epochs: 4, rate: 1e-3}
black_box: {router_evaluations: 8, router_random: 4, evaluations: 24, population: 4, router_check: 4, check: 8}
machine: {threads: 1, precision: $precision}
watch: {listen: ""}
YAML

# What must be equal: all that a cell leaves but result.json, which holds times.
content() { (cd "$1/cells" && find . -type f ! -name result.json | LC_ALL=C sort | xargs sha256sum) || fail "no cells in $1"; }

# tune NAME RANKS [options]
tune() {
    local name=$1 ranks=$2
    shift 2
    mpi "$ranks" "$mp2" tune tune.yaml --set run="$name" "$@" > "$name.txt" 2>&1
}

tune whole 1 || fail "one rank: $(tail -5 whole.txt)"
want=$(content whole)
awk '$1 == "task" {for (i = 1; i <= NF; i++) if ($i == "rows") at = i} $1 == "afqmc" || $1 == "ccpm" {n += $at == '"$(wc -l < raw/AFQMC/dev.txt)"'} END {exit n < 7}' whole.txt ||
    fail "numbers of test rows: $(head -9 whole.txt)"
[ "$(echo "$want" | grep -c tuned.safetensors)" = 21 ] || fail "cells: $want"
for ranks in 2 4; do
    tune "ranks-$ranks" $ranks --set machine.unit_examples=2 || fail "$ranks ranks: $(tail -5 "ranks-$ranks.txt")"
    [ "$(content "ranks-$ranks")" = "$want" ] || fail "$ranks ranks: other files than on one"
    echo "ok $ranks ranks"
done
tune other 1 --set seeds=9 --set tasks=afqmc --set methods=gradient || fail "another seed"
cmp -s other/cells/afqmc/gradient/9/tuned.safetensors whole/cells/afqmc/gradient/8/tuned.safetensors && fail "another seed gave the same"

# The loss over all tokens: other bytes for every method that is tuned by it, the same on any number of ranks.
all="--set tasks=cmrc2018 --set machine.unit_examples=2"
tune all-1 1 --set train.loss=all --set tasks=cmrc2018 || fail "loss over all tokens: $(tail -5 all-1.txt)"
# shellcheck disable=SC2086
tune all-3 3 --set reference.loss=true $all || fail "loss over all tokens: $(tail -5 all-3.txt)"
[ "$(content all-1)" = "$(content all-3)" ] || fail "loss over all tokens: other files on three ranks"
for method in gradient router prompt deep-prompt full black-box; do
    curve=cells/cmrc2018/$method/8/curve.jsonl
    cmp -s whole/"$curve" all-1/"$curve" && fail "$method: another loss changed nothing"
done

# Done cells stay; a changed option runs the cells that it matters to, and no other.
before=$(stat -c %Y.%i whole/cells/*/*/8/result.json)
tune whole 2 || fail "again: $(tail -5 whole.txt)"
[ "$(grep -c 'was done' whole.txt)" = 21 ] || fail "cells were run again: $(cat whole.txt)"
[ "$(stat -c %Y.%i whole/cells/*/*/8/result.json)" = "$before" ] || fail "results were written again"
cp -r whole changed
tune changed 1 --set prompt.epochs=2 || fail "changed: $(tail -5 changed.txt)"
[ "$(grep -c 'was done' changed.txt)" = 18 ] || fail "a changed option: $(cat changed.txt)"

# killed METHOD NAME RANK RANKS: killed at some look at dev (rank RANK of 3), gone on with RANKS from the snapshot that stands there.
long="--set router.epochs=120 --set gradient.epochs=120 --set full.epochs=60 --set dev_every=10 --set tasks=cmrc2018"
looked() { [ "$(wc -l < "$2")" -ge "$1" ]; }
killed() {
    local words="tune tune.yaml --set run=$2 " name=$2 cell=$2/cells/cmrc2018/$1/8 options="$long --set methods=$1"
    # shellcheck disable=SC2086
    tune "$name" 3 $options &
    kill_rank "$3" 3 looked 5 "$cell/curve.jsonl" && fail "$name was not killed in time"
    [ -e "$cell/result.json" ] && fail "$name was not killed in time"
    [ -e "$cell/snapshot.safetensors" ] || [ -e "$cell/snapshot/latest/state.pb" ] || fail "$name: no snapshot to go on from"
    # With another library or instruction set it does not go on; nor with nobody knows what, then it begins anew.
    for other in 's/oneDNN/&-0.0/' 's/("instruction_set": ")[^"]*/\1none/' 's/glibc /&1./'; do
        cp "$cell/made_with.json" made_with.json
        sed -E -i "$other" "$cell/made_with.json"
        # shellcheck disable=SC2086
        tune "$name" "$4" $options && fail "$name: gone on in another way: $other"
        grep -q "^mp2: $cell: cannot be resumed exactly: it was computed with .* (remove the folder to begin the cell anew)$" "$name.txt" ||
            fail "$name, refused: $(cat "$name.txt")"
        cp made_with.json "$cell/made_with.json"
    done
    if [ "$3" = 0 ]; then
        rm "$cell/made_with.json"
        # shellcheck disable=SC2086
        tune "$name" "$4" $options || fail "$name, anew: $(tail -5 "$name.txt")"
        grep -q ' cell-anew ' "$name.txt" || fail "$name, anew: nothing was said: $(cat "$name.txt")"
    fi
    # shellcheck disable=SC2086
    tune "$name" "$4" $options || fail "$name, gone on: $(tail -5 "$name.txt")"
    [ "$(content "$name")" = "$want" ] || fail "$name, gone on: other files"
    echo "ok $name"
}
# shellcheck disable=SC2086
tune long-full 1 $long --set methods=full || fail "long: $(tail -5 long-full.txt)"
want=$(content long-full)
killed full killed-full-1 0 1
killed full killed-full-2 2 4
# shellcheck disable=SC2086
tune long 1 $long --set methods=gradient || fail "long: $(tail -5 long.txt)"
want=$(content long)
for round in 0 1 2; do killed gradient killed-$round $round $((round + 1)); done

# An orderly stop: status 0, and the same files in the end.
# shellcheck disable=SC2086
tune stopped 2 $long --set methods=gradient &
mpirun_pid=$!
while kill -0 $mpirun_pid 2> /dev/null && [ ! -e stopped/cells/cmrc2018/gradient/8/snapshot.safetensors ]; do sleep 0.01; done
"$mp2" stop stopped --wait 3000 > stop.txt 2>&1 || fail "mp2 stop: $(cat stop.txt)"
wait $mpirun_pid || fail "a stopped run ends with $?: $(tail -5 stopped.txt)"
grep -q "stopped in order" stopped.txt || fail "not stopped: $(tail -3 stopped.txt)"
# shellcheck disable=SC2086
tune stopped 1 $long --set methods=gradient || fail "stopped, gone on: $(tail -5 stopped.txt)"
[ "$(content stopped)" = "$want" ] || fail "stopped and gone on: other files"

# bad STATUS WORDS [options]: one line with these words, on two ranks too; no result.
bad() {
    local want=$1 words=$2 rc
    shift 2
    rm -rf bad
    "$mp2" tune tune.yaml --set run=bad "$@" > bad.txt 2>&1
    rc=$?
    [ $rc = "$want" ] || fail "bad input ($*): status $rc, expected $want: $(cat bad.txt)"
    grep -q "$words" bad.txt || fail "bad input ($*): $(cat bad.txt), expected \"$words\""
    [ "$(grep -c '^mp2: ' bad.txt)" = 1 ] || fail "bad input ($*): more than one message: $(cat bad.txt)"
    find bad -name result.json 2> /dev/null | grep -q . && fail "bad input ($*): a result"
    mpi 2 "$mp2" tune tune.yaml --set run=bad2 "$@" > bad2.txt 2>&1 && fail "bad input ($*) passed on two ranks"
    rm -rf bad2
}
bad 2 'label ".*" has [0-9]* rows in .*, expected at least' --set k=2000
bad 2 "rows in pool, expected at least" --set k=2000 --set tasks=cmrc2018
bad 2 "nowhere" --set prompts=nowhere
bad 2 "was not imported" --set tasks=nothing
bad 2 "methods" --set methods=magic
bad 2 "twice" --set seeds=8,8
bad 2 "seeds" --set seeds=x
bad 2 "single.prompts" --set methods=single
bad 2 "4 modules, expected 1" --set methods=single --set single.prompts=run
bad 2 "was not among the tasks" --set start=tnews
bad 1 "not finite" --set gradient.rate=9 --set weight_decay=1 --set methods=gradient --set gradient.epochs=400 --set router.epochs=0 --set tasks=afqmc
mkdir -p elsewhere && "$mp2" encoder --out elsewhere/model --vocab vocab.txt --layers 2 --hidden 32 --heads 2 > /dev/null 2>&1 || fail "encoder"
bad 2 "hidden\|another encoder" --set model=elsewhere/model
printf '\377garbage' > garbage
cp -r run/latest/ damaged && cp garbage damaged/prompts.safetensors
bad 2 "damaged/prompts.safetensors" --set prompts=damaged

# K = 1: one pre-trained prompt, tuned.
"$mp2" pretrain small.yaml --set run=one --set prompt.modules=1 > one.txt 2>&1 || fail "K = 1: $(tail -3 one.txt)"
tune single 2 --set methods=single --set single.prompts=one --set single.epochs=4 || fail "single: $(tail -5 single.txt)"
# Only method single reads them: configs/report.yaml names a place that need not be there for the others.
tune no-single 1 --set methods=zero-shot --set single.prompts=nowhere || fail "single.prompts unused: $(tail -5 no-single.txt)"
# Shallow prompts, and the reference's moments.
"$mp2" pretrain small.yaml --set run=flat --set prompt.depth=shallow > flat.txt 2>&1 || fail "shallow: $(tail -3 flat.txt)"
tune shallow-1 1 --set prompts=flat --set reference.moments=true --set reference.padding=true || fail "shallow: $(tail -5 shallow-1.txt)"
tune shallow-3 3 --set prompts=flat --set reference.moments=true --set reference.padding=true || fail "shallow: $(tail -5 shallow-3.txt)"
[ "$(content shallow-1)" = "$(content shallow-3)" ] || fail "shallow: other files on three ranks"
# Begun with the pre-trained router that fits best: on any number of ranks, and no worse than any one of them.
tune best-1 1 --set start=best --set methods=gradient,black-box --set tasks=afqmc || fail "best: $(tail -5 best-1.txt)"
tune best-3 3 --set start=best --set methods=gradient,black-box --set tasks=afqmc || fail "best: $(tail -5 best-3.txt)"
[ "$(content best-1)" = "$(content best-3)" ] || fail "best: other files on three ranks"
first() { head -1 "$1/cells/afqmc/gradient/8/curve.jsonl" | grep -o '"loss":[0-9.e+-]*' | cut -d: -f2; }
for row in afqmc ccpm cmrc2018; do
    tune "row-$row" 1 --set start=$row --set methods=gradient --set tasks=afqmc --set router.epochs=0 --set gradient.epochs=0 || fail "row: $(cat "row-$row.txt")"
    awk -v best="$(first best-1)" -v one="$(first "row-$row")" 'BEGIN { exit !(best <= one) }' || fail "start=best begins at $(first best-1), $row at $(first "row-$row")"
done
# A task of one's own: an entry, a file, no more.
mkdir -p mine/tasks mine/raw/tickets
cat > mine/tasks/tickets.yaml << 'YAML'
name: Tickets
kind: labels
template: '意思判别："{text}"的是？选项：'
labels: [意思, 诗句]
downstream: true
sources:
  - folder: tickets
    format: jsonl
    files: {train: tickets.jsonl}
    fields: {text: body}
    label: queue
    values: {意思: a, 诗句: b}
YAML
awk 'BEGIN { for (i = 0; i < 30; i++) printf "{\"body\":\"%s%d\",\"queue\":\"%s\"}\n", i % 2 ? "一丁七" : "丈三上", i, i % 2 ? "a" : "b" }' > mine/raw/tickets/tickets.jsonl
"$mp2" data import --raw mine/raw --catalogue mine/tasks --data mine/data --vocab vocab.txt > mine/import.txt 2>&1 || fail "own task: $(cat mine/import.txt)"
tune mine/run 2 --set data=mine/data --set tasks=tickets --set methods=gradient,zero-shot || fail "own task: $(tail -5 mine/run.txt)"
[ "$(grep -c '^tickets ' mine/run.txt)" = 2 ] || fail "own task: $(cat mine/run.txt)"
echo "all equal"

#!/usr/bin/env bash
# A stop ends a run in order whatever is under way and whoever hears of it: an evaluation is left at its next round, by SIGUSR1 to
# one rank alone, whichever, or by `mp2 stop`; a checkpoint is there; nothing is told of the evaluation; the run goes on, on other
# ranks, to the bytes and scores of one that nobody disturbed.
. "$(dirname "$0")/common.sh"
small_world
awk 'BEGIN {split("丁 丂 七 丄 丅 丆 万 丈 三 上", c, " "); for (i = 0; i < 25000; i++) {
    t = ""; for (k = i; k > 0; k = int(k / 10)) t = t c[k % 10 + 1] c[(k + 3) % 10 + 1]; print t "\t" t c[i % 7 + 1] "\t" i % 2}}' > raw/AFQMC/dev.txt
"$mp2" data import --raw raw --data data --vocab vocab.txt --catalogue "$top/configs/tasks" > import.txt 2>&1 || fail "import: $(cat import.txt)"

# lines FILE WORD: how many lines of a file, which need not be there, have the word
lines() {
    local n
    n=$(grep -c "$2" "$1" 2> /dev/null)
    echo "${n:-0}"
}

# rank_pids N: the processes of the job started last, a shell around mpirun, by rank; with one rank it is the job.
rank_pids() {
    local job=$!
    pids=("$job")
    [ "$1" = 1 ] && return
    pids=()
    while kill -0 "$job" 2> /dev/null && [ ${#pids[@]} != "$1" ]; do
        mapfile -t pids < <(for p in $(for parent in $(pgrep -P "$job"); do pgrep -P "$parent"; done); do
            tr '\0' '\n' 2> /dev/null < "/proc/$p/environ" | sed -n "s/^OMPI_COMM_WORLD_RANK=\(.*\)/\1 $p/p"
        done | sort -n | cut -d' ' -f2)
        sleep 0.02
    done
}

# stop_in RUN RANKS RANK N M COMMAND…: the command on so many ranks; when its metrics have N scores and say EVALUATING for the M-th
# time, rank RANK alone gets SIGUSR1, or (RANK is "folder") mp2 stop asks. It must end with 0 and say that it stopped.
stop_in() {
    local run=$1 ranks=$2 who=$3 scores=$4 times=$5 job
    shift 5
    if [ "$ranks" = 1 ]; then "$@" > "$run.txt" 2>&1 & else mpi "$ranks" "$@" > "$run.txt" 2>&1 & fi
    job=$!
    rank_pids "$ranks"
    while kill -0 $job 2> /dev/null; do
        [ "$(lines "$run/metrics.jsonl" '"state":"EVALUATING"')" = "$times" ] && [ "$(lines "$run/metrics.jsonl" '"eval":{')" = "$scores" ] && break
        sleep 0.02
    done
    kill -0 $job 2> /dev/null || fail "$run was over before it could be stopped: $(tail -3 "$run.txt")"
    if [ "$who" = folder ]; then "$mp2" stop "$run" > stop.txt || fail "$run: mp2 stop: $(cat stop.txt)"; else kill -USR1 "${pids[$who]}"; fi
    wait $job || fail "$run stopped by $who: status $?: $(tail -3 "$run.txt")"
    grep -q "stopped in order" "$run.txt" || fail "$run, stopped by $who, did not stop: $(tail -3 "$run.txt")"
    [ "$(lines "$run/metrics.jsonl" '"eval":{')" = "$scores" ] || fail "$run, stopped by $who: the evaluation was made all the same"
    grep -q '"state":"EVALUATING"' <(tail -4 "$run/metrics.jsonl") && fail "$run: metrics tell of an evaluation that was left: $(tail -4 "$run/metrics.jsonl")"
}

# scores RUN: what evaluations found, without times.
scores() { grep -o '"eval":{.*' "$1/metrics.jsonl" | sed 's/"seconds":[^,}]*//'; }

# ---- pretrain: in an evaluation on the way, and in the one at the end ----
options=(--set tasks=[afqmc] --set train.batch=4 --set train.steps=4 --set eval.every=3 --set eval.rows=24000 --set eval.final=true)
mpi 3 "$mp2" pretrain small.yaml --set run=whole "${options[@]}" > whole.txt 2>&1 || fail "whole: $(tail -5 whole.txt)"
want=$(sha whole/latest/)
for how in "3 0" "3 2" "2 folder" "1 0"; do
    read -r ranks who <<< "$how"
    run=pretrain-$ranks-$who
    for step in 3 4; do
        stop_in "$run" "$ranks" "$who" $((step - 3)) $((step - 2)) "$mp2" pretrain small.yaml --set run="$run" "${options[@]}"
        [ -e "$run/step-$step/state.pb" ] || fail "$run: no checkpoint of step $step: $(ls "$run")"
    done
    mpi $((4 - ranks)) "$mp2" pretrain small.yaml --set run="$run" "${options[@]}" > "$run.txt" 2>&1 || fail "$run, gone on: $(tail -3 "$run.txt")"
    [ "$(sha "$run/latest/")" = "$want" ] || fail "$run: another checkpoint than undisturbed"
    [ "$(scores "$run")" = "$(scores whole)" ] || fail "$run: other scores than undisturbed: $(scores "$run") $(scores whole)"
    echo "ok $run"
done

# ---- evaluate ----
# How long it takes is the machine's affair: one that was over before the signal came is started again.
for who in 0 2; do
    for delay in 1 0.7 0.5 1.5 3; do
        mpi 3 "$mp2" evaluate whole dev --set log=debug > evaluate.txt 2>&1 &
        job=$!
        rank_pids 3
        sleep $delay
        kill -USR1 "${pids[$who]:-$job}" 2> /dev/null
        wait $job || fail "evaluate stopped by $who: status $?: $(tail -3 evaluate.txt)"
        grep -q "stopped in order" evaluate.txt && break
    done
    grep -q "stopped in order" evaluate.txt || fail "evaluate, stopped by $who: $(cat evaluate.txt)"
done
echo "ok evaluate"

# ---- tune and report: the rows of the test ----
tune=(--model model --data data --prompts whole --tasks afqmc --methods zero-shot --seeds 8 --k 4 --watch.listen "" --machine.precision "$precision")
mpi 2 "$mp2" tune "${tune[@]}" --run tuned > tuned.txt 2>&1 || fail "tune: $(cat tuned.txt)"
result() { sed 's/"seconds":[^,]*,//; s/"ranks":[^,]*,//' "$1/cells/afqmc/zero-shot/8/result.json"; }
for how in "tune 3 1" "tune 1 folder" "report 3 2"; do
    read -r command ranks who <<< "$how"
    run=$command-$ranks-$who
    stop_in "$run" "$ranks" "$who" 1 1 "$mp2" "$command" "${tune[@]}" --run "$run"
    [ ! -e "$run/cells/afqmc/zero-shot/8/result.json" ] || fail "$run: a result of a cell that was left"
    mpi 2 "$mp2" "$command" "${tune[@]}" --run "$run" > "$run.txt" 2>&1 || fail "$run, gone on: $(tail -3 "$run.txt")"
    [ "$(result "$run")" = "$(result tuned)" ] || fail "$run: another result: $(result "$run") $(result tuned)"
    cmp "$run/cells/afqmc/zero-shot/8/tuned.safetensors" tuned/cells/afqmc/zero-shot/8/tuned.safetensors || fail "$run: another tuned file"
    echo "ok $run"
done

# ---- mlm ----
awk 'BEGIN {
    split("[PAD] [UNK] [CLS] [SEP] [MASK]", s, " ")
    for (i = 1; i <= 5; i++) print s[i] > "words.txt"
    for (i = 0; i < 26; i++) for (j = 0; j < 4; j++) { w[n] = sprintf("%c%c", 97 + i, 97 + (i * 3 + j * 5) % 26); print w[n++] > "words.txt" }
    for (i = 0; i < 40000; i++) {
        k = (i * 7919) % n
        for (j = 0; j < 6 + i % 19; j++) printf "%s ", w[(k + j * 7) % n] > "text.txt"
        printf "\n" > "text.txt"
    }
}'
cat > mlm.yaml << YAML
texts: [text.txt]
vocab: words.txt
heldout: 0.9
encoder: {layers: 2, hidden: 64, heads: 4, feed_forward: 128, positions: 64}
train: {steps: 4, micro: 2, sequences: 4, length: 32}
eval: {every: 3, sequences: 0}
machine: {threads: 1, precision: $precision}
watch: {listen: ""}
YAML
mpi 2 "$mp2" mlm mlm.yaml --set run=text > text-run.txt 2>&1 || fail "mlm: $(cat text-run.txt)"
want=$(sha text/latest/)$(sha text/model)
for how in "3 1" "2 folder"; do
    read -r ranks who <<< "$how"
    run=mlm-$ranks-$who
    for step in 3 4; do
        stop_in "$run" "$ranks" "$who" $((step - 3)) $((step - 2)) "$mp2" mlm mlm.yaml --set run="$run"
        [ -e "$run/step-$step/state.pb" ] || fail "$run: no checkpoint of step $step: $(ls "$run")"
    done
    mpi $((4 - ranks)) "$mp2" mlm mlm.yaml --set run="$run" > "$run.txt" 2>&1 || fail "$run, gone on: $(tail -3 "$run.txt")"
    [ "$(sha "$run/latest/")$(sha "$run/model")" = "$want" ] || fail "$run: other bytes than undisturbed"
    [ "$(scores "$run")" = "$(scores text)" ] || fail "$run: other scores than undisturbed"
    echo "ok $run"
done
# While the text is made into tokens, which may take hours. Here it takes a second: it may be over before the stop is heard.
for _ in {1..32}; do cat text.txt; done > long.txt
mpi 2 "$mp2" mlm mlm.yaml --set run=tokens --set "texts=[long.txt]" > tokens.txt 2>&1 &
job=$!
while kill -0 $job 2> /dev/null && ! ls tokens/train.ids* > /dev/null 2>&1; do sleep 0.02; done
"$mp2" stop tokens > stop.txt || fail "mp2 stop: $(cat stop.txt)"
wait $job || fail "stopped in tokens: status $?: $(tail -3 tokens.txt)"
grep -q "stopped in order" tokens.txt || fail "stopped in tokens: $(tail -3 tokens.txt)"
if grep -q "in order while" tokens.txt && ls tokens/*.ids* > /dev/null 2>&1; then fail "stopped in tokens: $(ls tokens)"; fi
echo "ok tokens"
echo "all stopped in order"

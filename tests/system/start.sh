#!/usr/bin/env bash
# Starts that are not mpirun's: one process in a Slurm job or step is one process; several that do not know of each other are
# refused before they touch anything; a second start on a run's folder finds it taken and leaves it as it is.
. "$(dirname "$0")/common.sh"
small_world
# slurm N PROCID COMMAND…: with the variables that Slurm sets in a step of N tasks
slurm() {
    local n=$1 id=$2
    shift 2
    env SLURM_NODELIST="$(hostname)" SLURM_JOB_ID=1 SLURM_JOBID=1 SLURM_NNODES=1 SLURM_NTASKS="$n" SLURM_TASKS_PER_NODE="$n" \
        SLURM_PROCID="$id" SLURM_LOCALID="$id" SLURM_NODEID=0 SLURM_STEP_ID=0 SLURM_STEPID=0 SLURM_STEP_NODELIST="$(hostname)" \
        SLURM_STEP_NUM_TASKS="$n" "$@"
}

"$mp2" pretrain small.yaml --set run=plain > plain.txt 2> plain.err || fail "pretrain: $(cat plain.err)"
grep -q "one process" plain.err && fail "one process says: $(cat plain.err)"
for vars in "" "PMI_RANK=0 PMI_SIZE=1 PMI_FD=9"; do
    rm -rf step
    # shellcheck disable=SC2086
    slurm 1 0 env $vars "$mp2" pretrain small.yaml --set run=step > step.txt 2> step.err || fail "one process in a step ($vars): $? $(cat step.err)"
    [ "$(sha step/latest/)" = "$(sha plain/latest/)" ] || fail "one process in a step ($vars): another checkpoint"
    # shellcheck disable=SC2086
    slurm 1 0 env $vars "$mp2" evaluate step dev > step.txt 2> step.err || fail "evaluate in a step ($vars): $? $(cat step.err)"
done
echo "ok one process in a step"

SLURM_NTASKS=4 "$mp2" evaluate step dev > step.txt 2> step.err || fail "one process in a job of 4 tasks: $(cat step.err)"
grep -q "4 tasks.*one process" step.err || fail "of four tasks and one process nothing was said: $(cat step.err)"

# three COMMAND…: three processes of a step at once; the statuses; what they say is in said.txt
three() {
    local pids=() i
    for i in 0 1 2; do slurm 3 $i "$@" >> said.txt 2>&1 & pids+=($!); done
    for i in 0 1 2; do wait "${pids[$i]}"; echo -n "$? "; done
}
for vars in "" "PMI_SIZE=3"; do
    for command in "pretrain small.yaml --set run=three" "tune --run three --model model --data data --prompts plain --tasks afqmc" "predict nothing"; do
        rm -f said.txt
        # shellcheck disable=SC2086
        got=$(three env $vars "$mp2" $command)
        [ "$got" = "2 2 2 " ] || fail "three processes, $command: status $got, $(cat said.txt)"
        [ "$(wc -l < said.txt)" = 1 ] && grep -q "mpirun" said.txt || fail "three processes, $command: expected one line: $(cat said.txt)"
        [ ! -e three ] || fail "three processes, $command: $(ls three)"
    done
done
# A launcher of another MPI: every process is rank 0 of 1.
for vars in "PMI_SIZE=3 PMI_RANK=0" "PMI_SIZE=3 PMI_RANK=2"; do
    # shellcheck disable=SC2086
    env $vars "$mp2" pretrain small.yaml --set run=three > said.txt 2>&1
    [ $? = 2 ] && [ ! -e three ] || fail "a launcher of another MPI: $(cat said.txt)"
    [ "$(wc -l < said.txt)" = $((${vars: -1} == 0)) ] || fail "a launcher of another MPI ($vars): $(cat said.txt)"
done
echo "ok processes that do not know of each other"

# ---- one folder, two starts ----
awk 'BEGIN { for (i = 0; i < 3000; i++) { for (j = 0; j < 8; j++) printf "%c%c ", 97 + (i * 7 + j) % 26, 97 + (i + j * 5) % 26; print "" } }' > text.txt
awk 'BEGIN { split("[PAD] [UNK] [CLS] [SEP] [MASK]", s, " "); for (i = 1; i <= 5; i++) print s[i]
    for (i = 0; i < 26; i++) for (j = 0; j < 26; j++) printf "%c%c\n", 97 + i, 97 + j }' > words.txt
head -2000 text.txt > other.txt
mlm="mlm --texts text.txt --vocab words.txt --run mlm --encoder.layers 2 --encoder.hidden 64 --encoder.heads 4 --encoder.feed_forward 128 --encoder.positions 64 --train.length 32 --train.steps 1000000 --machine.threads 1"
# shellcheck disable=SC2086
"$mp2" $mlm > mlm.txt 2>&1 &
job=$!
while kill -0 $job 2> /dev/null && ! grep -q '"step":{' mlm/metrics.jsonl 2> /dev/null; do sleep 0.05; done
kill -0 $job 2> /dev/null || fail "mlm: $(cat mlm.txt)"
kept() { (cd mlm && sha256sum train.ids heldout.ids start/* config.resolved.yaml); }
before=$(kept) || fail "mlm: $(ls mlm)"
# shellcheck disable=SC2086
for again in "$mlm --texts other.txt --seed 7" "$mlm --new" "pretrain small.yaml --set run=mlm" "tune --run mlm --model model --data data --prompts plain --tasks afqmc"; do
    # shellcheck disable=SC2086
    "$mp2" $again > second.txt 2>&1
    [ $? = 2 ] && grep -q "in the hands of process" second.txt || fail "a second start: $again: $(cat second.txt)"
    [ "$(kept)" = "$before" ] || fail "a second start has touched the first one's files: $again"
done
"$mp2" stop mlm > stop.txt || fail "stop: $(cat stop.txt)"
wait $job || fail "mlm: $? $(tail -3 mlm.txt)"
echo "ok one folder, two starts"

#!/usr/bin/env bash
# mp2 launch on one host: whatever is killed or stopped, hosts that come and go, a supervisor that is started again, and the
# end in order; the checkpoint is that of an undisturbed run.
. "$(dirname "$0")/common.sh"
export OMPI_MCA_btl_vader_single_copy_mechanism=none
small_world
# Steps that are slow enough for faults between them on a quick machine.
steps=60
options="--set train.steps=$steps --set train.groups=10 --set checkpoint.every=20 --set eval.every=25 --set eval.rows=12"

launch_options=(--hosts hosts --hang 2 --settle 0.3 --poll 0.2)
done_well() { # RUN
    wait "$supervisor" || fail "$1: exit status $?: $(tail -5 "$1.txt")"
    [ "$(sha "$1/latest/")" = "$want" ] || fail "$1: another checkpoint"
    [ "$(grep -c '"step":{"step":' "$1/metrics.jsonl")" = $steps ] || fail "$1/metrics.jsonl: not every step once"
    "$mp2" checkpoint verify "$1" > /dev/null || fail "$1: not valid"
}

echo "localhost slots=2" > hosts
# shellcheck disable=SC2086
mpi 2 "$mp2" pretrain small.yaml --set run=whole $options > whole.txt 2>&1 || fail "whole: $(tail -5 whole.txt)"
want=$(sha whole/latest/)

# Whatever dies or hangs.
launch faults --strikes 0
supervisor=$!
epoch=$(after faults 0)
for fault in "KILL rank 1" "KILL rank 0" "KILL mpirun" "STOP rank 2" "STOP rank 0" "TERM mpirun"; do
    read -r signal what n <<< "$fault"
    if [ "$what" = mpirun ]; then pid=$(pgrep -P $supervisor -x mpirun); else pid=$(rank faults "$n"); fi
    kill -"$signal" "$pid" || fail "$fault: no such process"
    next=$(after faults "$epoch") || exit 1
    echo "ok $fault: epoch $epoch, then $next"
    epoch=$next
done
kill -9 $supervisor
wait "$supervisor" 2> /dev/null
launch faults --strikes 0
supervisor=$!
next=$(after faults "$epoch") || exit 1
echo "ok the supervisor killed: epoch $epoch, then $next"
done_well faults
grep -q '"event":{"level":"WARNING","tag":"epoch-lost"' faults/metrics.jsonl || fail "the stream does not say why an epoch was lost"
grep -q "is overdue" faults/launch/epochs.jsonl || fail "no epoch was overdue"
"$mp2" launch --status faults > status.txt || fail "--status"
grep -q "finished" status.txt || fail "--status: $(cat status.txt)"

# Hosts come and go: this machine's room grows.
echo "localhost slots=1" > hosts
launch members --min 2
supervisor=$!
while ! grep -q "launch-waits" members.txt; do
    kill -0 $supervisor || fail "$(cat members.txt)"
    sleep 0.1
done
echo "ok fewer than --min: it waits and says so"
echo "localhost slots=2" > hosts
epoch=$(after members 0) || exit 1
echo "localhost slots=3" > hosts
epoch=$(after members "$epoch") || exit 1
grep -q '"hosts":"localhost:2","why":"other hosts"' members/launch/epochs.jsonl ||
    fail "no epoch of 2 workers that ended in order: $(cat members/launch/epochs.jsonl)"
grep -q "3 workers on localhost:3" members.txt || fail "no epoch of 3 workers"
echo "ok a host that joins: epoch $epoch"
done_well members

# In order: mp2 stop, a signal, and going on afterwards.
echo "localhost slots=2" > hosts
launch stopped
supervisor=$!
after stopped 0 > /dev/null
"$mp2" stop stopped > stop.txt || fail "mp2 stop: $(cat stop.txt)"
wait "$supervisor" || fail "stopped: exit status $?"
grep -q "stopped in order" stopped/launch/state.json || fail "not stopped in order: $(cat stopped/launch/state.json)"
launch stopped
supervisor=$!
after stopped 1 > /dev/null
kill -TERM $supervisor
wait "$supervisor" || fail "SIGTERM: exit status $?"
launch stopped
supervisor=$!
done_well stopped
echo "ok mp2 stop and SIGTERM end the run in order"

# What will not get better is given up; wrong usage is said at once.
sed 's/rate: 1e-3/rate: much/' small.yaml > wrong.yaml
"$mp2" launch --hosts hosts -- pretrain wrong.yaml > wrong.txt 2>&1
[ $? -eq 2 ] || fail "a wrong value: not status 2"
"$mp2" launch --hosts hosts -- pretrain small.yaml --set run=nowhere --set model=none > none.txt 2>&1
[ $? -eq 2 ] || fail "no encoder: not status 2: $(cat none.txt)"
printf '#!/bin/sh\nexit 1\n' > no-mpirun
chmod +x no-mpirun
"$mp2" launch --hosts hosts --mpirun "$folder/no-mpirun" --retries 3 -- pretrain small.yaml --set run=never > never.txt 2>&1
[ $? -eq 1 ] || fail "an mpirun that fails: not status 1"
[ "$(wc -l < never/launch/epochs.jsonl)" = 3 ] || fail "not three tries"
echo "ok what does not get better is given up"

# Tuning, over the prompts of the run before.
cat > tune.yaml << YAML
model: model
data: data
prompts: whole
tasks: [afqmc]
methods: [gradient]
seeds: [8]
k: 3
dev_every: 3
gradient: {epochs: 8, rate: 1e-2}
machine: {threads: 1, precision: $precision}
watch: {listen: ""}
YAML
content() { (cd "$1/cells" && find . -type f ! -name result.json | LC_ALL=C sort | xargs sha256sum) || fail "no cells in $1"; }
mpi 2 "$mp2" tune tune.yaml --set run=tuned-whole > tuned-whole.txt 2>&1 || fail "tune: $(tail -5 tuned-whole.txt)"
"$mp2" launch "${launch_options[@]}" -- tune tune.yaml --run tuned > tuned.txt 2>&1 &
supervisor=$!
after tuned 0 > /dev/null
kill -9 "$(rank tuned 1)" || fail "tune: no rank 1"
wait "$supervisor" || fail "tune: exit status $?: $(tail -5 tuned.txt)"
[ "$(content tuned)" = "$(content tuned-whole)" ] || fail "tune: other files"
grep -q "ended by signal 9" tuned/launch/epochs.jsonl || fail "tune: nothing was killed: $(cat tuned/launch/epochs.jsonl)"
echo "ok tune goes on, too"

# Fencing: an epoch that slept while a newer one had the run, its lock of no use (as on a file system without locks), wakes up,
# sees it and ends by itself; nothing of the newer one's is touched.
# shellcheck disable=SC2086
mpi 2 -x MP2_LAUNCH_EPOCH=1 "$mp2" pretrain small.yaml --set run=fenced --set log=debug $options > fenced-1.txt 2>&1 &
old=$!
wait_for step-commit fenced-1.txt
ranks=$(pgrep -f "$mp2 pretrain small.yaml --set run=fenced " | while read -r p; do [ "$(cat "/proc/$p/comm")" = mp2 ] && echo "$p"; done)
# shellcheck disable=SC2086
kill -STOP $ranks
[ -e fenced/step-$steps ] && fail "the old epoch was too quick"
mv fenced/run.lock lock.old
# shellcheck disable=SC2086
mpi 2 -x MP2_LAUNCH_EPOCH=2 "$mp2" pretrain small.yaml --set run=fenced $options > fenced-2.txt 2>&1 || fail "the newer epoch: $(tail -5 fenced-2.txt)"
# shellcheck disable=SC2086
kill -CONT $ranks
wait $old
[ $? -eq 3 ] || fail "the old epoch: exit status $?, expected 3: $(tail -5 fenced-1.txt)"
grep -q "a newer epoch than 1 has taken the run over" fenced-1.txt || fail "the old epoch does not say why it ends: $(tail -5 fenced-1.txt)"
[ "$(sha fenced/latest/)" = "$want" ] || fail "fenced: another checkpoint"
[ "$(readlink fenced/latest)" = step-$steps ] || fail "latest is $(readlink fenced/latest)"
# shellcheck disable=SC2086
mpi 2 -x MP2_LAUNCH_EPOCH=1 "$mp2" pretrain small.yaml --set run=fenced $options > fenced-3.txt 2>&1
[ $? -eq 2 ] || fail "an epoch that is over is not refused"
"$mp2" checkpoint verify fenced > /dev/null || fail "fenced: not valid"
echo "ok an older epoch is fenced"

# One supervisor a run.
options="$options --set train.steps=100000"
launch twice
supervisor=$!
after twice 0 > /dev/null
# shellcheck disable=SC2086
"$mp2" launch --hosts hosts -- pretrain small.yaml --set run=twice $options > second.txt 2>&1
[ $? -eq 2 ] || fail "a second supervisor is not refused"
grep -q "in the hands of" second.txt || fail "a second supervisor: $(cat second.txt)"
"$mp2" stop twice > /dev/null || fail "stop"
wait "$supervisor" || fail "twice: $?"
echo "all as expected"

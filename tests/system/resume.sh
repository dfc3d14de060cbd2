#!/usr/bin/env bash
# kill -9 of any rank at any moment, then --resume with another number of workers: the checkpoint of an undisturbed run.
. "$(dirname "$0")/common.sh"
small_world
steps=60
options="--set train.steps=$steps --set checkpoint.every=7 --set eval.every=10 --set eval.rows=12 --set log=debug"

# shellcheck disable=SC2086
mpi 3 "$mp2" pretrain small.yaml --set run=whole $options > whole.txt 2>&1 || fail "whole: $(tail -5 whole.txt)"
want=$(sha whole/latest/)

for round in 0 1 2 3 4 5; do
    run="killed-$round"
    rank=$((round % 3))
    at=$((2 + 6 * round))
    words="pretrain small.yaml --set run=$run "
    # A machine may be too busy to kill it in time: once more then.
    while :; do
        # shellcheck disable=SC2086
        mpi 3 "$mp2" pretrain small.yaml --set run="$run" $options > "$run.txt" 2>&1 &
        kill_rank $rank 3 grep -q "step-commit step=$at " "$run.txt"
        [ -e "$run/step-$steps" ] || break
        rm -r "$run"
    done
    # shellcheck disable=SC2086
    mpi $((1 + round % 4)) "$mp2" pretrain small.yaml --set run="$run" $options --resume > "$run-again.txt" 2>&1 ||
        fail "$run resumed: $(tail -5 "$run-again.txt")"
    got=$(sha "$run/latest/")
    [ "$got" = "$want" ] || fail "round $round: killed rank $rank at step $at, resumed with $((1 + round % 4)) ranks: $got, expected $want"
    # Nothing twice and nothing missing in what a plot reads.
    [ "$(grep -c '"step":{"step":' "$run/metrics.jsonl")" = $steps ] || fail "$run/metrics.jsonl: $(grep -c '"step":{"step":' "$run/metrics.jsonl") steps, expected $steps"
    echo "ok round $round: rank $rank killed at step $at"
done

# An orderly stop loses nothing either.
# shellcheck disable=SC2086
mpi 2 "$mp2" pretrain small.yaml --set run=stopped $options > stopped.txt 2>&1 &
mpirun_pid=$!
wait_for step-commit stopped.txt
"$mp2" stop stopped || fail "mp2 stop"
wait $mpirun_pid || fail "a stopped run ends with $?"
grep -q "stopped in order" stopped.txt || fail "not stopped: $(tail -3 stopped.txt)"
# shellcheck disable=SC2086
mpi 3 "$mp2" pretrain small.yaml --set run=stopped $options > stopped-again.txt 2>&1 || fail "stopped, again"
[ "$(sha stopped/latest/)" = "$want" ] || fail "stopped and gone on: another checkpoint"
echo "all equal"

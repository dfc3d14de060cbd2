#!/usr/bin/env bash
# A real `mp2 pretrain`, watched while it runs, loses a worker and comes back; then replayed from its folder.
. "$(dirname "$0")/common.sh"
monitor=$(dirname "$mp2")/mp2-monitor
small_world
options="--set watch.listen=127.0.0.1:0 --set train.steps=100000 --set eval.every=10 --set eval.rows=12 --set checkpoint.every=20 --set log=debug"
jobs_pids=()
finish() { for pid in "${jobs_pids[@]}"; do kill "$pid" 2> /dev/null; done; wait; }
trap finish EXIT

# until COUNT PATTERN FILE: so many lines with the pattern while a job of the script's runs.
until_lines() {
    local running=1
    while [ -n "$running" ]; do
        running=$(jobs -pr)
        [ -e "$3" ] && [ "$(grep -c -- "$2" "$3")" -ge "$1" ] && return 0
        sleep 0.1
    done
    fail "all ended with fewer than $1 lines with $2 in $3: $(tail -3 "$3" 2>&1)"
}

grace=1   # mpirun's own default: time for the coordinator to say who died
# shellcheck disable=SC2086
mpi 3 "$mp2" pretrain small.yaml $options > first.txt 2>&1 &
first=$!
jobs_pids+=("$first")
wait_for step-commit first.txt
"$monitor" record --out recorded run > record.txt 2>&1 & jobs_pids+=($!)
"$monitor" watch --plain run > watch.txt 2>&1 & jobs_pids+=($!)
until_lines 2 '"router":{' recorded/metrics.jsonl
until_lines 2 '^eval dev' watch.txt
worker=$(grep -o '"worker":{"rank":2,[^}]*"pid":[0-9]*' run/metrics.jsonl | head -1 | grep -o '[0-9]*$')
# A worker that stands still is late, and is well again when it goes on. Within the writing of a checkpoint nobody waits for one
# answer: one that was stopped there goes on for a moment and is stopped again.
for _ in $(seq 6); do
    kill -STOP "$worker" || fail "no worker $worker"
    for _ in $(seq 150); do
        grep -q '"rank":2,"state":"LATE"' run/metrics.jsonl && break 2
        sleep 0.1
    done
    kill -CONT "$worker"
    sleep 0.2
done
until_lines 1 '"rank":2,"state":"LATE"' run/metrics.jsonl
kill -CONT "$worker"
until_lines 2 '"rank":2,"state":"WORKING"' run/metrics.jsonl
kill -9 "$worker" || fail "no worker $worker"
wait $first
until_lines 1 '"rank":2,"state":"LOST".*its process is gone' run/metrics.jsonl
# shellcheck disable=SC2086
mpi 2 "$mp2" pretrain small.yaml $options --resume > second.txt 2>&1 &
second=$!
jobs_pids+=("$second")
until_lines 1 '"tag":"resume"' recorded/metrics.jsonl
until_lines 1 '"rank":2,"state":"LOST"' recorded/metrics.jsonl
until_lines 1 '"rank":1,"state":"LEFT".*because worker 2 was lost' recorded/metrics.jsonl
until_lines 1 '"rank":2,"state":"LEFT".*went on with 1 workers' recorded/metrics.jsonl
grep -q '"rank":1,"state":"LOST"' run/metrics.jsonl && fail "worker 1 was not lost"
until_lines 3 '"router":{' recorded/metrics.jsonl
"$mp2" stop run || fail "stop"
wait $second || fail "a stopped run ends with $?"
until_lines 1 '"state":"STOPPED"' recorded/metrics.jsonl
# Fields that only the steps can fill.
grep '"step":{"step":' run/metrics.jsonl | grep -q '"accuracy":"NaN"' && fail "a step of unknown accuracy"
for field in '"accuracy":0\.[0-9]' '"bytes_sent":[1-9]' '"wait_seconds":[0-9.e-]*[1-9]' '"flops":[1-9]' '"gradient_norm":[0-9.e-]*[1-9]'; do
    grep '"step":{"step":' run/metrics.jsonl | grep -q "$field" || fail "no step with $field"
done
for field in '"memory":[1-9]' '"threads":1' '"columns":[1-9]' '"units":[1-9]' '"behind":[0-9.e-]*[1-9]'; do
    grep '"worker":{"rank":' recorded/metrics.jsonl | grep -q "$field" || fail "no worker with $field"
done
grep -q '"checkpoint":{"step":[0-9]*,"state":"COMPLETE",.*"bytes":[1-9]' run/metrics.jsonl || fail "a checkpoint of no bytes"
grep -q '"state":"REMOVED"' run/metrics.jsonl || fail "no checkpoint was removed"
grep -q '"task":{"task":"afqmc","steps":' run/metrics.jsonl || fail "no tally of a task"

# The finished run from its files alone.
"$monitor" watch --once run > replay.txt 2>&1 || fail "replay: $(cat replay.txt)"
grep -q 'run stopped' replay.txt || fail "replay does not say how the run ended: $(tail -2 replay.txt)"
"$monitor" record --once --out replayed run || fail "record of a finished run"
[ "$(grep -c '"step":{"step":' replayed/metrics.jsonl)" = "$(grep -c '"step":{"step":' run/metrics.jsonl)" ] || fail "a replay with other steps"
[ -s "$(echo replayed/events.out.tfevents.*)" ] || fail "no event file"
echo "watched, lost, resumed, replayed"

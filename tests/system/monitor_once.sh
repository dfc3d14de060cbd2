#!/usr/bin/env bash
# --once ends when everything known was read: of a run that goes on, by folder and by address, of one that was killed, of one that
# is over. What a run is doing is in its metrics file while it does it.
. "$(dirname "$0")/common.sh"
build=$(dirname "$mp2")
monitor=$build/mp2-monitor
pids=()
finish() { for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null; done; wait; }
trap finish EXIT

# lines FILE WORD: how many lines of a file, which need not be there, have the word
lines() {
    local n
    n=$(grep -c "$2" "$1" 2> /dev/null)
    echo "${n:-0}"
}

# A run that is over has one last line, not one every five seconds; evaluations that do not compete have no best.
"$build/tests/play" over steps=60 rate=1000 tasks=2 eval=50 listen=127.0.0.1:0 > over.txt 2>&1 || fail "play: $(cat over.txt)"
timeout 12 "$monitor" watch --plain over > over.txt 2>&1 & over=$!

"$build/tests/play" run steps=100000 rate=50 tasks=5 eval=50 listen=127.0.0.1:0 > play.txt 2>&1 & pids+=($!)
while [ -n "$(jobs -pr)" ] && [ "$(lines run/metrics.jsonl '"step":{')" -lt 100 ]; do sleep 0.1; done
for source in run "$(sed 's|^tcp://||' run/stream)"; do
    rm -rf recorded
    known=$(lines run/metrics.jsonl '"step":{')
    timeout 60 "$monitor" record --once --out recorded "$source" > once.txt 2>&1 || fail "record --once $source: $? $(cat once.txt)"
    [ "$(lines recorded/metrics.jsonl '"step":{')" -ge "$known" ] || fail "$source: $(lines recorded/metrics.jsonl '"step":{') of $known steps"
    [ "$(find recorded -name "*tfevents*" | wc -l)" = 1 ] || fail "$source: $(ls recorded)"
    timeout 60 "$monitor" watch --once --plain "$source" > once.txt 2>&1 || fail "watch --once $source: $?"
    grep -q "^run .*/100000 loss " once.txt || fail "watch --once $source: $(cat once.txt)"
    echo "ok $source"
done
[ -n "$(jobs -pr)" ] || fail "the run was over before it was looked at: $(cat play.txt)"
kill -9 "${pids[0]}"
wait "${pids[0]}" 2> /dev/null
[ -s run/stream ] || fail "a killed run leaves the name of its stream"
rm -rf recorded
timeout 60 "$monitor" record --once --out recorded run > once.txt 2>&1 || fail "record --once of a killed run: $? $(cat once.txt)"
[ "$(lines recorded/metrics.jsonl '"step":{')" -ge 100 ] || fail "of a killed run: $(wc -l recorded/metrics.jsonl)"
for command in "record --out nobody" watch; do
    # shellcheck disable=SC2086
    timeout 60 "$monitor" $command --once 127.0.0.1:9 > once.txt 2>&1
    [ $? = 2 ] && grep -q "no publisher answers there" once.txt || fail "$command --once where nobody is: $(cat once.txt)"
done
"$monitor" watch --once run <&- >&- 2>&- ; [ $? != 124 ] || fail "closed descriptors"
echo "ok a killed one, and nobody"

# An evaluation that takes its time is said when it begins.
small_world
awk 'BEGIN {split("丁 丂 七 丄 丅 丆 万 丈 三 上", c, " "); for (i = 0; i < 20000; i++) {
    t = ""; for (k = i; k > 0; k = int(k / 10)) t = t c[k % 10 + 1] c[(k + 3) % 10 + 1]; print t "\t" t c[i % 7 + 1] "\t" i % 2}}' > raw/AFQMC/dev.txt
"$mp2" data import --raw raw --data data --vocab vocab.txt --catalogue "$top/configs/tasks" > import.txt 2>&1 || fail "import: $(cat import.txt)"
"$mp2" pretrain small.yaml --set run=long --set tasks=afqmc --set train.batch=4 --set train.steps=3 --set eval.every=1 > long.txt 2>&1 & pids=($!)
seen=0
while [ $seen = 0 ] && [ -n "$(jobs -pr)" ]; do
    scores=$(lines long/metrics.jsonl '"eval":{')       # read first: what is evaluated meanwhile does not count
    [ "$(lines long/metrics.jsonl '"state":"EVALUATING"')" -gt "$scores" ] && [ "$(lines long/metrics.jsonl '"eval":{')" = "$scores" ] && seen=1
done
[ $seen = 1 ] || fail "EVALUATING was not in the file before the evaluation was over: $(tail -3 long.txt)"
echo "ok an evaluation under way"

wait $over
[ "$(lines over.txt '^over .*60/60')" = 1 ] && [ "$(lines over.txt nan)" = 0 ] || fail "a run that is over: $(cat over.txt)"
echo "ok one that is over"

#!/usr/bin/env bash
# mp2 doctor: a line a topic for every rank, and advice where something is wrong.
. "$(dirname "$0")/common.sh"
"$mp2" doctor . > alone.txt 2>&1 || fail "doctor: $(cat alone.txt)"
for topic in cpu rates cores mpi /dev/shm limits folder clock; do
    [ "$(grep -cE "^  (ok|look) +$topic " alone.txt)" = 1 ] || fail "no line on $topic: $(cat alone.txt)"
done
[ -z "$(find . -name 'mp2-doctor-*')" ] || fail "left behind: $(ls)"
mpi 3 "$mp2" doctor . > three.txt 2> three.err || fail "three ranks: $(cat three.txt three.err)"
[ "$(grep -c '^rank [012] of 3 on ' three.txt)" = 3 ] || fail "three ranks: $(cat three.txt)"
[ "$(grep -cE '^  (ok|look) +rates ' three.txt)" = 3 ] || fail "rates of three ranks: $(cat three.txt)"
[ "$(tail -n 1 three.txt)" = "$(grep -c '^  look' three.txt) to look at" ] || fail "sum: $(cat three.txt)"
echo "ok lines"

"$mp2" doctor nowhere > nowhere.txt 2>&1 || fail "a folder that is not there: $(cat nowhere.txt)"
grep -qE '^  look +folder +nowhere: No such file' nowhere.txt || fail "a folder that is not there: $(cat nowhere.txt)"
MP2_MAX_ISA=avx2 "$mp2" doctor . > less.txt 2>&1 || fail "MP2_MAX_ISA: $(cat less.txt)"
grep -qE '^  look +cpu .*kernels avx2, products bf16 no, int8 no: MP2_MAX_ISA is set' less.txt || fail "MP2_MAX_ISA: $(cat less.txt)"
(ulimit -f 100000 && "$mp2" doctor . > limits.txt 2>&1)
grep -qE '^  look +limits ' limits.txt || fail "a limit of file sizes: $(cat limits.txt)"
echo "ok advice"

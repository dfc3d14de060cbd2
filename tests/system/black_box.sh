#!/usr/bin/env bash
# Black-box tuning: the same tuned file and curve, byte for byte, on 1, 2 and 4 ranks, with other threads, parts and whole numbers; a killed
# run goes on from its journal to the same bytes; deep and shallow; the reference's choices give other results and run through.
. "$(dirname "$0")/common.sh"
small_world
# Modules that differ from the start, so that a search among them finds something.
sed -i 's/^  modules: 4/  modules: 4\n  module_start: 0.1/' small.yaml
mpi 2 "$mp2" pretrain small.yaml > pretrain.txt 2>&1 || fail "pretrain: $(tail -5 pretrain.txt)"
mpi 2 "$mp2" pretrain small.yaml --set run=shallow --set prompt.depth=shallow > pretrain2.txt 2>&1 || fail "pretrain: $(tail -5 pretrain2.txt)"
cat > tune.yaml << YAML
model: model
data: data
prompts: run
tasks: [afqmc]
methods: [black-box]
seeds: [8]
black_box:
  router_evaluations: 24
  router_random: 14
  router_check: 4
  population: 6
  evaluations: 130
  check: 25
machine:
  threads: 1
  precision: $precision
watch:
  listen: ""
YAML
cell=cells/afqmc/black-box/8

# tune NAME RANKS [options]
tune() { mpi "$2" "$mp2" tune tune.yaml --set run="$1" "${@:3}" > "$1.txt" 2>&1 || fail "$1: $(tail -5 "$1.txt")"; }

# same A B: tuned file and curve are the same bytes.
same() {
    local f
    for f in tuned.safetensors tuned.json curve.jsonl; do
        cmp -s "$1/$cell/$f" "$2/$cell/$f" || fail "$f differs between $1 and $2"
    done
    echo "ok $2"
}

tune one 1
tune two 2 --set machine.threads=2
tune four 4 --set machine.unit_memory=2M
same one two
same one four
[ "$(grep -c '"stage":"router"' one/$cell/curve.jsonl)" -ge 2 ] || fail "no looks at dev in stage router"
[ "$(grep -c '"stage":"prompt"' one/$cell/curve.jsonl)" -ge 4 ] || fail "no looks at dev in stage prompt"
grep -q '"evaluations": 144' one/$cell/result.json || fail "evaluations: $(grep evaluations one/$cell/result.json)"
[ ! -e one/$cell/journal ] || fail "the journal of a finished cell is still there"

# Done is done: nothing is computed again.
tune one 1 || exit 1
grep -q '"evaluations": 144' one/$cell/result.json || fail "a cached cell lost its result"

# Killed at several places, by what the curve says; each time it goes on with other ranks.
for lines in 2 5 8; do
    run=killed-$lines
    "$mp2" tune tune.yaml --set run=$run > $run.txt 2>&1 &
    pid=$!
    while kill -0 $pid 2> /dev/null && [ "$(cat $run/$cell/curve.jsonl 2> /dev/null | wc -l)" -lt $lines ]; do sleep 0.02; done
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    [ -e $run/$cell/result.json ] && fail "$run had ended before it could be killed"
    # Not with another BLAS kernel: the search would go elsewhere.
    core=Prescott
    grep -qi $core $run/$cell/made_with.json && core=Haswell
    for n in 1 2; do
        before=$(cat $run/$cell/curve.jsonl $run/$cell/journal/* | sha256sum)
        OPENBLAS_CORETYPE=$core mpi $n "$mp2" tune tune.yaml --set run=$run > other.txt 2>&1
        [ $? = 2 ] || fail "gone on with another kernel of the BLAS: $(tail -3 other.txt)"
        [ "$(grep -c "^mp2: $run/$cell: cannot be resumed exactly: .*OpenBLAS.*here it would be .*OpenBLAS.*$core.*" other.txt)" = 1 ] || fail "$(cat other.txt)"
        [ "$(cat $run/$cell/curve.jsonl $run/$cell/journal/* | sha256sum)" = "$before" ] || fail "a refused cell was changed"
    done
    tune $run 2
    [ ! -e $run/$cell/made_with.json ] || fail "made_with.json of a finished cell is still there"
    same one $run
done

# Stopped when asked: exit status 0, and later the same bytes.
"$mp2" tune tune.yaml --set run=stopped > stopped.txt 2>&1 &
pid=$!
while kill -0 $pid 2> /dev/null && [ "$(cat stopped/$cell/curve.jsonl 2> /dev/null | wc -l)" -lt 3 ]; do sleep 0.02; done
kill -USR1 $pid
wait $pid || fail "a run that was asked to stop: exit status $?"
[ -e stopped/$cell/result.json ] && fail "it had ended before it could be stopped"
tune stopped 1
same one stopped

# A journal of another configuration is not gone on from; a damaged one is said.
"$mp2" tune tune.yaml --set run=other --set black_box.sigma=0.3 > other.txt 2>&1 &
pid=$!
while kill -0 $pid 2> /dev/null && [ "$(cat other/$cell/curve.jsonl 2> /dev/null | wc -l)" -lt 3 ]; do sleep 0.02; done
kill -9 $pid
wait $pid 2> /dev/null
rm -rf other/config.resolved.yaml
tune other 1
same one other
grep -q search-anew other.txt || fail "nothing said about the other journal: $(cat other.txt)"

# What changes the result, and what does not stop it.
tune reference 2 --set reference.choice=true
cmp -s one/$cell/tuned.safetensors reference/$cell/tuned.safetensors && fail "the reference's choices changed nothing"
tune all-1 1 --set train.loss=all
tune all-4 4 --set reference.loss=true --set machine.unit_memory=2M
same all-1 all-4
cmp -s one/$cell/tuned.safetensors all-1/$cell/tuned.safetensors && fail "a loss over other tokens changed nothing"
if "$mp2" tune tune.yaml --set run=int8-1 --set machine.precision=int8 > int8-1.txt 2>&1; then
    tune int8-4 4 --set machine.precision=int8 --set machine.unit_memory=2M
    same int8-1 int8-4
    cmp -s one/$cell/tuned.safetensors int8-1/$cell/tuned.safetensors && fail "int8 changed nothing"
    for n in 1 3; do
        mpi "$n" "$mp2" tune tune.yaml --set run=int8-gradient-$n --set methods=gradient,prompt --set machine.precision=int8 \
            --set router.epochs=2 --set gradient.epochs=3 --set prompt.epochs=2 --set log=info > "int8-gradient-$n.txt" 2>&1 ||
            fail "int8, gradient: $(tail -5 "int8-gradient-$n.txt")"
        [ "$(grep -c 'int8-check int8 on' "int8-gradient-$n.txt")" = 1 ] || fail "int8 was not compared: $(cat "int8-gradient-$n.txt")"
    done
    cell_gradient=${cell/black-box/gradient}
    cmp "int8-gradient-1/$cell_gradient/tuned.safetensors" "int8-gradient-3/$cell_gradient/tuned.safetensors" || fail "int8: another file on three ranks"
else
    grep -q 'no AVX-512 VNNI' int8-1.txt || fail "int8: $(tail -5 int8-1.txt)"
    echo "skipped: this CPU has no AVX-512 VNNI [int8]"
fi
tune shallow-1 1 --set prompts=shallow
tune shallow-4 4 --set prompts=shallow
same shallow-1 shallow-4
"$mp2" tune tune.yaml --set run=bad --set black_box.population=2 > bad.txt 2>&1
[ $? = 2 ] || fail "a population of 2 was taken"
echo "all equal"

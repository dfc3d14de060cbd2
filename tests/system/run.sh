#!/usr/bin/env bash
# `mp2 run` starts mpirun with what the installed version wants to be told, and leaves the user's own words and variables alone; it
# is mpirun that then gets the signals and gives the status.
. "$(dirname "$0")/common.sh"
small_world
unset OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM HWLOC_COMPONENTS PMIX_MCA_gds

# More ranks than cores, root or not: what one process computes, and nothing on standard error but mp2's bar.
"$mp2" pretrain small.yaml --set run=one > one.txt 2>&1 || fail "one process: $(cat one.txt)"
ranks=$(($(nproc) + 3))
"$mp2" run -n $ranks pretrain small.yaml --set run=many > many.txt 2> many.err || fail "mp2 run: $? $(cat many.txt many.err)"
[ "$(sha many/latest/)" = "$(sha one/latest/)" ] || fail "mp2 run: another checkpoint"
grep -vq "^\(\r\|pretrain: \)" many.err && fail "mp2 run says: $(cat many.err)"
grep -q '"workers":'$((ranks - 1)) many/metrics.jsonl || fail "mp2 run -n $ranks: $(head -1 many/metrics.jsonl)"
echo "ok $ranks ranks"

# Not bound to one core: as many cores as this shell has.
"$mp2" run -n 2 pretrain small.yaml --set run=bound --set train.steps=1000000 > bound.txt 2>&1 &
job=$!
while kill -0 $job 2> /dev/null && ! grep -q '"step":{' bound/metrics.jsonl 2> /dev/null; do sleep 0.05; done
for p in $(pgrep -P $job); do
    grep -q "$(grep Cpus_allowed_list /proc/$$/status)" "/proc/$p/status" || fail "bound: $(grep Cpus_allowed_list "/proc/$p/status")"
done
kill -USR1 $job
wait $job || fail "SIGUSR1 to mp2 run: status $? $(tail -3 bound.txt)"
grep -q "stopped in order" bound.txt || fail "SIGUSR1 to mp2 run: $(tail -3 bound.txt)"
"$mp2" run -n 2 pretrain nothing.yaml > status.txt 2>&1
[ $? = 2 ] || fail "the status of the command is lost: $(cat status.txt)"
echo "ok signals and status"

# What mpirun is told, by one that says so.
mkdir bin
cat > bin/mpirun << 'END'
#!/bin/sh
printf '%s\n' "$*"
env | grep -E '^(OMPI|PRTE)_' | sort
exit 7
END
chmod +x bin/mpirun
# told WORDS EXPECTED: the words that mpirun gets, mp2 in place of its path
told() {
    # shellcheck disable=SC2086
    PATH=$PWD/bin:$PATH "$mp2" run $1 > told.txt 2>&1
    [ $? = 7 ] || fail "mp2 run $1: $(cat told.txt)"
    [ "$(head -1 told.txt | sed "s|$(realpath "$mp2")|mp2|")" = "$2" ] || fail "mp2 run $1: $(head -1 told.txt), expected $2"
}
told "-n 3 pretrain a.yaml --set run=x" "-n 3 mp2 pretrain a.yaml --set run=x"
told "--hostfile tune -n 2 -- pretrain a.yaml" "--hostfile tune -n 2 mp2 pretrain a.yaml"
told "pretrain run" "mp2 pretrain run"
SLURM_NTASKS=4 told "--bind-to core pretrain a.yaml" "--bind-to core -n 5 mp2 pretrain a.yaml"
SLURM_NTASKS=4 told "--np 2 pretrain a.yaml" "--np 2 mp2 pretrain a.yaml"
OMPI_MCA_hwloc_base_binding_policy=core PRTE_MCA_hwloc_default_binding_policy=core told "-n 1 mlm" "-n 1 mp2 mlm"
grep -q "binding_policy=none" told.txt && fail "the user's variables were replaced: $(cat told.txt)"
grep -q "binding_policy=core" told.txt || fail "the user's variables are gone: $(cat told.txt)"
for words in "" "--" "-n 3" "-n 3 nothing" "run -n 3 pretrain" "-- run pretrain"; do
    # shellcheck disable=SC2086
    PATH=$PWD/bin:$PATH "$mp2" run $words > told.txt 2>&1
    [ $? = 2 ] && grep -q "expected mp2 run" told.txt || fail "mp2 run $words: $(cat told.txt)"
done
PATH=$PWD "$mp2" run -n 3 pretrain a.yaml > told.txt 2>&1
[ $? = 1 ] && grep -q "mpirun cannot be started" told.txt || fail "without mpirun: $(cat told.txt)"
echo "ok what mpirun is told"

#!/usr/bin/env bash
# machine.precision: auto times what the CPUs have, says and records what it chose, and a run that goes on keeps it.
. "$(dirname "$0")/common.sh"
small_world
sed -i '/precision:/d' small.yaml
both=$(grep -c -m1 avx512_bf16 /proc/cpuinfo)
chosen() { sed -n 's/^# machine.precision: auto is \(f32\|bf16\)\(:.*\)\?$/\1/p' "$1/config.resolved.yaml"; }
used() { grep -o '"precision":"[^"]*"' "$1/metrics.jsonl" | tail -1 | cut -d'"' -f4; }

mpi 3 "$mp2" pretrain small.yaml --set run=auto --set train.steps=4 > auto.txt 2> auto.err || fail "auto: $(cat auto.err)"
precision=$(chosen auto)
[ -n "$precision" ] && [ "$(used auto)" = "$precision" ] || fail "auto: $(tail -1 auto/config.resolved.yaml), used $(used auto)"
grep -q '"event":{.*"tag":"precision","text":"'"$precision" auto/metrics.jsonl || fail "auto: no event: $(grep '"event"' auto/metrics.jsonl)"
if [ "$both" = 1 ]; then
    for file in auto.err auto/config.resolved.yaml auto/metrics.jsonl; do
        grep -q "$precision: [0-9]* GFLOP/s a worker (b\?f[0-9]*: [0-9]*)" $file || fail "no figures in $file: $(cat auto.err)"
    done
    [ "$(grep -c "GFLOP/s" auto.err)" = 1 ] || fail "said more than once: $(cat auto.err)"
else
    [ "$precision" = f32 ] || fail "$precision without AVX-512 BF16"
fi
echo "ok auto is $precision"

# The bits are those of the precision that was chosen; what is recorded is kept, with its figures, whatever is faster now.
mpi 2 "$mp2" pretrain small.yaml --set run=named --set train.steps=4 --set machine.precision="$precision" > named.txt 2>&1 || fail "named: $(cat named.txt)"
[ "$(sha auto/latest | cut -c1-64)" != "" ] || fail "no checkpoint"
sum() { sha256sum < "$1/latest/prompts.safetensors"; }
[ "$(sum auto)" = "$(sum named)" ] || fail "auto and $precision: other prompts"
for kept in f32 bf16; do
    [ $kept = f32 ] || [ "$both" = 1 ] || continue
    for command in pretrain tune; do
        run=$command-$kept
        mkdir "$run"
        note="# machine.precision: auto is $kept: 7 GFLOP/s a worker (other: 8)"
        echo "$note" > "$run/config.resolved.yaml"
        case $command in
        pretrain) mpi 2 "$mp2" pretrain small.yaml --set run="$run" > "$run.txt" 2>&1 ;;
        tune) mpi 2 "$mp2" tune --run "$run" --model model --data data --prompts auto --tasks afqmc --methods zero-shot --seeds 8 --k 4 > "$run.txt" 2>&1 ;;
        esac || fail "$run: $(cat "$run.txt")"
        [ "$(used "$run")" = $kept ] || fail "$run: computed with $(used "$run")"
        if [ "$both" = 1 ]; then [ "$(tail -1 "$run/config.resolved.yaml")" = "$note" ] || fail "$run: $(tail -1 "$run/config.resolved.yaml")"; fi
        grep -q "GFLOP/s" "$run.txt" && fail "$run: measured again: $(cat "$run.txt")"
    done
    mpi 3 "$mp2" evaluate pretrain-$kept dev > evaluate.txt 2>&1 || fail "evaluate: $(cat evaluate.txt)"
    grep -q "GFLOP/s" evaluate.txt && fail "evaluate measured again: $(cat evaluate.txt)"
done
echo "ok what is recorded is kept"

# A run from before there was a record: bf16 where the CPUs have it.
mkdir old
echo "run: old" > old/config.resolved.yaml
"$mp2" pretrain small.yaml --set run=old --set train.steps=4 > old.txt 2>&1 || fail "old: $(cat old.txt)"
[ "$both" = 0 ] || [ "$(used old)" = bf16 ] || fail "a run from before: $(used old)"
echo "ok a run from before"

#!/usr/bin/env bash
# The trajectory is a function of configuration, seed, data and encoder alone: the same checkpoint, byte for byte, for any
# number of workers, threads, examples a unit; and after kill -9 of any rank and resuming with another number of
# workers; with the loss over answers (batches of 27) and over all tokens (of 32); in int8.
. "$(dirname "$0")/common.sh"
small_world

# one NAME RANKS [options]: the sha256 of the last checkpoint of a fresh run.
one() {
    local name=$1 ranks=$2
    shift 2
    mpi "$ranks" "$mp2" pretrain small.yaml --set run="$name" "$@" > "$name.txt" 2>&1 || fail "$name: $(tail -5 "$name.txt")"
    sha "$name/latest/"
}

# same NAME RANKS WANT [options]
same() {
    local got
    got=$(one "$1" "$2" "${@:4}") || exit 1
    [ "$got" = "$3" ] || fail "$1 ($2 ranks, ${*:4}): $got, expected $3"
    echo "ok $1 $2 ranks ${*:4}"
}

# same_killed NAME RANK WANT [options]: RANK of 3 is killed on the way, then the run goes on with 4.
same_killed() {
    local name=$1 rank=$2 words="pretrain small.yaml --set run=$1 "
    mpi 3 "$mp2" pretrain small.yaml --set run="$name" --set checkpoint.every=20 --set log=debug "${@:4}" > "$name.txt" 2>&1 &
    kill_rank "$rank" 3 grep -q 'step-commit step=25 ' "$name.txt" && fail "$name: a killed run ended well"
    [ -e "$name/step-50" ] && fail "$name was not killed in time"
    same "$name" 4 "$3" "${@:4}" --set checkpoint.every=20 --resume
}

precisions="f32"
grep -q avx512_bf16 /proc/cpuinfo && precisions="f32 bf16"
for precision in $precisions; do
    for batch in 27 32; do
        p="--set machine.precision=$precision --set train.batch=$batch --set train.steps=50"
        [ $batch = 32 ] && p="$p --set train.loss=all"
        # shellcheck disable=SC2086
        want=$(one "$precision-$batch" 1 $p) || exit 1
        # shellcheck disable=SC2086
        {
            same "$precision-$batch-2" 2 "$want" $p --set machine.unit_examples=1 --set machine.threads=2
            same "$precision-$batch-3" 3 "$want" $p --set machine.unit_examples=8 --set machine.threads=2
            same "$precision-$batch-4" 4 "$want" $p --set machine.unit_memory=2M
            same "$precision-$batch-6" 6 "$want" $p --set machine.unit_examples=8
            same_killed "$precision-$batch-killed" $((batch % 3)) "$want" $p
        }
    done
done
if grep -q avx512_vnni /proc/cpuinfo; then
    p="--set machine.precision=int8 --set train.steps=50"
    # shellcheck disable=SC2086
    want=$(one int8 1 $p) || exit 1
    # shellcheck disable=SC2086
    {
        same int8-2 2 "$want" $p --set machine.unit_examples=1 --set machine.threads=2
        same int8-3 3 "$want" $p --set machine.threads=2
        same int8-5 5 "$want" $p --set machine.unit_memory=2M
        same_killed int8-killed 1 "$want" $p
    }
    grep -q '"precision":"int8"' int8/metrics.jsonl || fail "int8: $(head -1 int8/metrics.jsonl)"
    [ "$(grep -c '"tag":"int8-check"' int8/metrics.jsonl)" = 1 ] || fail "int8 was not compared: $(head -5 int8/metrics.jsonl)"
    mpi 2 "$mp2" pretrain small.yaml --set run=int8 --set machine.precision=f32 --set train.steps=60 > other.txt 2>&1
    [ $? = 2 ] && grep -q 'int8' other.txt || fail "a run in int8 went on in f32: $(cat other.txt)"
else
    echo "skipped: this CPU has no AVX-512 VNNI [int8]"
fi
DNNL_MAX_CPU_ISA=AVX2 mpi 2 "$mp2" pretrain small.yaml --set run=none --set machine.precision=int8 > none.txt 2>&1
[ $? = 2 ] && grep -q 'AVX-512 VNNI' none.txt || fail "int8 without VNNI: $(cat none.txt)"
"$mp2" tune --run none --model model --data data --prompts f32-27 --tasks afqmc --methods full --machine.precision int8 > none.txt 2>&1
[ $? = 2 ] && grep -q 'method full trains them' none.txt || fail "method full in int8: $(cat none.txt)"
[ "$(sha f32-27/latest/)" != "$(sha f32-32/latest/)" ] || fail "another batch gave the same checkpoint"

# So are the figures of every step, replayed ones too.
norms() { sed -n 's/.*"step":{"step":\([0-9]*\),.*"gradient_norm":\([0-9.e+-]*\).*/\1 \2/p' "$1/metrics.jsonl"; }
[ "$(norms f32-27 | awk '$2 > 0' | wc -l)" = 50 ] || fail "steps without a gradient's norm: $(norms f32-27)"
for other in f32-27-6 f32-27-killed; do
    diff <(norms f32-27) <(norms $other) || fail "$other: other norms"
done

# Several groups a step, shallow prompts, padding attended, idle rows; gates at their means, modules that differ from the start.
o="--set train.groups=2 --set prompt.depth=shallow --set reference.padding=true --set reference.idle_rows=true"
# shellcheck disable=SC2086
want=$(one groups 1 $o) || exit 1
# shellcheck disable=SC2086
same groups-4 4 "$want" $o
o="--set train.steps=50 --set train.gate_noise=false --set prompt.module_start=0.1 --set prompt.router_start=6 --set prompt.router_centre=-4"
# shellcheck disable=SC2086
want=$(one means 2 $o) || exit 1
# shellcheck disable=SC2086
same_killed means-killed 1 "$want" $o

# A task's gradient by its own size, several tasks a step, modules of its own, two heads: sizes are in checkpoints, and what the
# journal has is enough to go on with them. Without them these options say nothing.
o="--set train.steps=50 --set train.groups=2 --set train.balance=true --set prompt.own_modules=2 --set prompt.router_centre=3 --set prompt.heads=kinds"
# shellcheck disable=SC2086
want=$(one balance 1 $o) || exit 1
for ranks in 2 3 5; do
    # shellcheck disable=SC2086
    same "balance-$ranks" "$ranks" "$want" $o
done
# shellcheck disable=SC2086
same_killed balance-killed 2 "$want" $o
# shellcheck disable=SC2086
[ "$want" != "$(one unbalanced 2 $o --set train.balance=false)" ] || fail "train.balance changed nothing"
# shellcheck disable=SC2086
[ "$want" != "$(one one-head 2 $o --set prompt.heads=one)" ] || fail "prompt.heads changed nothing"

# A seen task starts its tuning with the head of its kind: untuned, its loss is the run's own.
"$mp2" evaluate balance-2 test > balance-scores.txt 2>&1 || fail "evaluate with two heads: $(tail -3 balance-scores.txt)"
printf 'run: tuned\nmodel: model\ndata: data\nprompts: balance-2\n' > tune.yaml
"$mp2" tune tune.yaml --set tasks=ccpm,cmrc2018 --set methods=zero-shot --set seeds=8 --set k=3 > tune.txt 2>&1 ||
    fail "tune with two heads: $(tail -3 tune.txt)"
for task in ccpm cmrc2018; do
    loss=$(awk -v task=$task '$1 == task { print $5 }' balance-scores.txt)
    got=$(sed -n 's/.*"test_loss": \([0-9.]*\),.*/\1/p' "tuned/cells/$task/zero-shot/8/result.json" | xargs printf %.3f)
    [ "$got" = "$loss" ] || fail "$task with two heads: a loss of $got untuned, expected $loss"
done

# The head stands still without a rate of its own, and goes its own way with another one; all else is trained with either.
moved() { "$mp2" checkpoint diff "$1" "$2" | grep -oE '^(A|z|router|head.weight):' | sort | tr -d '\n'; }
one still-1 1 --set train.head_factor=0 --set train.steps=1 > /dev/null || exit 1
want=$(one still 1 --set train.head_factor=0) || exit 1
same still-3 3 "$want" --set train.head_factor=0
[ "$(moved still-1 still)" = "A:router:z:" ] || fail "head_factor 0: $(moved still-1 still) moved"
one fast-1 1 --set train.head_factor=3 --set train.steps=1 > /dev/null || exit 1
[ "$(moved still-1 fast-1)" = "head.weight:" ] || fail "head_factor 3, one step: $(moved still-1 fast-1) differ"

# So does A.
want=$(one fixed 1 --set train.projection_factor=0) || exit 1
same fixed-4 4 "$want" --set train.projection_factor=0
one fixed-1 1 --set train.projection_factor=0 --set train.steps=1 > /dev/null || exit 1
[ "$(moved fixed-1 fixed)" = "head.weight:router:z:" ] || fail "projection_factor 0: $(moved fixed-1 fixed) moved"
one slow-1 3 --set train.projection_factor=0.5 --set train.steps=1 > /dev/null || exit 1
[ "$(moved fixed-1 slow-1)" = "A:" ] || fail "projection_factor 0.5, one step: $(moved fixed-1 slow-1) differ"

# What losses are over changes the result. The reference's loss is that over all tokens, to the byte; such a run goes on
# with that loss alone.
want=$(one all 1 --set train.loss=all --set train.steps=50) || exit 1
same reference-loss 3 "$want" --set reference.loss=true --set train.steps=50
[ "$want" != "$(one answers 2 --set train.steps=50)" ] || fail "a loss over answers gave the same checkpoint"
one stops 2 --set reference.loss=true --set train.steps=20 > /dev/null || exit 1
mpi 2 "$mp2" pretrain small.yaml --set run=stops --set train.steps=50 > stops.txt 2>&1
[ $? = 2 ] || fail "another loss: $(cat stops.txt)"
grep -q 'over all tokens; it goes on with train.loss: all' stops.txt || fail "another loss: $(cat stops.txt)"
same stops 3 "$want" --set train.loss=all --set train.steps=50

# Scores do not depend on who computes them either.
mpi 1 "$mp2" evaluate f32-27 dev > scores-1.txt 2>&1 || fail "evaluate on one rank: $(tail -3 scores-1.txt)"
mpi 4 "$mp2" evaluate f32-27/latest dev > scores-4.txt 2>&1 || fail "evaluate on four ranks: $(tail -3 scores-4.txt)"
[ "$(grep -cE ' (accuracy|f1)$' scores-1.txt)" = 3 ] || fail "no table: $(cat scores-1.txt)"
diff <(grep -E 'accuracy|f1|mean' scores-1.txt) <(grep -E 'accuracy|f1|mean' scores-4.txt) || fail "other scores on other ranks"
echo "all equal"

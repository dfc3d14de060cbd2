#!/usr/bin/env bash
# An LSTM between modules and prompts: the same checkpoint, byte for byte, for any number of workers, after kill -9 and resuming
# with another number; scores as the run's own; every command that does not compute it refuses such prompts by name.
. "$(dirname "$0")/common.sh"
small_world

# one NAME RANKS [options]: the sha256 of the last checkpoint of a fresh run.
one() {
    local name=$1 ranks=$2
    shift 2
    mpi "$ranks" "$mp2" pretrain small.yaml --set run="$name" "$@" > "$name.txt" 2>&1 || fail "$name: $(tail -5 "$name.txt")"
    sha "$name/latest/"
}

o=(--set train.steps=50 --set train.rate=5e-3 --set prompt.encoder=lstm)
many=("${o[@]}" --set train.groups=2 --set train.balance=true --set prompt.depth=shallow --set prompt.heads=kinds)
want=$(one lstm 1 "${o[@]}") || exit 1
several=$(one groups 1 "${many[@]}") || exit 1
for ranks in 2 3 5; do
    got=$(one "lstm-$ranks" "$ranks" "${o[@]}") || exit 1
    [ "$got" = "$want" ] || fail "$ranks ranks: $got, expected $want"
    got=$(one "groups-$ranks" "$ranks" "${many[@]}") || exit 1
    [ "$got" = "$several" ] || fail "$ranks ranks, several groups: $got, expected $several"
    echo "ok $ranks ranks"
done

# killed NAME RANK WANT [options]: RANK of 3 is killed on the way, after step 25 and a checkpoint at 20; then on with 4.
killed() {
    local name=$1 rank=$2 want=$3 got words="pretrain small.yaml --set run=$1 "
    shift 3
    mpi 3 "$mp2" pretrain small.yaml --set run="$name" --set checkpoint.every=20 --set log=debug "$@" > "$name.txt" 2>&1 &
    kill_rank "$rank" 3 grep -q 'step-commit step=25 ' "$name.txt" && fail "$name: a killed run ended well"
    [ -e "$name/step-50" ] && fail "$name was not killed in time"
    got=$(one "$name" 4 "$@" --set checkpoint.every=20 --resume) || exit 1
    [ "$got" = "$want" ] || fail "$name: $got, expected $want"
    echo "ok killed: $name"
}
killed lstm-killed 1 "$want" "${o[@]}"
killed groups-killed 0 "$several" "${many[@]}"

# The figures of every step, replayed ones too.
norms() { sed -n 's/.*"step":{"step":\([0-9]*\),.*"gradient_norm":\([0-9.e+-]*\).*/\1 \2/p' "$1/metrics.jsonl"; }
[ "$(norms lstm | awk '$2 > 0' | wc -l)" = 50 ] || fail "steps without a gradient's norm: $(norms lstm)"
diff <(norms lstm) <(norms lstm-killed) || fail "other norms when replayed"
diff <(norms groups) <(norms groups-killed) || fail "other norms when replayed, several groups"

# It takes part: all of it moves, and what is learned is not what is learned without. As it starts it changes nothing.
[ "$want" != "$(one none 2 "${o[@]}" --set prompt.encoder=none)" ] || fail "prompt.encoder changed nothing"
loss() { sed -n 's/.*"step":{"step":1,"phase":"","loss":\([0-9.]*\),"accuracy.*/\1/p' "$1/metrics.jsonl"; }
[ -n "$(loss none)" ] && [ "$(loss none)" = "$(loss lstm)" ] || fail "first losses: $(loss none) and $(loss lstm)"
one lstm-1 1 "${o[@]}" --set train.steps=1 > /dev/null || exit 1
moved=$("$mp2" checkpoint diff lstm-1 lstm | grep -oE '^encoder\.lstm:')
[ "$moved" = "encoder.lstm:" ] || fail "the LSTM did not move: $("$mp2" checkpoint diff lstm-1 lstm)"

# A checkpoint is scored with it: on any number of ranks as at the end of the run.
"$mp2" evaluate lstm dev > one.txt 2>&1 || fail "evaluate: $(tail -3 one.txt)"
mpi 3 "$mp2" evaluate lstm-2 dev > three.txt 2>&1 || fail "evaluate on 3: $(tail -3 three.txt)"
rows() { awk 'NF >= 5 && $1 !~ /:$/ && $5 ~ /^[0-9]+\.[0-9]+$/' "$1" | sort; }
[ "$(rows one.txt | wc -l)" -gt 1 ] || fail "no scores: $(cat one.txt)"
diff <(rows one.txt) <(rows three.txt) || fail "other scores on 3 ranks"
[ "$(one scored 2 "${o[@]}" --set eval.final=true)" = "$want" ] || fail "scores changed the checkpoint"
diff <(rows one.txt) <(rows scored.txt) || fail "other scores than the run's own"

# refused WHAT PATTERN COMMAND...: status 2 and one clear message.
refused() {
    local what=$1 pattern=$2 code=0
    shift 2
    "$@" > refused.txt 2>&1 || code=$?
    [ $code = 2 ] && grep -q "$pattern" refused.txt || fail "$what ($code): $(cat refused.txt)"
}
lstm='prompts pass through an LSTM (prompt.encoder: lstm)'
refused tune "$lstm" "$mp2" tune --run tuned --model model --data data --prompts lstm --tasks afqmc --methods gradient
refused export "$lstm" "$mp2" checkpoint export lstm --out best.th
echo '{}' > question.jsonl
refused predict "$lstm" "$mp2" predict lstm question.jsonl --task afqmc
refused transformer 'prompt.encoder' "$mp2" pretrain small.yaml --set run=other --set prompt.encoder=transformer
grep -q 'none|lstm\|none, lstm\|none or lstm' refused.txt || fail "the message names no choices: $(cat refused.txt)"
refused 'another encoder' 'cannot be resumed' \
    "$mp2" pretrain small.yaml --set run=lstm "${o[@]}" --set prompt.encoder=none --set train.steps=60 --resume

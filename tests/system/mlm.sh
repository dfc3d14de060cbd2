#!/usr/bin/env bash
# Masked-language-model training is a function of configuration, seed and text alone: the same checkpoint and the same folder,
# byte for byte, for any number of workers and threads, and after kill -9 and resuming with another number of workers. The
# loss falls; the folder feeds the next run; bad input ends with status 2 and one line.
. "$(dirname "$0")/common.sh"

awk 'BEGIN {
    split("[PAD] [UNK] [CLS] [SEP] [MASK]", s, " ")
    for (i = 1; i <= 5; i++) print s[i] > "vocab.txt"
    for (i = 0; i < 20; i++) printf "[unused%d]\n", i > "vocab.txt"
    for (i = 0; i < 26; i++) for (j = 0; j < 4; j++) { w[n] = sprintf("%c%c", 97 + i, 97 + (i * 3 + j * 5) % 26); print w[n++] > "vocab.txt" }
    for (i = 0; i < 900; i++) {
        k = (i * 7919) % n
        for (j = 0; j < 6 + i % 19; j++) printf "%s ", w[(k + j * 7) % n] > "text.txt"
        printf "\n" > "text.txt"
    }
}'
cat > mlm.yaml << YAML
texts: [text.txt]
vocab: vocab.txt
heldout: 0.1
encoder: {layers: 2, hidden: 64, heads: 4, feed_forward: 128, positions: 64, start: neighbours}
train: {steps: 60, micro: 5, sequences: 4, length: 32, warmup: 5, rate: 4e-3}
eval: {every: 20, sequences: 16}
checkpoint: {every: 7}
machine: {threads: 1, precision: $precision}
log: debug
watch: {listen: ""}
YAML

# one NAME RANKS [options]: the sha256 of the last checkpoint and of the folder.
one() {
    local name=$1 ranks=$2
    shift 2
    mpi "$ranks" "$mp2" mlm mlm.yaml --set run="$name" "$@" > "$name.txt" 2>&1 || fail "$name: $(tail -5 "$name.txt")"
    echo "$(sha "$name/latest/") $(sha "$name/model")"
}

precisions="f32"
grep -q avx512_bf16 /proc/cpuinfo && precisions="f32 bf16"
for precision in $precisions; do
    p="--set machine.precision=$precision"
    # shellcheck disable=SC2086
    want=$(one "$precision" 1 $p) || exit 1
    for ranks in 2 3 4; do
        # shellcheck disable=SC2086
        got=$(one "$precision-$ranks" "$ranks" $p --set machine.threads=$((ranks - 1))) || exit 1
        [ "$got" = "$want" ] || fail "$precision, $ranks ranks: $got, expected $want"
        echo "ok $precision $ranks ranks"
    done
done
# More workers than micro-batches, and many micro-batches of one worker: same sums.
for micro in 1 2 11; do
    few="--set train.micro=$micro --set train.steps=8 --set eval.every=0 --set machine.precision=f32"
    # shellcheck disable=SC2086
    want_few=$(one "micro-$micro" 1 $few) || exit 1
    for ranks in 3 4; do
        # shellcheck disable=SC2086
        got=$(one "micro-$micro-$ranks" "$ranks" $few --set machine.threads=$((ranks - 2))) || exit 1
        [ "$got" = "$want_few" ] || fail "$micro micro-batches, $ranks ranks: $got, expected $want_few"
    done
done
echo "ok micro-batches"

# Documents apart, the first layer frozen: it and the embeddings stay as they were, whatever the ranks; the last layer does not.
apart="--set train.apart=true --set machine.exact=false --set train.frozen=1 --set model=f32/model --set masking.first=bd,bi"
# shellcheck disable=SC2086
want_apart=$(one apart 1 $apart) || exit 1
# shellcheck disable=SC2086
[ "$(one apart-3 3 $apart)" = "$want_apart" ] || fail "documents apart: other bytes with 3 ranks"
# The first byte that differs lies after the first layer's; layers are equal, and the word table is small.
differs=$(cmp -l f32/model/model.safetensors apart/model/model.safetensors | awk '{ print $1; exit }')
[ "$differs" -gt $(($(stat -c %s f32/model/model.safetensors) / 2)) ] || fail "train.frozen: byte $differs differs, a frozen tensor's"
expect_2() { "$mp2" mlm mlm.yaml "$@" > bad.txt 2>&1; [ $? = 2 ] || fail "expected status 2: $*"; }
expect_2 --set run=bad --set train.frozen=1
expect_2 --set run=bad --set train.frozen=3 --set model=f32/model
expect_2 --set run=bad --set masking.first=nothing

[ "$(one seed 1 --set seed=7 --set machine.precision=f32)" != "$want" ] || fail "another seed gave the same"

# Killed at some step, gone on with other ranks. Long enough that the signal comes before the end on any machine.
steps=500
long="--set train.steps=$steps --set checkpoint.every=25 --set eval.every=100"
# shellcheck disable=SC2086
want=$(one whole 1 $long) || exit 1
for round in 1 2; do
    # shellcheck disable=SC2086
    mpi 3 "$mp2" mlm mlm.yaml --set run="killed-$round" $long > "killed-$round.txt" 2>&1 &
    words="mlm mlm.yaml --set run=killed-$round "
    kill_rank $round 3 grep -q "step-commit step=$((30 * round)) " "killed-$round.txt"
    [ -e "killed-$round/step-$steps" ] && fail "round $round was not killed in time"
    # shellcheck disable=SC2086
    got=$(one "killed-$round" $((2 * round)) $long --resume) || exit 1
    [ "$got" = "$want" ] || fail "killed and resumed: $got, expected $want"
    [ "$(grep -c '"step":{"step":' "killed-$round/metrics.jsonl")" = $steps ] || fail "metrics.jsonl: steps missing or twice"
    echo "ok killed $round"
done

# Killed after evaluations that were not the best and so left no checkpoint (a rate of 0: all are alike): what the journal says of
# them is computed again.
still="--set train.steps=$steps --set checkpoint.every=10000 --set eval.every=10 --set train.rate=0"
# shellcheck disable=SC2086
want=$(one still 1 $still) || exit 1
# shellcheck disable=SC2086
mpi 3 "$mp2" mlm mlm.yaml --set run=still-killed $still > still-killed.txt 2>&1 &
words="mlm mlm.yaml --set run=still-killed "
kill_rank 0 3 grep -q "step-commit step=45 " still-killed.txt
[ -e "still-killed/step-$steps" ] && fail "still-killed was not killed in time"
# shellcheck disable=SC2086
got=$(one still-killed 2 $still --resume) || exit 1
[ "$got" = "$want" ] || fail "killed after evaluations: $got, expected $want"
[ "$(grep -c '"eval":{' still-killed/metrics.jsonl)" = "$(grep -c '"eval":{' still/metrics.jsonl)" ] || fail "metrics.jsonl: evaluations missing or twice"
echo "ok killed after evaluations"

# It learns: the unigram loss of 104 words is 4.64.
awk '{ for (i = 1; i <= NF; i++) if ($i == "loss" && $(i + 1) + 0 < 4.3) ok = 1 } END { exit !ok }' <(grep "held-out" whole.txt) ||
    fail "nothing was learnt: $(grep held-out whole.txt)"

# Scored again, by any number of ranks: the same figures; more masked text where all of it is held out.
"$mp2" mlm mlm.yaml --set run=whole --evaluate --batches batches.jsonl > score.txt 2> score.err || fail "evaluate: $(cat score.err)"
grep "held-out loss" whole.txt | tail -1 | grep -qF "$(grep -o 'held-out loss [0-9.]*, perplexity [0-9.]*, accuracy [0-9.]*' score.txt)" ||
    fail "evaluate: $(cat score.txt), training said $(grep held-out whole.txt | tail -1)"
mpi 3 "$mp2" mlm mlm.yaml --set run=whole --evaluate > score3.txt 2> score3.err || fail "evaluate: $(cat score3.err)"
cmp score.txt score3.txt || fail "3 ranks score otherwise"
before=$(sha256sum whole/train.ids)
"$mp2" mlm mlm.yaml --evaluate --set run=whole --set heldout=1 > all.txt 2>&1 || fail "evaluate all: $(cat all.txt)"
[ "$(sha256sum whole/train.ids)" = "$before" ] || fail "scoring another text has touched the run's"
sequences() { sed -n 's/.* in \([0-9]*\) sequences.*/\1/p' "$1"; }
[ "$(sequences all.txt)" -gt $((4 * $(sequences score.txt))) ] || fail "all text is no more than the held-out part: $(cat all.txt)"
[ "$(sequences score.txt)" = "$(wc -l < batches.jsonl)" ] || fail "batches.jsonl: $(wc -l < batches.jsonl) lines"
head -1 batches.jsonl | grep -Eq '^\{"ids":\[[0-9,]+\],"positions":\[[0-9,]+\],"targets":\[[0-9,]+\]\}$' || fail "batches.jsonl: $(head -1 batches.jsonl)"
echo "ok evaluate"

# What stands at [MASK]: probabilities that fall; the same from standard input.
words=$(head -1 text.txt | awk '{ $3 = "[MASK]"; print }')
"$mp2" fill-mask whole/model "$words" --top 3 > fill.txt 2>&1 || fail "fill-mask: $(cat fill.txt)"
awk 'NR == 2 && NF == 6 && $2 >= $4 && $4 >= $6 && $6 >= 0 && $2 > 0 { ok = 1 } END { exit !ok }' fill.txt || fail "fill-mask: $(cat fill.txt)"
echo "$words" | "$mp2" fill-mask whole/model --top 3 | cmp - fill.txt || fail "fill-mask from standard input"
"$mp2" fill-mask whole/model "no mask" > fill2.txt 2>&1
[ $? = 2 ] || fail "fill-mask without [MASK]: $(cat fill2.txt)"
echo "ok fill-mask"

# Other masking trains too.
for unit in word span; do
    mpi 2 "$mp2" mlm mlm.yaml --set run="$unit" --set masking.unit="$unit" --set masking.from=text --set train.steps=3 > "$unit.txt" 2>&1 ||
        fail "$unit: $(cat "$unit.txt")"
done

# The folder is an encoder to go on from.
mpi 2 "$mp2" mlm mlm.yaml --set run=more --set model=whole/model --set train.steps=5 > more.txt 2>&1 || fail "more: $(cat more.txt)"

# bad WORDS [options]: status 2 and a message with these words.
bad() {
    local words=$1
    shift
    "$mp2" mlm mlm.yaml --set run=bad "$@" > bad.txt 2>&1
    local rc=$?
    [ $rc = 2 ] || fail "bad input ($*): status $rc, expected 2: $(cat bad.txt)"
    grep -q "$words" bad.txt || fail "bad input ($*): $(cat bad.txt), expected \"$words\""
    rm -rf bad
}
: > empty.txt
printf 'a\377b\n' > utf8.txt
grep -v MASK vocab.txt > nomask.txt
bad "no text" --set texts=empty.txt
bad "invalid UTF-8" --set texts=utf8.txt
bad "MASK" --set vocab=nomask.txt
bad "multiple of encoder.heads" --set encoder.heads=5
bad "multiple of 16" --set train.length=33
bad "at most 1 together" --set masking.random=0.5
bad "cannot be opened" --set masking.words=none.txt
bad "64 positions" --set train.length=128
echo "all equal"

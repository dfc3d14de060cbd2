#!/usr/bin/env bash
# Tuned files in the hands of users: made from a seen task, answered with, joined, looked at, compared, written for Python; and
# what cannot be joined is refused.
. "$(dirname "$0")/common.sh"
small_world
cp vocab.txt model/
mpi 1 "$mp2" pretrain small.yaml > pretrain.txt 2>&1 || fail "pretrain: $(tail -5 pretrain.txt)"
for task in afqmc ccpm cmrc2018; do
    "$mp2" checkpoint extract run --task $task --out $task > out.txt 2>&1 || fail "extract: $(cat out.txt)"
done
(printf 'text1\ttext2\n'; cut -f1,2 raw/AFQMC/dev.txt) > questions.tsv

# A tuned file answers as the checkpoint it came from, alone or among others.
"$mp2" predict --machine.precision "$precision" run questions.tsv --task afqmc > want.jsonl 2> err.txt || fail "predict: $(cat err.txt)"
"$mp2" predict --machine.precision "$precision" afqmc questions.tsv --model model 2> err.txt | cmp - want.jsonl || fail "the tuned file answers otherwise: $(cat err.txt)"
"$mp2" checkpoint merge all afqmc.json ccpm.safetensors cmrc2018 > out.txt 2>&1 || fail "merge: $(cat out.txt)"
mpi 2 "$mp2" predict --machine.precision "$precision" all questions.tsv --task afqmc --model model 2> err.txt | cmp - want.jsonl || fail "joined, it answers otherwise: $(cat err.txt)"
"$mp2" predict --machine.precision "$precision" all questions.tsv --model model > out.txt 2>&1
[ $? = 2 ] && grep -q "afqmc ccpm cmrc2018" out.txt || fail "several tasks and none named: $(cat out.txt)"

# Looked at.
"$mp2" checkpoint verify all > out.txt 2>&1 || fail "verify: $(cat out.txt)"
grep -q "3 tasks: afqmc ccpm cmrc2018" out.txt || fail "verify: $(cat out.txt)"
"$mp2" checkpoint info all > out.txt 2>&1 || fail "info: $(cat out.txt)"
grep -q "labels *矛盾 相似" out.txt || fail "info: $(cat out.txt)"
"$mp2" checkpoint diff afqmc afqmc.json > out.txt 2>&1 || fail "diff of one with itself: $(cat out.txt)"
"$mp2" checkpoint diff all afqmc > out.txt 2>&1
[ $? = 1 ] && grep -q "^ccpm: only in the first" out.txt && grep -q "^ccpm/prompt: only in" out.txt || fail "diff: $(cat out.txt)"
"$mp2" checkpoint merge again all > out.txt 2>&1 && cmp again.json all.json && cmp again.safetensors all.safetensors ||
    fail "the same content has other bytes"

# Refused: twice the same task, another encoder, damage.
"$mp2" checkpoint merge twice all ccpm > out.txt 2>&1
[ $? = 2 ] && grep -q "ccpm: task ccpm is in all, too" out.txt && [ ! -e twice.json ] || fail "the same task twice: $(cat out.txt)"
sed 's/"encoder_digest": ".\{4\}/"encoder_digest": "0000/' afqmc.json > other.json
cp afqmc.safetensors other.safetensors
"$mp2" checkpoint merge mixed ccpm other > out.txt 2>&1
[ $? = 2 ] && grep -q "another encoder" out.txt || fail "another encoder: $(cat out.txt)"
"$mp2" predict --machine.precision "$precision" other questions.tsv --model model > out.txt 2>&1
[ $? = 2 ] && grep -q "another encoder" out.txt || fail "predict over another encoder: $(cat out.txt)"
printf '\001' | dd of=other.safetensors bs=1 seek=2000 conv=notrunc 2> /dev/null
"$mp2" checkpoint verify other > out.txt 2>&1
[ $? = 2 ] && grep -q "damaged" out.txt || fail "damage is not seen: $(cat out.txt)"

# For Python.
"$mp2" checkpoint export-adapter all --task ccpm --out adapter > out.txt 2>&1 || fail "export: $(cat out.txt)"
[ -s adapter/adapter.safetensors ] && grep -q '"num_virtual_tokens": 7' adapter/adapter.json || fail "export: $(ls adapter)"
echo "all equal"

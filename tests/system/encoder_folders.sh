#!/usr/bin/env bash
# Encoder folders as others write them, through the commands: what changes the encoder's computing is used (a cased vocabulary,
# added tokens, ERNIE's task types, a decoder of its own) and written back, or refused with status 2, one line and nothing written;
# data of another vocabulary, and an encoder without a head, are refused too.
. "$(dirname "$0")/common.sh"
python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
small_world

# refused PATTERN COMMAND…: status 2, one message with all words of PATTERN (… between them).
refused() {
    local pattern=$1 rc=0
    shift
    "$mp2" "$@" > out.txt 2>&1 || rc=$?
    [ "$rc" = 2 ] || fail "$*: status $rc, expected 2: $(tail -2 out.txt)"
    [ "$(grep -c '^mp2: ' out.txt)" = 1 ] || fail "$*: $(grep -c '^mp2: ' out.txt) messages: $(cat out.txt)"
    grep -q "$pattern" out.txt || fail "$*: no \"$pattern\" in: $(cat out.txt)"
    echo "ok $1: $pattern"
}

# ---- the vocabulary is the data's ----

cp vocab.txt model
mpi 1 "$mp2" pretrain small.yaml > pretrain.txt 2>&1 || fail "pretrain: $(cat pretrain.txt)"
mkdir other && cp model/config.json model/model.safetensors other
sed '50{h;d};60{G}' vocab.txt > other/vocab.txt
[ "$(wc -l < other/vocab.txt)" = "$(wc -l < vocab.txt)" ] || fail "the permuted vocabulary has another length"
refused 'data: .*other/vocab.txt' pretrain small.yaml --set run=run-2 --set model=other
[ ! -e run-2/latest ] || fail "pretrain left a checkpoint"
refused 'data: .*other/vocab.txt' evaluate run/latest --set model=other
refused 'data: .*other/vocab.txt' tune --set run=tuned --set model=other --set data=data --set prompts=run --set tasks=[afqmc] --set k=4
echo '{"sentence1":"一二","sentence2":"三"}' > questions.jsonl
refused 'other/vocab.txt: ' predict run questions.jsonl --task afqmc --model other
"$mp2" data import --raw raw --data data-2 --vocab other/vocab.txt --catalogue "$top/configs/tasks" > import.txt 2>&1 || fail "import: $(cat import.txt)"
refused 'data-2: .*model/vocab.txt' pretrain small.yaml --set run=run-3 --set data=data-2
refused 'data-2: ' tune --set run=tuned --set model=model --set data=data-2 --set prompts=run --set tasks=[afqmc] --set k=4

# ---- heads ----

"$python" -c '
for i in range(60): print("".join(chr(0x4e00 + (i * 37 + j * j) % 120) for j in range(40)))' > text.txt
# start MODEL [options]: the first loss of a run that goes on from MODEL.
start() {
    local model=$1
    shift
    rm -rf "run-mlm"
    "$mp2" mlm --set run=run-mlm --set 'texts=[text.txt]' --set vocab=vocab.txt --set model="$model" --set train.steps=2 --set train.length=32 \
        --set train.sequences=2 --set heldout=0 --set train.dropout=false --set machine.threads=1 --set machine.precision=f32 "$@" > mlm.txt 2>&1 ||
        { echo "refused: $(tail -1 mlm.txt)"; return; }
    grep -o '"loss":[0-9.]*' run-mlm/metrics.jsonl | head -1
}
refused 'no masked-language-model head.*--new-head' mlm --set run=headless --set 'texts=[text.txt]' --set vocab=vocab.txt --set model=model
[ ! -e headless/latest ] || fail "mlm left a checkpoint"
refused 'no masked-language-model head' mlm --evaluate --set run=headless --set 'texts=[text.txt]' --set vocab=vocab.txt --set model=model --set heldout=1
case $(start model --new-head) in '"loss":'*) ;; *) fail "--new-head: $(cat mlm.txt)" ;; esac
mv run-mlm/model whole
cp vocab.txt whole

# edit FROM TO: TO is the folder FROM with its tensors changed by the Python statements on standard input, over t, a dict of
# name -> [shape, list of numbers], and c, its configuration.
edit() {
    mkdir "$2" && cp "$1"/* "$2"
    "$python" - "$2" << PYTHON || fail "edit $2"
import array, json, struct, sys
path = sys.argv[1] + "/model.safetensors"
data = open(path, "rb").read()
n, = struct.unpack_from("<Q", data)
t = {}
for name, about in json.loads(data[8:8 + n]).items():
    if name != "__metadata__":
        a, b = about["data_offsets"]
        t[name] = [about["shape"], list(array.array("f", data[8 + n + a:8 + n + b]))]
c = json.load(open(sys.argv[1] + "/config.json"))
$(cat)
head, at, blobs = {"__metadata__": {"format": "pt"}}, 0, b""
for name, (shape, values) in t.items():
    blob = array.array("f", values).tobytes()
    head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(blob)]}
    at += len(blob)
    blobs += blob
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open(path, "wb").write(struct.pack("<Q", len(text)) + text + blobs)
json.dump(c, open(sys.argv[1] + "/config.json", "w"))
PYTHON
}
guess() { "$mp2" fill-mask "$1" '丁七[MASK]丐' 2>&1 | tail -1; }

want=$(start whole) want_guess=$(guess whole)
edit whole bias <<< 't["cls.predictions.decoder.bias"] = t.pop("cls.predictions.bias")'
edit whole word <<< 't["cls.predictions.decoder.weight"] = t.pop("bert.embeddings.word_embeddings.weight")'
edit whole wrapped <<< 't = {"_orig_mod.module." + k: x for k, x in t.items()}'
for f in bias word wrapped; do
    [ "$(start $f)" = "$want" ] || fail "$f: mlm begins with $(start $f), expected $want"
    [ "$(guess $f)" = "$want_guess" ] || fail "$f: $(guess $f), expected $want_guess"
    echo "ok $f"
done
edit whole part <<< 'del t["cls.predictions.transform.dense.bias"]'
edit whole apart <<< 't = {("module." + k if k.startswith("cls") else k): x for k, x in t.items()}'
edit whole lora <<< 't["bert.encoder.layer.1.attention.self.query.lora_A.default.weight"] = [[2, 2], [0.0] * 4]'
refused 'cls.predictions.transform.dense.bias is missing' fill-mask part '丁[MASK]'
refused '"module.cls.predictions' fill-mask apart '丁[MASK]'
refused '"bert.encoder.layer.1.attention.self.query.lora_A' fill-mask lora '丁[MASK]'
refused '"bert.encoder.layer.1.attention.self.query.lora_A' pretrain small.yaml --set run=run-4 --set model=lora
case $(start part) in refused:*transform.dense.bias*) ;; *) fail "mlm takes a head without a part: $(cat mlm.txt)" ;; esac
case $(start part --new-head) in '"loss":'*) ;; *) fail "--new-head over a part of a head: $(cat mlm.txt)" ;; esac

# A decoder of its own is used and trained, and comes back as one.
edit whole untied << 'PYTHON'
t["cls.predictions.decoder.weight"] = [t["bert.embeddings.word_embeddings.weight"][0], t["bert.embeddings.word_embeddings.weight"][1][::-1]]
t["cls.predictions.decoder.bias"] = t["cls.predictions.bias"]
c["tie_word_embeddings"] = False
PYTHON
[ "$(guess untied)" != "$want_guess" ] || fail "the decoder's own table is not used"
first=$(start untied)
[ "$first" != "$want" ] || fail "mlm does not use the decoder's own table"
grep -q '"tie_word_embeddings": false' run-mlm/model/config.json || fail "untied: $(cat run-mlm/model/config.json)"
mv run-mlm/model untied-on
cmp -s untied-on/model.safetensors untied/model.safetensors && fail "untied: nothing was trained"
[ "$(guess untied-on)" != "$(guess untied)" ] || fail "untied: training changed no guess"
for ranks in 2 3; do
    rm -rf run-ranks
    mpi $ranks "$mp2" mlm --set run=run-ranks --set 'texts=[text.txt]' --set vocab=vocab.txt --set model=untied --set train.steps=2 --set train.length=32 \
        --set train.sequences=2 --set heldout=0 --set train.dropout=false --set machine.threads=1 --set machine.precision=f32 > mlm.txt 2>&1 || fail "untied: $(cat mlm.txt)"
    cmp run-ranks/model/model.safetensors untied-on/model.safetensors || fail "untied: other bytes on $ranks ranks"
done

# ERNIE: the first row of its task types is in the token types, in every command and in what is written.
edit whole task << 'PYTHON'
h = c["hidden_size"]
t["bert.embeddings.task_type_embeddings.weight"] = [[3, h], [((i * 7) % 11 - 5) / 8 for i in range(3 * h)]]
t = {k.replace("bert.", "ernie."): x for k, x in t.items()}
c.update(model_type="ernie", use_task_id=True, task_type_vocab_size=3)
PYTHON
edit whole folded << 'PYTHON'
h, table = c["hidden_size"], t["bert.embeddings.token_type_embeddings.weight"][1]
for i in range(len(table)):
    table[i] += ((i % h * 7) % 11 - 5) / 8
PYTHON
[ "$(guess task)" = "$(guess folded)" ] && [ "$(guess task)" != "$want_guess" ] || fail "task: $(guess task), expected $(guess folded)"
start folded > /dev/null && mv run-mlm/model folded-on
start task > /dev/null && cmp run-mlm/model/model.safetensors folded-on/model.safetensors || fail "task: trained to other bytes than the folded table"
edit task unsaid <<< 'del c["use_task_id"]'
refused 'task_type_embeddings.weight.*use_task_id' fill-mask unsaid '丁[MASK]'

# ---- what stands beside the vocabulary ----

edit whole cased <<< 'pass'
rows=$(wc -l < vocab.txt)
printf '{"tokenizer_class": "BertTokenizer", "do_lower_case": false, "additional_special_tokens": ["<R1>"]}' > cased/tokenizer_config.json
echo "<R1>丁" | "$mp2" tokenize --vocab cased > ids.txt 2>&1
grep -q "^\[$rows," ids.txt || fail "tokenize: $(cat ids.txt), expected the id $rows first"
edit cased narrow << PYTHON
for k in ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"):
    t[k][1] = t[k][1][:$rows * (len(t[k][1]) // t[k][0][0])]
    t[k][0][0] = $rows
c["vocab_size"] = $rows
PYTHON
refused "vocab.txt: $((rows + 1)) rows, the encoder has $rows" fill-mask narrow '丁[MASK]'
rm -rf run-mlm
"$mp2" mlm --set run=run-mlm --set 'texts=[text.txt]' --set vocab=cased --set model=cased --set train.steps=1 --set train.length=32 --set train.sequences=2 \
    --set heldout=0 --set machine.threads=1 > mlm.txt 2>&1 || fail "cased: $(cat mlm.txt)"
cmp run-mlm/model/tokenizer_config.json cased/tokenizer_config.json || fail "tokenizer_config.json came back changed"
refused 'vocab.txt: .*cased/vocab.txt' mlm --set run=run-5 --set 'texts=[text.txt]' --set vocab=vocab.txt --set model=cased
[ ! -e run-5/latest ] || fail "mlm left a checkpoint"
refused 'data: .*cased/vocab.txt' pretrain small.yaml --set run=run-6 --set model=cased
# A line that is longer than what is encoded at once, with tokens that have spaces and Chinese characters within.
mkdir long && cp vocab.txt long
for token in '<R 2>' '<甲乙>' '万'; do
    case $token in
    万) printf '{"tokenize_chinese_chars": false}' > long/tokenizer_config.json ;;
    *) printf '{"additional_special_tokens": ["%s"]}' "$token" > long/tokenizer_config.json ;;
    esac
    "$python" -c 'import sys; print(sys.argv[1] * 30000)' "$token" | "$mp2" tokenize --vocab long > ids.txt || fail "long line: $token"
    found=$(tr ',' '\n' < ids.txt | tr -d '[]' | sort | uniq -c | tr -s ' ')
    case $token in
    万) want=" 1 1" ;;   # one word, too long to be known
    *) want=" 30000 $rows" ;;
    esac
    [ "$found" = "$want" ] || fail "a long line of $token: $found, expected$want"
done

# An adapter beside the weights would be put on top of them by transformers.
cp -r whole adapter && echo '{"peft_type": "LORA", "base_model_name_or_path": "whole"}' > adapter/adapter_config.json
refused 'adapter/adapter_config.json: an adapter of PEFT' fill-mask adapter '丁[MASK]'
echo "all as expected"

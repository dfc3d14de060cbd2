#!/usr/bin/env bash
# mp2 predict on a task's published files gives exactly the scores that mp2 evaluate reports, for every kind of task, on any
# number of ranks, however the text comes in; bad lines are said with their numbers.
. "$(dirname "$0")/common.sh"
small_world
cp vocab.txt model/
# Gates that differ widely from layer to layer: one taken from another layer, or from nowhere, shows in every score.
mpi 1 "$mp2" pretrain small.yaml --set train.steps=30 --set train.rate=3e-2 --set prompt.router_start=6 --set prompt.module_start=1 > pretrain.txt 2>&1 || fail "pretrain: $(tail -5 pretrain.txt)"
mpi 1 "$mp2" evaluate run dev > dev.txt 2>&1 || fail "evaluate: $(tail -5 dev.txt)"
mpi 1 "$mp2" evaluate run test > test.txt 2>&1 || fail "evaluate: $(tail -5 test.txt)"

# A split that no task has: one line that says why, on any number of ranks; where some have it the others are named.
grep -q "split=test tasks=afqmc$" test.txt || fail "tasks without test rows are not named: $(cat test.txt)"
"$mp2" pretrain small.yaml --set run=one --set tasks=afqmc --set train.steps=2 > one.txt 2>&1 || fail "one task: $(tail -3 one.txt)"
for n in 1 3; do
    for split in test pool; do
        mpi $n "$mp2" evaluate one $split > empty.out 2> empty.txt
        [ $? = 2 ] && [ ! -s empty.out ] || fail "an empty split is no error: $(cat empty.out)"
        [ "$(grep -c '^mp2: one/.*nothing to score: no task has rows in '"$split"' (.*)$' empty.txt)" = 1 ] || fail "an empty split: $(cat empty.txt)"
    done
done
[ "$("$mp2" evaluate one test 2>&1 | wc -l)" = 1 ] || fail "an empty split: more than a line"

# want FILE TASK SCORE: what the table of scores says, to its three digits.
want() {
    local said
    said=$(awk -v t="$2" '$1 == t {print $(NF - 1)}' "$1")
    [ "$(printf '%.3f' "$3")" = "$said" ] || fail "$2: predict scores $3, evaluate $said"
    echo "ok $2 $3"
}

# Labels, as a table whose first line names the columns.
(printf 'text1\ttext2\tlabel\n'; cat raw/AFQMC/dev.txt) > labels.tsv
mpi 1 "$mp2" predict --machine.precision "$precision" run labels.tsv --task afqmc > labels.jsonl 2> labels.err || fail "labels: $(cat labels.err)"
grep -o '"index":[0-9]*' labels.jsonl | cut -d: -f2 | paste - <(cut -f3 raw/AFQMC/dev.txt) > pairs
want dev.txt afqmc "$(awk '$1 == $2 {n++} END {print n / NR}' pairs)"
[ "$(sed -n 7p labels.jsonl | grep -o '"line":[0-9]*')" = '"line":8' ] || fail "lines are not counted: $(sed -n 7p labels.jsonl)"
# log-probabilities add up to one, and are the logits' softmax
awk -F'"log_probability":' '{a = $3; b = $4; sub(/,.*/, "", a); sub(/,.*/, "", b); s = exp(a) + exp(b); if (s < 0.999999 || s > 1.000001) exit 1}' labels.jsonl ||
    fail "probabilities do not add up to one"

# The loss of an evaluation is the mean of what predict says of the right answers, to its three digits: scores alone would hardly
# show a prompt that is a little off.
said=$(awk '$1 == "afqmc" {print $(NF - 3)}' dev.txt)
awk -F'"log_probability":' '{print $3 + 0, $4 + 0}' labels.jsonl | paste -d' ' - <(cut -f3 raw/AFQMC/dev.txt) |
    awk -v said="$said" '{sum -= $3 == 1 ? $2 : $1} END {exit !(sum / NR - said < 0.00051 && said - sum / NR < 0.00051)}' ||
    fail "afqmc: evaluate has loss $said, predict another: $(head -1 labels.jsonl)"

# Choices with options of their own.
sed 's/"translation"/"document"/; s/"choices"/"options"/' raw/CCPM/valid.jsonl > choices.jsonl
"$mp2" predict --machine.precision "$precision" run choices.jsonl --task ccpm > choices.out 2> choices.err || fail "choices: $(cat choices.err)"
grep -o '"index":[0-9]*' choices.out | cut -d: -f2 | paste - <(grep -o '"answer": [0-9]*' choices.jsonl | cut -d' ' -f2) > pairs
want dev.txt ccpm "$(awk '$1 == $2 {n++} END {print n / NR}' pairs)"

# Spans, with contexts of several windows; every character has three bytes.
sed 's/{"title"/\n&/g' raw/CMRC2018/cmrc2018_trial.json | grep '"title"' |
    sed -E 's/.*("context": "[^"]*").*("question": "[^"]*").*"text": ("[^"]*").*/{"id": "Q", \1, \2, "gold": \3}/' > spans.jsonl
"$mp2" predict --machine.precision "$precision" run spans.jsonl --task cmrc2018 > spans.out 2> spans.err || fail "spans: $(cat spans.err)"
grep -o '"answer":"[^"]*"' spans.out | cut -d'"' -f4 | paste - <(grep -o '"gold": "[^"]*"' spans.jsonl | cut -d'"' -f4) > pairs
# characters FILE: the mean F1 of a prediction and an answer a line, all of their characters three bytes
characters() {
    LC_ALL=C awk '{n = length($1) / 3; m = length($2) / 3; split("", c); for (i = 0; i < m; i++) c[substr($2, 3 * i + 1, 3)]++
        k = 0; for (i = 0; i < n; i++) if (c[substr($1, 3 * i + 1, 3)]-- > 0) k++
        f += 2 * k / (n + m)} END {print f / NR}' "$1"
}
want test.txt cmrc2018 "$(characters pairs)"

# The prompt of a task that a run has seen is its own in every layer, also where modules and routers differ much.
if command -v python3 > /dev/null; then
    "$mp2" pretrain small.yaml --set run=strong --set prompt.module_start=1 --set prompt.router_start=6 > strong.txt 2>&1 || fail "strong: $(tail -3 strong.txt)"
    for row in 0:afqmc 1:ccpm 2:cmrc2018; do
        "$mp2" checkpoint extract strong --task ${row#*:} --out strong-tuned > strong.txt 2>&1 || fail "extract: $(cat strong.txt)"
        python3 "$top/tests/system/extracted.py" strong/latest/prompts.safetensors strong-tuned.safetensors ${row%:*} || fail "the prompt of ${row#*:}"
    done
    echo "ok prompts of seen tasks"
fi

# Unknown characters are not all the same: half of them are taken from the vocabulary, and evaluation counts as the texts do.
cp -r model half
awk 'NR > 100 && NR % 2 {print "[gone" NR "]"; next} 1' vocab.txt > half/vocab.txt
"$mp2" data import --raw raw --data half-data --vocab half/vocab.txt --catalogue "$top/configs/tasks" --tasks cmrc2018 > half.txt 2>&1 ||
    fail "import: $(cat half.txt)"
"$mp2" pretrain small.yaml --set run=half-run --set model=half --set data=half-data --set tasks=cmrc2018 > half.txt 2>&1 || fail "half: $(tail -3 half.txt)"
for n in 1 3; do
    mpi $n "$mp2" evaluate half-run test > half.txt 2>&1 || fail "evaluate: $(tail -5 half.txt)"
    "$mp2" predict --machine.precision "$precision" half-run spans.jsonl --task cmrc2018 > half.out 2> half.err || fail "half: $(cat half.err)"
    grep -o '"answer":"[^"]*"' half.out | cut -d'"' -f4 | paste - <(grep -o '"gold": "[^"]*"' spans.jsonl | cut -d'"' -f4) > pairs
    want half.txt cmrc2018 "$(characters pairs)"
done
"$mp2" data stats --data half-data --prompt.tokens 7 --prompt.first_placeholder 5 --prompt.max_length 100 > half.txt 2>&1 || fail "stats: $(cat half.txt)"
awk '$1 == "cmrc2018" && $2 == "extractive" && $3 == "test" && NF == 7 {if ($4 > 20 && $4 < 80 && $5 > 50) found = 1} END {exit !found}' half.txt ||
    fail "the share of unknown characters: $(cat half.txt)"
grep -q '"windows":' spans.out || fail "no context was longer than a window: the test tests less than it should"
[ "$(grep -c '^{"line":[0-9]*,"id":"Q"' spans.out)" = 15 ] || fail "ids do not come back"
# offsets are those of the answer in the context
paste -d'\n' spans.jsonl spans.out | LC_ALL=C awk 'NR % 2 {split($0, p, "\"context\": \""); text = p[2]; next}
    {split($0, p, "\"bytes\":\\["); split(p[2], b, /[],]/); split($0, p, "\"characters\":\\["); split(p[2], k, /[],]/)
     split($0, p, "\"answer\":\""); want = p[2]; sub(/".*/, "", want)
     if (substr(text, b[1] + 1, b[2] - b[1]) != want || b[1] != 3 * k[1] || b[2] != 3 * k[2]) exit 1}' || fail "offsets are wrong"

# The published file itself, as it is, from a pipe and all in one line: the same answers, with its own ids.
bare() { sed -E 's/"id":("[^"]*"|[0-9]+),//' "$1"; }
file=raw/CMRC2018/cmrc2018_trial.json
"$mp2" predict --machine.precision "$precision" run $file --task cmrc2018 > file.out 2> file.err || fail "a file in SQuAD's form: $(cat file.err)"
cmp <(bare file.out) <(bare spans.out) || fail "other answers to a file in SQuAD's form"
[ "$(grep -o '"id": "Q[^"]*"' $file | tr -d ' ')" = "$(grep -o '"id":"[^"]*"' file.out)" ] || fail "ids of a SQuAD file: $(head -2 file.out)"
mpi 2 "$mp2" predict --machine.precision "$precision" run --task cmrc2018 < $file 2> file.err | cmp - file.out || fail "SQuAD's form in a pipe: $(cat file.err)"
tr -d '\n' < $file > one.json
"$mp2" predict --machine.precision "$precision" run one.json --task cmrc2018 --input squad 2> file.err | cmp - file.out || fail "in one line: $(cat file.err)"
printf '{\n"version": "1",\n"data": {}}' > none.json
"$mp2" predict --machine.precision "$precision" run none.json --task cmrc2018 --input squad > out.txt 2>&1; [ $? = 2 ] || fail "no SQuAD file: $(cat out.txt)"
grep -q "expected a SQuAD file" out.txt && [ "$(wc -l < out.txt)" = 1 ] || fail "no SQuAD file: $(cat out.txt)"
"$mp2" predict --machine.precision "$precision" run $file --task ccpm > out.txt 2>&1; [ $? = 2 ] || fail "choices from a SQuAD file: $(cat out.txt)"
grep -q "expected JSON lines" out.txt && [ "$(wc -l < out.txt)" = 1 ] || fail "choices from a SQuAD file: $(cat out.txt)"

# Standard input that is closed is no other file's descriptor.
"$mp2" predict --machine.precision "$precision" run --task cmrc2018 > closed.out 2> closed.err <&-
[ $? = 1 ] && [ ! -s closed.out ] || fail "closed standard input: $(head -2 closed.out; cat closed.err)"
grep -q "standard input" closed.err || fail "closed standard input: $(cat closed.err)"
"$mp2" predict --machine.precision "$precision" run spans.jsonl --task cmrc2018 --out closed.jsonl <&- >&- 2>&- || fail "all three closed: $?"
cmp closed.jsonl spans.out || fail "other answers with all three closed"
"$mp2" predict --machine.precision "$precision" run spans.jsonl --task cmrc2018 >&- 2> closed.err && fail "answers went nowhere, status 0"

# The same bytes from standard input, on other numbers of ranks, packed otherwise.
for n in 2 3; do
    mpi $n "$mp2" predict --machine.precision "$precision" run --task cmrc2018 < spans.jsonl 2> more.err | cmp - spans.out || fail "other answers on $n ranks: $(cat more.err)"
done
"$mp2" predict --machine.precision "$precision" run spans.jsonl --task cmrc2018 --batch_tokens 512 --set machine.unit_examples=1 --out more.out > more.txt 2>&1 ||
    fail "packed otherwise: $(cat more.txt)"
cmp more.out spans.out || fail "other answers when packed otherwise"

# An answer comes before the next question does.
mkfifo ask reply
"$mp2" predict --machine.precision "$precision" run --task cmrc2018 < ask > reply 2> dialogue.err &
exec 3> ask 4< reply
for i in 3 1; do
    sed -n ${i}p spans.jsonl >&3
    read -r -t 120 line <&4 || fail "no answer while the next question is waited for: $(cat dialogue.err)"
    [ "${line#*,}" = "$(sed -n ${i}p spans.out | cut -d, -f2-)" ] || fail "in a dialogue: $line"
done
exec 3>&-
wait $! || fail "dialogue: $(cat dialogue.err)"
exec 4<&-

# Bad lines.
printf '{"context": "丁丂", "question": "七"}\n{"context": "丁"}\n\n[1]\n{"context": "丁丂", "question": "七"}' > bad.jsonl
"$mp2" predict --machine.precision "$precision" run bad.jsonl --task cmrc2018 > bad.out 2> bad.err
[ $? = 2 ] || fail "bad lines: exit status is not 2"
[ "$(wc -l < bad.out)" = 4 ] || fail "bad lines: $(cat bad.out)"
grep -q '^mp2: bad.jsonl:2: a field is missing' bad.err || fail "bad line 2 is not said: $(cat bad.err)"
grep -q '^{"line":4,"error":"no JSON object"}$' bad.out || fail "bad line 4 is not answered: $(cat bad.out)"
[ "$(head -1 bad.out | cut -d, -f2-)" = "$(tail -1 bad.out | cut -d, -f2-)" ] || fail "the same question has two answers"
"$mp2" predict --machine.precision "$precision" run bad.jsonl --task cmrc2018 --bad refuse --out refused.out > bad.txt 2> bad.err
[ $? = 2 ] && [ ! -e refused.out ] || fail "refused: $(cat bad.err)"
"$mp2" predict --machine.precision "$precision" run bad.jsonl --task cmrc2018 --bad refuse 2> /dev/null | cmp - <(head -1 bad.out) || fail "what is before a bad line was not answered"

# What cannot be: another task, several tasks, another model.
"$mp2" predict --machine.precision "$precision" run spans.jsonl --task weather > out.txt 2>&1; [ $? = 2 ] || fail "another task: $(cat out.txt)"
"$mp2" predict --machine.precision "$precision" run spans.jsonl > out.txt 2>&1; [ $? = 2 ] || fail "no task: $(cat out.txt)"
grep -q "afqmc\|--task" out.txt || fail "no task: $(cat out.txt)"
"$world" other || fail "world"
cp vocab.txt other/model/
printf '\n' >> other/model/vocab.txt
"$mp2" predict --machine.precision "$precision" run spans.jsonl --task cmrc2018 --model other/model > out.txt 2>&1; [ $? = 2 ] || fail "another vocabulary: $(cat out.txt)"
grep -q "another vocabulary" out.txt || fail "another vocabulary: $(cat out.txt)"
echo "all equal"

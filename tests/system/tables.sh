#!/usr/bin/env bash
# Tables with quotes, quoted line ends and doubled quotes come out as Python's csv module reads them; a quote that never closes
# costs its own row and no other. See tables.py.
. "$(dirname "$0")/common.sh"
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
mkdir -p raw/x tasks
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' ， ： ？ '“' '”' 是 否 甲 乙 丙 丁 戊 己 庚 辛 '"' , > vocab.txt
cat > tasks/x.yaml << 'Y'
name: X
kind: labels
upstream: 0
template: '“{a}”？'
labels: [是, 否]
split: {dev: 0}
sources:
  - {folder: x, format: table, csv: true, header: true, files: {train: f.csv}, fields: {a: q}, label: y}
Y
for seed in $(seq 12); do
    python3 "$top/tests/system/tables.py" make . "$seed" || fail "no tables"
    for kind in valid damaged; do
        cp $kind.csv raw/x/f.csv
        "$mp2" data import --raw raw --data shards --vocab vocab.txt --catalogue tasks > import.txt 2>&1 || fail "seed $seed, $kind: $(cat import.txt)"
        "$mp2" data export --data shards --task x --split train --prompt.tokens 2 --prompt.first_placeholder 1 --prompt.max_length 64 |
            python3 "$top/tests/system/tables.py" check $kind.json vocab.txt || fail "seed $seed, $kind: $(cat import.txt)"
        [ $kind = damaged ] || grep -q ' 0 bad' import.txt || fail "seed $seed: $(cat import.txt)"
        [ $kind = valid ] || grep -q ' 9 bad' import.txt || fail "seed $seed: $(cat import.txt)"
    done
done
echo "ok 12 tables, valid and damaged"

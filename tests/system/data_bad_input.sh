#!/usr/bin/env bash
# mp2 data: bad input is one message with its place and exit status 2, and leaves no half-written shard.
set -u
configs=$(cd "$(dirname "$0")/../../configs" && pwd)
mp2=$1 folder=$2 failed=0
rm -rf "$folder"; mkdir -p "$folder"/raw/x "$folder"/tasks; cd "$folder" || exit 1

printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n，\n是\n否\n甲\n乙\n“\n”\n' > vocab.txt
cat > tasks/x.yaml <<'Y'
name: X
kind: labels
upstream: 0
template: '“{a}”'
labels: [是, 否]
split: {dev: 0}
sources:
  - {folder: x, format: table, files: {train: f.tsv}, columns: [a, y], fields: {a: a}, label: y}
Y
import=("$mp2" data import --raw raw --data shards --vocab vocab.txt --catalogue tasks)
form=(--prompt.tokens 2 --prompt.first_placeholder 1 --prompt.max_length 64)

# expect STATUS TEXT COMMAND…
expect() {
    local want=$1 text=$2 out rc
    shift 2
    out=$("$@" 2>&1); rc=$?
    if [ $rc -ne "$want" ] || ! grep -qF -- "$text" <<< "$out" || [ "$(wc -c <<< "$out")" -gt 3000 ]; then
        echo "FAILED (status $rc, expected $want with \"$text\"): $*"; echo "$out" | head -5; failed=1
    fi
    if find . -name '*.part' | grep -q .; then echo "left behind: $(find . -name '*.part')"; failed=1; fi
}

expect 2 "holds the files of none of the tasks" "${import[@]}"
printf '甲\t是\n乙\t对\n乙\t否\n' > raw/x/f.tsv
expect 0 'label not in the list (first: raw/x/f.tsv:2: "对")' "${import[@]}"
expect 2 'raw/x/f.tsv:2: label not in the list: found "对"' "${import[@]}" --strict
expect 0 "x                    labels     train        2" "$mp2" data stats --data shards "${form[@]}"
printf '甲\t是\n甲\t否\n䦗乙\t否\n' > raw/x/f.tsv
expect 0 '1 tasks imported' "${import[@]}"
expect 0 'x                    labels     train     25.00%          -            2    0.667' "$mp2" data stats --data shards "${form[@]}"
rm shards/x/import.json
expect 0 'x                    labels     train          -          -            2    0.667' "$mp2" data stats --data shards "${form[@]}"
printf '甲\t是\n乙\t对\n乙\t否\n' > raw/x/f.tsv
expect 0 '1 tasks imported' "${import[@]}"
expect 0 '{"row":0,"ids":[2,1,2,10,8,11,6,5,7,5],"start":6,"end":6,"options":[[6,6],[8,8]],"label":0}' \
    "$mp2" data export --data shards --task x --split train "${form[@]}"
expect 0 '“甲”[0 是]*，[1 否]，' "$mp2" data show x --data shards --vocab vocab.txt "${form[@]}"
expect 0 '1 tasks imported' "$mp2" data import "$configs"/import.yaml --raw raw --data shards --vocab vocab.txt --catalogue tasks
expect 2 'expected --task ID' "$mp2" data export --data shards "${form[@]}"
(cat vocab.txt; echo 丙) > other.txt
expect 2 'is not the vocabulary' "$mp2" data show x --data shards --vocab other.txt "${form[@]}"
expect 2 'task y was not imported there' "$mp2" data export --data shards --task y --split train "${form[@]}"
expect 2 'expected train, dev, test or pool' "$mp2" data export --data shards --task x --split valid "${form[@]}"
expect 2 'the vocabulary has 12 tokens' "$mp2" data stats --data shards --prompt.tokens 50
expect 2 'too little room' "$mp2" data stats --data shards --prompt.tokens 4 --prompt.first_placeholder 1 --prompt.max_length 16
expect 2 'unknown option' "$mp2" data stats --data shards --colour red
expect 2 'expected one of: demo, import, show' "$mp2" data explore
expect 2 'nothing/vocab.txt: cannot be opened' "$mp2" data import --raw raw --data shards --vocab nothing/vocab.txt --catalogue tasks
expect 2 'no task is named "z"' "${import[@]}" --tasks z
head -c 300 shards/x/train.shard > piece && cp piece shards/x/train.shard
expect 2 'shards/x/train.shard: damaged shard' "$mp2" data stats --data shards "${form[@]}"
expect 0 '1 tasks imported' "${import[@]}"
printf '甲\t是\n\xff\t否\n' > raw/x/f.tsv
expect 0 'invalid UTF-8 (first: raw/x/f.tsv:2)' "${import[@]}"
gzip -9c raw/x/f.tsv > raw/x/f.tsv.gz; rm raw/x/f.tsv
expect 0 '1 tasks imported' "${import[@]}"
head -c 20 raw/x/f.tsv.gz > piece && cp piece raw/x/f.tsv.gz
expect 2 'the gzip data ends early' "${import[@]}"
sed -i 's/kind: labels/kind: label/' tasks/x.yaml
expect 2 'tasks/x.yaml:2: kind: found "label", expected labels, choices or extractive' "${import[@]}"
sed -i 's/kind: label/kind: labels\ncolour: red/' tasks/x.yaml
expect 2 'tasks/x.yaml:3: task: unknown key "colour"' "${import[@]}"

# A full disk: exit status 1, the message says so, nothing half-written. (Only where a small file system can be had.)
sed -i '/colour/d' tasks/x.yaml; rm -f raw/x/f.tsv.gz
for _ in $(seq 20000); do printf '甲乙甲乙甲乙甲乙甲乙甲乙甲乙甲乙\t是\n'; done > raw/x/f.tsv
mkdir -p small
if mount -t tmpfs -o size=256k none small 2>/dev/null; then
    expect 1 'No space left on device' "$mp2" data import --raw raw --data small/shards --vocab vocab.txt --catalogue tasks
    umount small
else
    echo "skipped: a tmpfs cannot be mounted (needs root) [full disk]"
fi
exit $failed

#!/usr/bin/env bash
# Bad input and a bad environment: one clear message, exit status 2 (1 for the environment), nothing half-written, all ranks end.
. "$(dirname "$0")/common.sh"
small_world

# refused STATUS PATTERN NAME [options]: a run of 3 ranks ends with STATUS and says PATTERN, in one message.
refused() {
    local status=$1 pattern=$2 name=$3 rc=0
    shift 3
    mpi 3 "$mp2" pretrain small.yaml --set run="$name" "$@" > "$name.txt" 2>&1 || rc=$?
    [ "$rc" = "$status" ] || fail "$name: exit status $rc, expected $status: $(head -3 "$name.txt")"
    grep -q "$pattern" "$name.txt" || fail "$name: no \"$pattern\" in: $(head -3 "$name.txt")"
    [ "$(grep -c '^mp2: ' "$name.txt")" = 1 ] || fail "$name: $(grep -c '^mp2: ' "$name.txt") messages: $(grep '^mp2: ' "$name.txt")"
    [ ! -e "$name/latest" ] || fail "$name: left a checkpoint"
    echo "ok $name"
}

refused 2 "unknown option" unknown-key --set train.stepz=5
refused 2 "expected a whole number" not-a-number --set train.steps=many
refused 2 "nowhere" no-model --set model=nowhere
refused 2 "power of two" odd-unit --set machine.unit_examples=3
refused 2 "vocabulary has" placeholders --set prompt.first_placeholder=1000
refused 2 "nosuch" no-task --set tasks=nosuch
mkdir cut-model && cp model/config.json cut-model && head -c 3000 model/model.safetensors > cut-model/model.safetensors
refused 2 "model.safetensors" cut-model-run --set model=cut-model
cp -r data cut-data && find cut-data -type f -exec truncate -s -9 {} +
refused 2 "cut-data" cut-data-run --set data=cut-data
mkdir cut-config && cp model/model.safetensors cut-config && sed 's/"hidden_size": 48/"hidden_size": 96/' model/config.json > cut-config/config.json
refused 2 "cut-config" sizes-disagree --set model=cut-config
printf 'run: run\nmodel: model\nmodle: x\n' > typo.yaml
rc=0
"$mp2" pretrain typo.yaml > typo.txt 2>&1 || rc=$?
[ "$rc" = 2 ] && grep -q 'typo.yaml:3: unknown key "modle"' typo.txt || fail "typo.yaml: $rc $(cat typo.txt)"

# A loss that is not a number is never committed: skipped steps, then the run ends with status 1.
"$world" nan-world nan || fail "world nan"
refused 1 "not finite" nan-run --set model=nan-world/model --set train.skips=3
[ "$(grep -c '"skipped":true' nan-run/metrics.jsonl)" = 3 ] || fail "nan-run: $(grep -c '"skipped":true' nan-run/metrics.jsonl) skipped steps, expected 3"

# A run that another process holds.
mpi 2 "$mp2" pretrain small.yaml --set run=held --set train.steps=100000 --set log=debug > held.txt 2>&1 &
held=$!
wait_for step-commit held.txt
rc=0
mpi 2 "$mp2" pretrain small.yaml --set run=held > held-too.txt 2>&1 || rc=$?
[ "$rc" = 2 ] || fail "a second writer: exit status $rc: $(head -3 held-too.txt)"
"$mp2" stop held > /dev/null || fail "stop"
wait $held || fail "the held run ends with $?"

# Other options, another encoder: a run is not resumed as what it is not.
refused_resume() {
    local rc=0
    mpi 2 "$mp2" pretrain small.yaml --set run=held "$@" > resume-too.txt 2>&1 || rc=$?
    [ "$rc" = 2 ] && grep -q "cannot be resumed" resume-too.txt || fail "resumed with $*: $rc $(head -3 resume-too.txt)"
}
cp held/config.resolved.yaml held-config.yaml
refused_resume --set train.rate=0.5
cmp held-config.yaml held/config.resolved.yaml || fail "a refused start left its configuration"
"$mp2" encoder --out other --vocab vocab.txt --layers 2 --hidden 48 --heads 3 --feed_forward 96 --positions 256 > /dev/null
refused_resume --set model=other

# A full disk (a small tmpfs, where it can be mounted): status 1, a message, and what was committed is still there.
mkdir full
if mount -t tmpfs -o size=3M tmpfs full 2> /dev/null; then
    rc=0
    mpi 2 "$mp2" pretrain small.yaml --set run=full/run --set train.steps=100000 --set log=debug > full.txt 2>&1 &
    run=$!
    wait_for step-commit full.txt
    dd if=/dev/zero of=full/filler bs=4k 2> /dev/null
    wait $run || rc=$?
    bytes=$(grep -c '^mp2: ' full.txt)
    umount full
    [ "$rc" = 1 ] || fail "disk full: exit status $rc: $(head -5 full.txt)"
    [ "$bytes" -ge 1 ] || fail "disk full: no message: $(head -5 full.txt)"
    echo "ok disk full"
else
    echo "skipped: a tmpfs cannot be mounted (needs root) [full disk]"
fi
echo "all refused"

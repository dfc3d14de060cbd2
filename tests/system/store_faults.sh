#!/usr/bin/env bash
# What a run folder may meet: a second writer, a damaged checkpoint, a damaged journal, leftovers, a full disk. Each is one
# clear message and the right exit status on all ranks, and going on leads to the checkpoint of an undisturbed run.
. "$(dirname "$0")/common.sh"
small_world
steps=24
options="--set train.steps=$steps --set checkpoint.every=6 --set log=debug"

# pretrain RANKS RUN OUTPUT [more options]: its exit status.
pretrain() {
    local n=$1 run=$2 out=$3
    shift 3
    # shellcheck disable=SC2086
    mpi "$n" "$mp2" pretrain small.yaml --set run="$run" $options "$@" > "$out" 2>&1
}
expect() { # STATUS OUTPUT TEXT WHAT: after a command
    local got=$?
    [ $got -eq "$1" ] || fail "$4: exit status $got, expected $1: $(tail -5 "$2")"
    grep -q "$3" "$2" || fail "$4: no \"$3\" in: $(tail -5 "$2")"
    echo "ok $4"
}
flip() { # FILE OFFSET
    printf '\xa5' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

pretrain 3 whole whole.txt || fail "whole: $(tail -5 whole.txt)"
want=$(sha whole/latest/)
"$mp2" checkpoint verify whole > verify.txt 2>&1
expect 0 verify.txt "valid: pretrain, step $steps" "verify"

# Half of the way, as a start for the faults; leftovers of a killed writer beside it.
pretrain 3 half half.txt --set train.steps=15 || fail "half: $(tail -5 half.txt)"
cp -a half damaged
cp -a half journal
mkdir damaged/step-99.part
echo rubbish > damaged/step-99.part/prompts.safetensors

flip damaged/latest/optimizer.safetensors 5000
pretrain 2 damaged damaged.txt --resume
expect 0 damaged.txt "checkpoint-damaged" "a damaged checkpoint is passed over"
[ "$(sha damaged/latest/)" = "$want" ] || fail "gone on from an older checkpoint: another result"
[ ! -e damaged/step-99.part ] || fail "a leftover stayed"

# The last segment's first record (a start) is followed by others that vouch for it.
segment=$(find journal/journal -name 'segment-*.bin' | sort -t- -k2 -n | head -1)
flip "$segment" 200
rm -r journal/step-15 journal/latest
pretrain 2 journal journal.txt --resume
expect 2 journal.txt "which had been durable" "a damaged journal is refused"
mv journal/journal journal-away
pretrain 2 journal journal.txt --resume
expect 0 journal.txt "step-commit" "without its journal the run computes the steps again"
[ "$(sha journal/latest/)" = "$want" ] || fail "computed again: another result"

# With a mirror the damaged journal is put back, and nothing is computed twice.
pretrain 3 mirrored mirrored.txt --set train.steps=15 --set journal.mirror=mirror
rm -r mirrored/step-15 mirrored/latest
segment=$(find mirrored/journal -name 'segment-*.bin' | sort -t- -k2 -n | head -1)
flip "$segment" 200
pretrain 2 mirrored again.txt --resume --set journal.mirror=mirror
expect 0 again.txt "journal-restored" "a damaged journal is put back from its mirror"
grep -q "step-commit step=16 " again.txt && ! grep -q "step-commit step=15 " again.txt || fail "a journal put back was not replayed: $(tail -5 again.txt)"
[ "$(sha mirrored/latest/)" = "$want" ] || fail "gone on from a mirror: another result"
for segment in mirrored/journal/*.bin; do
    cmp -s "$segment" "mirror/${segment##*/}" || fail "the mirror differs in $segment"
done
pretrain 2 other other.txt --set journal.mirror=mirror
expect 2 other.txt "is the mirror of" "the mirror of another run is refused"

# A second writer.
pretrain 2 twice twice.txt --set train.steps=100000 &
first=$!
wait_for step-commit twice.txt
pretrain 2 twice second.txt
expect 2 second.txt "in the hands of process" "a second writer is refused"
"$mp2" stop twice > stop.txt 2>&1 || fail "stop: $(cat stop.txt)"
wait $first || fail "the first writer ends with $?"

# A full disk, first for the forecast, then for the journal.
mkdir full
if mount -t tmpfs -o size=300k none full 2> /dev/null; then
    pretrain 2 full/run forecast.txt
    expect 1 forecast.txt "will need" "the forecast sees that a run cannot fit"
    rm -rf full/run
    umount full
    mount -t tmpfs -o size=8m none full
    pretrain 2 full/run full.txt --set train.steps=100000 --set checkpoint.every=20 &
    run=$!
    wait_for step-commit full.txt
    dd if=/dev/zero of=full/ballast bs=64k status=none 2> /dev/null
    wait $run
    expect 1 full.txt "No space left" "a full disk ends the run"
    for c in full/run/step-*; do
        [ -e "$c/state.pb" ] || continue
        "$mp2" checkpoint verify "$c" > /dev/null 2>&1 || fail "$c is damaged after a full disk"
    done
    find full/run -maxdepth 1 -name 'step-*.part' | grep -q . && fail "half a checkpoint stayed"
    umount full
else
    echo "skipped: a tmpfs cannot be mounted (needs root) [full disk]"
fi
echo "all as expected"

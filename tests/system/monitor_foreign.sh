#!/usr/bin/env bash
# Programs that are not ours read the stream and the recorded files: see monitor_foreign.py. MP2_PYTHON: a Python with pyzmq
# and protobuf (and tensorboard, if its files are to be read too); python3 otherwise.
. "$(dirname "$0")/common.sh"
build=$(dirname "$mp2")
python=${MP2_PYTHON:-python3}
"$python" -c 'import zmq, google.protobuf' 2> /dev/null || { echo "skipped: $python has no pyzmq or no protobuf (MP2_PYTHON names another)"; exit 77; }
command -v protoc > /dev/null || { echo "skipped: no protoc (Debian: protobuf-compiler)"; exit 77; }
pids=()
finish() { for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null; done; wait; }
trap finish EXIT

protoc -I "$top/proto" --descriptor_set_out=progress.desc "$top/proto/progress.proto" || fail "protoc"
"$build/tests/play" run steps=100000 rate=50 tasks=5 eval=50 listen=127.0.0.1:0 > play.txt 2>&1 & pids+=($!)
while [ -n "$(jobs -pr)" ] && [ ! -s run/stream ]; do sleep 0.1; done
"$build/mp2-monitor" record --out recorded run > record.txt 2>&1 & pids+=($!)
"$python" "$top/tests/system/monitor_foreign.py" progress.desc "$(cat run/stream)" recorded || fail "a reader that is not ours"

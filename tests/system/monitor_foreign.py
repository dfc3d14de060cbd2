"""The stream read by pyzmq and Google's protobuf from proto/progress.proto alone: subscription, sequence numbers, the snapshot
request; and what mp2-monitor record writes, read by TensorBoard. usage: monitor_foreign.py DESCRIPTORS ADDRESS RECORDED"""
import glob
import json
import sys

import zmq
from google.protobuf import descriptor_pb2, message_factory

descriptors, address, recorded = sys.argv[1:4]
files = descriptor_pb2.FileDescriptorSet()
with open(descriptors, "rb") as f:
    files.ParseFromString(f.read())
messages = message_factory.GetMessages(files.file)
Progress, Request, Snapshot = (messages[f"mp2.{name}"] for name in ("Progress", "SnapshotRequest", "Snapshot"))
context = zmq.Context()


def neighbour(tcp):
    """Snapshots are asked for at the next port."""
    host, port = tcp.rsplit(":", 1)
    return f"{host}:{int(port) + 1}"


subscriber = context.socket(zmq.SUB)
subscriber.setsockopt(zmq.SUBSCRIBE, b"")
subscriber.setsockopt(zmq.RCVTIMEO, 20000)
subscriber.connect(address)
topics, last, steps = set(), 0, 0
while steps < 100 or not {"run", "step", "task", "router", "worker", "eval", "checkpoint", "stream"} <= topics:
    topic, body = subscriber.recv_multipart()
    m = Progress.FromString(body)
    assert m.WhichOneof("body") == topic.decode(), (topic, m.WhichOneof("body"))
    assert m.version == 1 and m.epoch > 0 and m.time > 1e9
    if topic == b"stream":   # repeats the last number
        assert m.sequence >= last
    else:
        assert last in (0, m.sequence - 1), f"a gap: {m.sequence} after {last}"
        last = m.sequence
    steps += topic == b"step"
    topics.add(topic.decode())
print("subscribed:", steps, "steps without a gap; topics", *sorted(topics))

asker = context.socket(zmq.REQ)
asker.setsockopt(zmq.RCVTIMEO, 20000)
asker.connect(neighbour(address))
asker.send(Request(version=1).SerializeToString())
picture = Snapshot.FromString(asker.recv())
kinds = {m.WhichOneof("body") for m in picture.messages}
assert picture.complete and picture.sequence >= last and {"run", "step", "worker"} <= kinds, kinds
assert any(m.run.config for m in picture.messages if m.WhichOneof("body") == "run"), "no configuration"
print("snapshot:", len(picture.messages), "messages up to", picture.sequence)
asker.send(Request(version=1, epoch=picture.epoch, sequence=picture.sequence - 3).SerializeToString())
addition = Snapshot.FromString(asker.recv())
assert not addition.complete and [m.sequence for m in addition.messages][0] == picture.sequence - 2
print("repair:", len(addition.messages), "messages")

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    print("no tensorboard here: its files are not looked at")
    sys.exit(0)
events = EventAccumulator(glob.glob(f"{recorded}/events.out.tfevents.*")[0], size_guidance={"scalars": 0})
events.Reload()
scalars = {e.step: e.value for e in events.Scalars("step/loss")}
# Read after the events, which are written after the lines.
with open(f"{recorded}/metrics.jsonl", encoding="utf-8") as lines:
    told = {m["step"]["step"]: m["step"]["loss"] for m in map(json.loads, lines) if "step" in m}
assert len(scalars) > 50 and scalars.keys() <= told.keys()
assert all(abs(told[s] - v) <= 1e-6 * abs(told[s]) for s, v in scalars.items()), "other losses"
print("tensorboard:", len(scalars), "losses as recorded; tags", len(events.Tags()["scalars"]))

"""Does a crowd of watchers slow a real `mp2 pretrain` down? Three runs of the same steps, round after round, in turning order: two
without a crowd, one with 200 subscribers (50 never read, 10 send garbage, 10 have wrong keys). Prints a JSON line a round and one of
medians: crowd/alone is the price, alone/alone the noise that it must be compared with.
  --pin     the run on the first processor, the crowd on the second, as watchers are on other machines: without it their own
            work is measured, too. Publishing is then done on the one processor that computes: no other can hide it.
usage: watchers.py BUILD FOLDER [--pin] [--step-ms 15] [--steps 400] [--rounds 5] [--ranks N]    FOLDER is emptied
       for the record: --pin --step-ms 15, then --pin --step-ms 60, on a machine that does nothing else"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build", type=os.path.abspath)
parser.add_argument("folder", type=os.path.abspath)
parser.add_argument("--pin", action="store_true")
parser.add_argument("--step-ms", type=float, default=15)
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--ranks", type=int)   # default: 1 pinned, else 3
a = parser.parse_args()
ranks = a.ranks or (1 if a.pin else 3)
source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
processors = sorted(os.sched_getaffinity(0))
if a.pin and len(processors) < 2:
    sys.exit("skipped: --pin needs two processors")
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PMIX_MCA_gds="hash",
                   HWLOC_COMPONENTS="-gl")


def on(processor):
    """What a new process does first: stay on that one of the processors."""
    return (lambda: os.sched_setaffinity(0, {processors[processor]})) if a.pin else None


def steps_of(name):
    """Seconds of every step in a finished run's metrics file."""
    with open(f"{a.folder}/{name}/metrics.jsonl", encoding="utf-8") as f:
        return [m["step"]["seconds"] for m in map(json.loads, f) if "step" in m]


def run(name, batch, steps, crowded):
    """Median seconds of a step, the first fifth left out, and how many messages the crowd has had."""
    shutil.rmtree(f"{a.folder}/{name}", ignore_errors=True)
    options = {"run": name, "train.steps": steps, "train.batch": batch, "checkpoint.every": 1000000,
               "journal.sync_ms": 5000, "watch.listen": "127.0.0.1:0"}
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "btl_vader_single_copy_mechanism", "none", "-n", str(ranks),
               f"{a.build}/mp2", "pretrain", "small.yaml"]
    for key, value in options.items():
        command += ["--set", f"{key}={value}"]
    with open(f"{a.folder}/{name}.txt", "wb") as log:
        process = subprocess.Popen(command, cwd=a.folder, env=environment, preexec_fn=on(0), stdout=log, stderr=log)
    crowd, heard = None, 0
    while crowded and not crowd and process.poll() is None:
        if os.path.exists(f"{a.folder}/{name}/stream"):
            with open(f"{a.folder}/{name}/stream", encoding="utf-8") as f:
                crowd = subprocess.Popen([f"{a.build}/tests/watchers", "crowd", f.readline().strip()], preexec_fn=on(1),
                                         stdout=subprocess.PIPE, text=True)
        time.sleep(0.01)
    if process.wait() != 0:
        sys.exit(f"mp2 pretrain failed: {a.folder}/{name}.txt")
    if crowd:
        crowd.kill()
        lines = crowd.communicate()[0].split()
        heard = int(lines[-1]) if lines else 0
    return statistics.median(steps_of(name)[steps // 5:]), heard


def batch_for(seconds):
    """The batch whose steps take about that long here."""
    batch = 32
    for _ in range(3):
        took = run("try", batch, 60, False)[0]
        batch = max(1, min(4096, round(batch * seconds / took)))
    return batch


subprocess.run(["bash", "-c", '. "$0"; small_world', f"{source}/tests/system/common.sh", f"{a.build}/mp2", a.folder,
                f"{a.build}/tests/world"], check=True, stdout=subprocess.DEVNULL)
size = batch_for(a.step_ms / 1000)
kinds = ["first", "second", "crowd"]
rounds = []
for r in range(a.rounds):
    took, messages = {}, 0
    for kind in kinds[r % 3:] + kinds[:r % 3]:
        took[kind], heard = run(kind, size, a.steps, kind == "crowd")
        messages += heard
    rounds.append({"price": 2 * took["crowd"] / (took["first"] + took["second"]), "noise": took["second"] / took["first"],
                   "alone_seconds": (took["first"] + took["second"]) / 2, "crowd_seconds": took["crowd"], "messages": messages})
    print(json.dumps({"round": r + 1, **{k: round(v, 6) for k, v in rounds[-1].items()}}), flush=True)
middle = {k: round(statistics.median(x[k] for x in rounds), 6) for k in rounds[0]}
spread = {f"{k}_range": [round(f(x[k] for x in rounds), 4) for f in (min, max)] for k in ("price", "noise")}
print(json.dumps({"bench": "watchers", "case": f"mp2 pretrain, {ranks} ranks, batch {size}, 200 subscribers", "pinned": a.pin,
                  "rounds": a.rounds, "steps": a.steps, **middle, **spread}))

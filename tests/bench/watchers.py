"""Does a crowd of watchers slow a real `mp2 pretrain` down? Four runs of the same steps on two workers. In two of them a crowd of
200 subscribers (50 never read, 10 send garbage, 10 have wrong keys) comes and goes every BLOCK steps: in the first during odd
blocks, in the second during even ones, so that every step is timed with and without it. The other two have no crowd: the
ratio of their times, step by step, is the noise. Prints a JSON line.
usage: watchers.py BUILD FOLDER [steps]      FOLDER: made by the tests' small_world (small.yaml, model/, data/)"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

build, folder = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
BLOCK = max(20, steps // 8)   # steps
SETTLE = BLOCK // 3           # the first ones after a change are left out
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PMIX_MCA_gds="hash",
                   HWLOC_COMPONENTS="-gl")


def follow(path, process):
    """Lines of the metrics file as they come."""
    while not os.path.exists(path):
        assert process.poll() is None, "mp2 pretrain ended early"
        time.sleep(0.05)
    with open(path, encoding="utf-8") as f:
        line = ""
        while True:
            line += f.readline()
            if line.endswith("\n"):
                yield json.loads(line)
                line = ""
            elif process.poll() is not None:
                return
            else:
                time.sleep(0.01)


def run(name, crowded):
    """Seconds by step. crowded(block): whether the crowd is there."""
    target = f"{folder}/{name}"
    shutil.rmtree(target, ignore_errors=True)
    process = subprocess.Popen(["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "btl_vader_single_copy_mechanism", "none",
                                "-n", "3", f"{build}/mp2", "pretrain", "small.yaml", "--set", f"run={name}", "--set",
                                f"train.steps={steps}", "--set", "checkpoint.every=100000", "--set", "watch.listen=127.0.0.1:0"],
                               cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds, crowd = {}, None
    for m in follow(f"{target}/metrics.jsonl", process):
        if "step" not in m:
            continue
        step = m["step"]["step"]
        seconds[step] = m["step"]["seconds"]
        if crowded(step // BLOCK) and not crowd and os.path.exists(f"{target}/stream"):   # gone when the run ended
            with open(f"{target}/stream", encoding="utf-8") as f:
                crowd = subprocess.Popen([f"{build}/tests/watchers", "crowd", f.readline().strip()])
        if crowd and not crowded(step // BLOCK):
            crowd.kill()
            crowd.wait()
            crowd = None
    if crowd:
        crowd.kill()
        crowd.wait()
    assert process.wait() == 0, "mp2 pretrain failed"
    return seconds


odd = run("odd", lambda block: block % 2 == 1)
first = run("first", lambda block: False)
even = run("even", lambda block: block % 2 == 0)
second = run("second", lambda block: False)
kept = [s for s in range(BLOCK, steps + 1) if s % BLOCK >= SETTLE and all(s in r for r in (odd, even, first, second))]
is_odd = [s // BLOCK % 2 == 1 for s in kept]
ratios = [odd[s] / even[s] if o else even[s] / odd[s] for s, o in zip(kept, is_odd)]
noise = [first[s] / second[s] for s in kept]
with_crowd = [odd[s] if o else even[s] for s, o in zip(kept, is_odd)]
without = [even[s] if o else odd[s] for s, o in zip(kept, is_odd)]
print(json.dumps({"bench": "watchers", "case": "mp2 pretrain, 2 workers, 200 subscribers", "steps": len(kept),
                  "median_alone_seconds": statistics.median(without), "median_crowd_seconds": statistics.median(with_crowd),
                  "ratio": round(statistics.median(ratios), 4), "noise": round(statistics.median(noise), 4),
                  "ratio_quartiles": [round(q, 3) for q in statistics.quantiles(ratios, n=4)],
                  "noise_quartiles": [round(q, 3) for q in statistics.quantiles(noise, n=4)]}))

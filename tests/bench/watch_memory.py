"""Resident memory of publisher and monitor over an hour's worth of messages: RATE steps a second for 3,600 seconds, with
evaluations, fed as fast as they go. Prints a JSON line a twelfth of the hour.
usage: watch_memory.py BUILD FOLDER [steps a second, 100]"""
import json
import os
import subprocess
import sys
import time

build, folder = sys.argv[1:3]
rate = int(sys.argv[3]) if len(sys.argv) > 3 else 100
steps = 3600 * rate
run = f"{folder}/run"


def resident(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def last_step():
    """The newest step in the file, from its end."""
    with open(f"{run}/metrics.jsonl", "rb") as f:
        f.seek(max(0, f.seek(0, 2) - 65536))
        lines = [line for line in f.read().split(b"\n")[1:-1] if b'"step":{"step":' in line]
    return json.loads(lines[-1])["step"]["step"] if lines else 0


subprocess.run(["rm", "-rf", run], check=True)
play = subprocess.Popen([f"{build}/tests/play", run, f"steps={steps}", "rate=4000", "tasks=38", "workers=8", "eval=2000",
                         "listen=127.0.0.1:0"], stdout=subprocess.DEVNULL)
while not os.path.exists(f"{run}/stream"):
    time.sleep(0.05)
with open(f"{run}/stream", encoding="ascii") as stream:
    address = stream.readline().strip().replace("tcp://", "")
monitor = subprocess.Popen([f"{build}/mp2-monitor", "serve", "--listen", "127.0.0.1:0", address], stdout=subprocess.PIPE, text=True)
monitor.stdout.readline()
told = 0
while play.poll() is None and told < 12:
    step = last_step() if os.path.getsize(f"{run}/metrics.jsonl") else 0
    if step * 12 >= (told + 1) * steps * 0.99:
        told += 1
        print(json.dumps({"bench": "watch-memory", "minutes": 5 * told, "steps": step, "publisher_bytes": resident(play),
                          "monitor_bytes": resident(monitor)}), flush=True)
    time.sleep(0.05)
play.wait()
monitor.terminate()
monitor.wait()

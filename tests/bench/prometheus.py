"""A real Prometheus scrapes `mp2-monitor serve` while a real `mp2 pretrain` (a coordinator and two workers, small data) runs:
every 5 s, for 5 minutes or longer. promtool checks the metrics and the alert rules; every query of the Grafana dashboard must return data,
every rule be healthy and speak only of metrics that are there. Prints a JSON line with the scrapes and the failed ones; the exit
status says whether all of that held. Needs Debian's prometheus (also for promtool); mp2 itself does not.
usage: prometheus.py BUILD FOLDER [seconds] [interval]        FOLDER is emptied"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

build, folder = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 320
interval = int(sys.argv[4]) if len(sys.argv) > 4 else 5
source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
dashboards = f"{source}/configs/dashboards"
for program in ("prometheus", "promtool", "mpirun"):
    if not shutil.which(program):
        print(f"skipped: no {program} (Debian: prometheus)")
        sys.exit(77)
environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PMIX_MCA_gds="hash",
                   HWLOC_COMPONENTS="-gl")
started = []


def start(command, output):
    with open(f"{folder}/{output}", "wb") as out:
        started.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT))
    return started[-1]


def wait_for(what, found, limit=60):
    end = time.monotonic() + limit
    while True:
        try:
            value = found()
            if value:
                return value
        except OSError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"no {what} within {limit} s")
        time.sleep(0.2)


def text(path):
    with open(f"{folder}/{path}", encoding="utf-8") as f:
        return f.read()


def fetch(url):
    return urllib.request.urlopen(url, timeout=10).read().decode()


def ask(path):
    return json.loads(fetch(f"http://127.0.0.1:{port}/api/v1/{path}"))["data"]


def query(expression):
    return ask("query?query=" + urllib.parse.quote(expression))["result"]


def number(expression):
    result = query(expression)
    return float(result[0]["value"][1]) if result else 0.0


def promtool(*arguments, given=None):
    done = subprocess.run(["promtool", "check", *arguments], input=given, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        print(f"promtool check {arguments[0]}: {done.stdout}{done.stderr}", file=sys.stderr)
    return done.returncode == 0


def look():
    """What Prometheus has to say, as fields of the JSON line."""
    with open(f"{dashboards}/mp2-runs.json", encoding="utf-8") as f:
        queries = sorted({t["expr"].replace("$run", ".*") for p in json.load(f)["panels"] for t in p["targets"]})
    rules = [r for g in ask("rules")["groups"] for r in g["rules"]]
    known = set(ask("label/__name__/values"))
    target = ask("targets")["activeTargets"][0]
    return {"scrapes": int(number("sum(count_over_time(up[1d]))")),
            "failed_scrapes": int(number("sum(count_over_time(up[1d])) - sum(sum_over_time(up[1d]))")),
            "scrape_seconds_max": number("max(max_over_time(scrape_duration_seconds[1d]))"),
            "samples": int(number("scrape_samples_scraped")), "queries": len(queries),
            "queries_without_data": [q for q in queries if not query(q)], "rules": len(rules),
            "unhealthy_rules": [r["name"] for r in rules if r["health"] != "ok"],
            "firing": [r["name"] for r in rules if r.get("state") == "firing"],
            "unknown_metrics": sorted({m for r in rules for m in re.findall(r"\bmp2_\w+", r["query"])} - known),
            "target": target["health"], "last_error": target["lastError"]}


world = ["bash", "-c", '. "$0"; small_world', f"{source}/tests/system/common.sh", f"{build}/mp2", folder, f"{build}/tests/world"]
subprocess.run(world, check=True, stdout=subprocess.DEVNULL)
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
try:
    run = start(["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "btl_vader_single_copy_mechanism", "none", "-n", "3",
                 f"{build}/mp2", "pretrain", "small.yaml", "--set", "train.steps=100000000", "--set", "eval.every=100", "--set",
                 "eval.rows=12", "--set", "checkpoint.every=200", "--set", "watch.listen=127.0.0.1:0"], "pretrain.txt")
    wait_for("stream", lambda: os.path.exists(f"{folder}/run/stream"))
    start([f"{build}/mp2-monitor", "serve", "--listen", "127.0.0.1:0", "run"], "url")
    url = wait_for("address of mp2-monitor", lambda: text("url").strip())
    with open(f"{folder}/prometheus.yml", "w", encoding="utf-8") as f:
        json.dump({"global": {"scrape_interval": f"{interval}s", "evaluation_interval": f"{interval}s"},
                   "rule_files": [f"{dashboards}/mp2-alerts.yml"],
                   "scrape_configs": [{"job_name": "mp2", "static_configs": [{"targets": [url.split("/")[2]]}]}]}, f)
    start(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus",
           f"--web.listen-address=127.0.0.1:{port}"], "prometheus.txt")
    wait_for("first scrape", lambda: query("mp2_steps_total"))
    end = time.monotonic() + seconds
    while time.monotonic() < end and run.poll() is None:
        time.sleep(1)
    page = fetch(url + "metrics")
    checks = {"promtool_metrics": promtool("metrics", given=page), "promtool_rules": promtool("rules", f"{dashboards}/mp2-alerts.yml")}
    result = {"bench": "prometheus", "seconds": seconds, "interval_seconds": interval, "steps": int(number("mp2_steps_total")),
              **look(), **checks}
    subprocess.run([f"{build}/mp2", "stop", "run"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    result["pretrain_status"] = run.wait(timeout=120)
finally:
    for process in reversed(started):
        if process.poll() is None:
            process.terminate()
            process.wait()
print(json.dumps(result))
good = (result["failed_scrapes"] == 0 and result["scrapes"] >= seconds / interval - 2 and not result["queries_without_data"] and
        not result["unhealthy_rules"] and not result["unknown_metrics"] and all(checks.values()) and result["pretrain_status"] == 0)
sys.exit(not good)

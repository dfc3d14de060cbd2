#!/usr/bin/env bash
# A real Prometheus scrapes the monitor; metrics and rules pass promtool; every query of the dashboard and of the rules'
# expressions returns data or is understood. usage: monitor_prometheus.sh MP2 FOLDER
set -eu
build=$(dirname "$1") folder=$2 source=$(cd "$(dirname "$0")/../.." && pwd)
for program in prometheus promtool python3; do
  command -v "$program" > /dev/null || { echo "skipped: no $program (Debian: prometheus python3)"; exit 77; }
done
rm -rf "$folder"; mkdir -p "$folder"
pids=()
finish() { for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done; wait; }
trap finish EXIT

promtool check rules "$source/configs/dashboards/mp2-alerts.yml"
"$build/tests/play" "$folder/run" steps=100000 rate=50 tasks=5 > "$folder/play.log" 2>&1 & pids+=($!)
until [ -s "$folder/run/metrics.jsonl" ]; do sleep 0.1; done
"$build/mp2-monitor" serve --listen 127.0.0.1:0 "$folder/run" > "$folder/url" & pids+=($!)
until [ -s "$folder/url" ]; do sleep 0.1; done
url=$(cat "$folder/url"); address=${url#http://}; address=${address%/}
python3 - "$url" <<'PY' > "$folder/metrics.txt"
import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1] + "metrics").read().decode())
PY
promtool check metrics < "$folder/metrics.txt"
cat > "$folder/prometheus.yml" <<YML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["$source/configs/dashboards/mp2-alerts.yml"]
scrape_configs: [{job_name: mp2, static_configs: [{targets: ["$address"]}]}]
YML
port=$((20000 + RANDOM % 20000))
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
  --web.listen-address="127.0.0.1:$port" > "$folder/prometheus.log" 2>&1 & pids+=($!)
python3 - "$port" "$source/configs/dashboards/mp2-runs.json" <<'PY'
import json, sys, time, urllib.parse, urllib.request
port, dashboard = sys.argv[1:3]
def ask(path):
    return json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=10))["data"]
def query(expr):
    return ask("query?query=" + urllib.parse.quote(expr))["result"]
end = time.time() + 60
while True:   # until two evaluations and a rate's worth of scrapes are in
    try:
        if query("mp2_eval_score_ratio") and query("rate(mp2_steps_total[5m])"):
            break
    except OSError:
        pass
    if time.time() > end:
        sys.exit("no data in Prometheus")
    time.sleep(0.5)
queries = [t["expr"] for p in json.load(open(dashboard))["panels"] for t in p["targets"]]
empty = [q for q in queries if not query(q.replace("$run", ".*"))]
print(len(queries), "queries of the dashboard,", len(empty), "without data", empty or "")
rules = [r for g in ask("rules")["groups"] for r in g["rules"]]
bad = [(r["name"], r.get("lastError")) for r in rules if r["health"] != "ok"]
print(len(rules), "rules, not healthy:", bad or "none")
target = ask("targets")["activeTargets"][0]
print("target", target["health"], target["lastError"])
sys.exit(bool(empty or bad or target["health"] != "up"))
PY

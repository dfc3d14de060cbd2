#!/usr/bin/env bash
# usage: mlm_speed.sh MP2 PYTHON TEXTS VOCAB [ROUNDS] [THREADS]
# Tokens a second of `mp2 mlm` and of tests/bench/mlm_speed.py (PyTorch, tuned), the same model, text, batch and threads, in
# turns on this machine; by the clock and by CPU time, which says more where others compute too. PYTHON needs torch and numpy.
set -eu
mp2=$(realpath "$1") python=$2 texts=$(realpath "$3") vocab=$(realpath "$4") rounds=${5:-3} threads=${6:-2}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/mlm.yaml" << YAML
run: $folder/run
texts: [$texts]
vocab: $vocab
encoder: {layers: 4, hidden: 256, heads: 4, feed_forward: 1024}
train: {micro: 1, sequences: 16, length: 128, schedule: constant}
eval: {every: 0, final: false}
checkpoint: {every: 1M}
machine: {threads: $threads}
watch: {listen: ""}
YAML
"$mp2" mlm "$folder/mlm.yaml" --set train.steps=1 > /dev/null
for _ in $(seq "$rounds"); do
    "$python" - "$mp2" "$folder" "$threads" << 'PY'
import json, os, resource, shutil, subprocess, sys
mp2, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
def cpu(steps):
    for name in os.listdir(folder + "/run"):
        path = folder + "/run/" + name
        if not name.endswith(".ids"):
            (shutil.rmtree if os.path.isdir(path) and not os.path.islink(path) else os.remove)(path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([mp2, "mlm", folder + "/mlm.yaml", "--set", f"train.steps={steps}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
short = cpu(4)
each = (cpu(24) - short) / 20
steps = [json.loads(line)["step"] for line in open(folder + "/run/metrics.jsonl") if '"step":{"step":' in line][4:]
seconds = sorted(s["seconds"] for s in steps)[len(steps) // 2]
tokens = steps[0]["tokens"]
print(json.dumps({"program": "mp2 mlm", "tokens": tokens, "seconds": round(seconds, 4), "cpu_seconds": round(each, 4),
                  "tokens_per_second": round(tokens / seconds, 1), "tokens_per_cpu_second": round(tokens / each, 1),
                  "flops_per_cpu_second": round(steps[0]["flops"] / each, -8)}))
PY
    "$python" "$here/mlm_speed.py" "$folder/run/train.ids" --vocabulary "$(wc -l < "$vocab")" --steps 20 --threads "$threads"
done | tee "$folder/figures"
"$python" - "$folder/figures" << 'PY'
import json, statistics, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
for key in ("tokens_per_second", "tokens_per_cpu_second"):
    ours, theirs = (statistics.median(r[key] for r in rows if r["program"].startswith(p)) for p in ("mp2", "pytorch"))
    print(f"{key}: mp2 {ours:.0f}, PyTorch {theirs:.0f}, ratio {ours / theirs:.2f}")
PY

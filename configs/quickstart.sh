#!/usr/bin/env bash
# The main job on generated data, from a bare Debian to a table: set-up, data, a tiny encoder, prompts pre-trained by a
# coordinator and two workers under mpirun, scores. A second time it goes on where it was, or only prints the table.
#   usage: configs/quickstart.sh [--fresh]             the installed one needs no set-up and works in runs/ of the current folder
# Further arguments go to both trainings: --set train.steps=3.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
if [ -f "$top/CMakeLists.txt" ]; then
    cd "$top"
    "$top/configs/setup.sh" "$top/build"
    mp2=$top/build/mp2
else # installed, in PREFIX/share/mp2/configs: works in the current folder
    mp2=$(cd "$top/../.." && pwd)/bin/mp2
fi
configs=$top/configs
home=runs/quickstart
if [ "${1:-}" = --fresh ]; then
    rm -rf "$home"
    shift
fi
mkdir -p "$home"
started=$(date +%s)

echo "quickstart: generated tasks, text, vocabulary and a tiny encoder to start from (heads set by rule) in $home/raw"
[ -f "$home/raw/vocab.txt" ] || "$mp2" data demo "$home/raw"
echo "quickstart: tokenised shards in $home/data"
"$mp2" data import --raw "$home/raw" --data "$home/data" --vocab "$home/raw/vocab.txt" > "$home/import.txt"
tail -n 1 "$home/import.txt"
echo "quickstart: step one, the encoder: a masked language model on the generated text, in $home/encoder"
"$mp2" run -n 3 mlm "$configs/quickstart-mlm.yaml" "$@" 2> >(tee "$home/mlm.log" >&2) | tee "$home/mlm.txt"
echo "quickstart: step two, prompts for 38 tasks, 1 coordinator and 2 workers (mpirun -n 3)"
"$mp2" run -n 3 pretrain "$configs/quickstart.yaml" "$@" 2> >(tee "$home/pretrain.log" >&2) | tee "$home/table.txt"
echo "quickstart: $(($(date +%s) - started)) s; table in $home/table.txt, checkpoints and metrics in $home/run"

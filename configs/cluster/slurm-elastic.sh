#!/bin/bash
# Elastic, part two: the supervisor, on a login node or in a small job of its own. It uses whatever nodes the array of
# slurm-nodes.sh has at the moment, and follows as they come and go.
#   configs/cluster/slurm-elastic.sh my.yaml [--set key=value …]
# NODES: the array's job name; WORKERS: workers a node; MIN: with fewer workers the run waits.
here=$(cd "$(dirname "$0")" && pwd)
export NODES=${NODES:-mp2-nodes} WORKERS=${WORKERS:-1}
# --leave-session-attached: Open MPI's daemons stay children of srun, which Slurm would otherwise end at once.
exec "$here/../../build/mp2" launch --min "${MIN:-1}" --discover "$here/slurm-discover.sh" --rsh "$here/slurm-into.sh" \
    --mpi=--leave-session-attached -- pretrain "${1:?usage: slurm-elastic.sh CONFIG.yaml [OPTIONS]}" "${@:2}"

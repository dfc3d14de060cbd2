#!/bin/bash
# For mp2 launch --rsh: run a command on a node of the array, as a step of the job that has the node.
#   slurm-into.sh NODE COMMAND …
node=$1
shift
job=$(squeue --noheader --me --name="${NODES:-mp2-nodes}" --states=RUNNING --nodelist="$node" --format=%A | head -n 1)
[ -n "$job" ] || { echo "slurm-into: $node has no running job named ${NODES:-mp2-nodes}" >&2; exit 255; }
exec srun --jobid="$job" --overlap --nodes=1 --ntasks=1 --nodelist="$node" bash -c "$*"

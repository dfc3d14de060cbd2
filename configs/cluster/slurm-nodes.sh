#!/bin/bash
# Elastic, part one: nodes as they become free. Every element of the array is a node of its own; a preempted or failed one is
# queued again and comes back by itself. What runs on them is started by part two, slurm-elastic.sh.
#   sbatch --array=0-15 configs/cluster/slurm-nodes.sh
#SBATCH --job-name=mp2-nodes
#SBATCH --nodes=1
#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --time=12:00:00
#SBATCH --output=/dev/null
exec sleep infinity

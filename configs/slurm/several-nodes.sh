#!/bin/bash
# Two workers of 16 cores on each of four nodes; the coordinator is on the first node, beside its two. Stops as one-node.sh does.
#   usage: sbatch [option of sbatch …] configs/slurm/several-nodes.sh COMMAND …, such as pretrain my.yaml
#SBATCH --job-name=mp2
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --output=mp2-%j.log
cd "$SLURM_SUBMIT_DIR" || exit
exec build/mp2 run "$@" --set machine.threads="$SLURM_CPUS_PER_TASK"

#!/bin/bash
# Two workers of 16 cores on one node, and the coordinator. Five minutes before the time is over the job is asked to stop: the step
# is finished, a checkpoint written, the job ends COMPLETED; submitted again, it goes on.
#   usage: sbatch [option of sbatch …] configs/slurm/one-node.sh COMMAND …, such as pretrain my.yaml
#SBATCH --job-name=mp2
#SBATCH --nodes=1
#SBATCH --ntasks=2
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --output=mp2-%j.log
cd "$SLURM_SUBMIT_DIR" || exit
exec build/mp2 run "$@" --set machine.threads="$SLURM_CPUS_PER_TASK"

#!/bin/bash
# A fixed number of Slurm nodes, kept going by mp2 launch: a rank or a node that dies costs the step under way and a second or
# two; the run goes on with the nodes that are left, and with all of them when the lost one answers again.
#   sbatch configs/cluster/slurm-fixed.sh my.yaml [--set key=value …]
#SBATCH --job-name=mp2
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2        # workers a node; the coordinator is one rank more, on the first node
#SBATCH --cpus-per-task=16         # threads of a worker
#SBATCH --time=24:00:00
#SBATCH --no-kill                  # a lost node does not end the job …
#SBATCH --requeue                  # … but that of the batch script itself does: then the job begins again and goes on
#SBATCH --signal=B:USR1@300        # five minutes before the time is over: a checkpoint, an end in order, COMPLETED
#SBATCH --open-mode=append
#SBATCH --output=mp2-%j.log
cd "$SLURM_SUBMIT_DIR" || exit 1
# exec: Slurm's signals reach mp2 launch itself.
exec build/mp2 launch --min 1 -- pretrain "${1:?usage: sbatch slurm-fixed.sh CONFIG.yaml [OPTIONS]}" \
    --set machine.threads="$SLURM_CPUS_PER_TASK" "${@:2}"

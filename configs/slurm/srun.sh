#!/bin/bash
# The same by srun, where Slurm has the pmix plugin (srun --mpi=list): ranks are Slurm's tasks, one of them the coordinator, which
# has as many cores as a worker; a rank that dies ends the others; the signal goes to the step's processes, without B:.
#   usage: sbatch [option of sbatch …] configs/slurm/srun.sh COMMAND …, such as pretrain my.yaml
#SBATCH --job-name=mp2
#SBATCH --nodes=1
#SBATCH --ntasks=3
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@300
#SBATCH --output=mp2-%j.log
cd "$SLURM_SUBMIT_DIR" || exit
srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" build/mp2 "$@" --set machine.threads="$SLURM_CPUS_PER_TASK"

#!/usr/bin/env bash
# Slurm 22.05.8: sbatch --signal=USR1@60 over a script that says #SBATCH --signal=B:USR1@300 still signals the batch shell alone.
# Package: slurmctld, slurmd, slurm-client, slurm-wlm-basic-plugins 22.05.8, munge 0.5.15 (Debian 12).
# Expected: "options on the command line override those in the script" (sbatch's manual, Options): without B: the steps are signalled
#   and the shell is not; the guess before was that.
# Seen: signal and time are overridden, B: is not: the shell gets the signal. With no B: in either place it gets none.
# Output: "B: in the script, none on the command line: shell got USR1", "no B: at all: shell got nothing".
# System: Debian 12, as root or any user, a cluster of one node that the script starts in a temporary folder.
# What to do: take B: out of the script, or say it in both places; a trial on the command line shows what the script does.
# Upstream: no issue known.
set -euo pipefail
place=$(mktemp -d /tmp/finding.XXXXXX)
pids=()
finish() { for p in "${pids[@]}"; do kill "$p" 2> /dev/null || true; done; sleep 1; rm -rf "$place"; }
trap finish EXIT
cd "$place"
apt-get -q download slurmd slurmctld slurm-client slurm-wlm-basic-plugins munge libmunge2 > apt.txt 2>&1 || exit 77
for p in ./*.deb; do dpkg -x "$p" root || exit 77; done
[ "$(dpkg-deb -f slurmctld_*.deb Version | cut -d- -f1)" = 22.05.8 ] || exit 77
lib=$(dirname "$(find root -name libmunge.so.2)")
export LD_LIBRARY_PATH=$place/$lib:$place/root/usr/lib/x86_64-linux-gnu/slurm-wlm SLURM_CONF=$place/slurm.conf
export PATH=$place/root/usr/bin:$place/root/usr/sbin:$PATH
mkdir state spool
port=$((20000 + RANDOM % 10000))
cat > slurm.conf << END
ClusterName=finding
SlurmctldHost=$(hostname -s)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$place/munge.sock
PluginDir=$place/root/usr/lib/x86_64-linux-gnu/slurm-wlm
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmctldPidFile=$place/ctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmdSpoolDir=$place/spool
StateSaveLocation=$place/state
SlurmdParameters=config_overrides
NodeName=$(hostname -s) CPUs=2 State=UNKNOWN
PartitionName=main Nodes=$(hostname -s) Default=YES MaxTime=INFINITE State=UP
END
dd if=/dev/urandom bs=1 count=1024 of=munge.key 2> /dev/null; chmod 600 munge.key
munged --foreground --force --key-file="$place/munge.key" --socket="$place/munge.sock" --pid-file="$place/munged.pid" \
    --log-file="$place/munged.log" --seed-file="$place/munged.seed" > munged.out 2>&1 & pids+=($!)
sleep 1
slurmctld -D > ctld.out 2>&1 & pids+=($!)
slurmd -D > slurmd.out 2>&1 & pids+=($!)
sleep 3
sinfo > /dev/null || { tail -n 3 ./*.out; exit 77; }
job() {
    # shellcheck disable=SC2016  # the script counts
    printf '#!/bin/bash\n%s\necho nothing > %s\ntrap "echo USR1 > %s" USR1\nfor i in $(seq 110); do sleep 1; done\n' "$1" "$place/$2" "$place/$2" > "$2.sh"
    sbatch -Q -o /dev/null --time=2 --signal=USR1@90 "$2.sh"
}
job "#SBATCH --signal=B:USR1@300" script
job "" none
sleep 80
echo "B: in the script, none on the command line: shell got $(cat script)"
echo "no B: at all: shell got $(cat none)"
scancel -u "$(id -un)"
[ "$(cat script) $(cat none)" = "USR1 nothing" ]

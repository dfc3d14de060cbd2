#!/usr/bin/env bash
# mp2 launch over three hosts, network namespaces of this machine: a host whose processes die, a link that goes down and comes
# up, the coordinator's host, draining, a host that leaves the list; the checkpoint is that of an undisturbed run.
. "$(dirname "$0")/common.sh"
bridge=mp2b$$
hosts_up() {
    ip link add $bridge type bridge && ip addr add 10.79.0.254/24 dev $bridge && ip link set $bridge up || return 1
    for i in 1 2 3; do
        ip netns add mp2n$i && ip link add mp2v$i type veth peer name eth0 netns mp2n$i && ip link set mp2v$i master $bridge up &&
            ip -n mp2n$i addr add 10.79.0.$i/24 dev eth0 && ip -n mp2n$i link set eth0 up && ip -n mp2n$i link set lo up || return 1
    done
}
hosts_down() {
    [ -n "${supervisor:-}" ] && kill -9 "$supervisor" 2> /dev/null
    for i in 1 2 3; do
        for p in $(ip netns pids mp2n$i 2> /dev/null); do kill -9 "$p" 2> /dev/null; done
        ip netns del mp2n$i 2> /dev/null
        ip link del mp2v$i 2> /dev/null
    done
    ip link del $bridge 2> /dev/null
}
trap hosts_down EXIT
if ! hosts_up 2> ip.txt; then
    echo "skipped: no network namespaces here: $(head -1 ip.txt)"
    exit 77
fi
# A remote shell into a namespace; a host whose link is down cannot be reached.
cat > into << 'SH'
#!/bin/bash
host=${1##*@}
shift
ip link show "mp2v${host#mp2n}" up | grep -q . || exit 255
exec nsenter --net="/var/run/netns/$host" unshare --uts bash -c "hostname $host; $*"
SH
chmod +x into
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl_tcp_if_include=10.79.0.0/24 OMPI_MCA_oob_tcp_if_include=10.79.0.0/24
small_world
steps=240
options="--set train.steps=$steps --set checkpoint.every=40"
# shellcheck disable=SC2086
mpi 2 "$mp2" pretrain small.yaml --set run=whole $options > whole.txt 2>&1 || fail "whole: $(tail -5 whole.txt)"
want=$(sha whole/latest/)

all() { printf 'mp2n1 slots=1\nmp2n2 slots=1\nmp2n3 slots=1\n'; }
all > hosts
launch_options=(--hosts hosts --hang 4 --settle 0.3 --poll 0.2 --rsh "$folder/into" --strikes 0)
launch run
supervisor=$!
epoch=$(after run 0) || exit 1

next() { # WHAT: the next epoch that makes a step
    epoch=$(after run "$epoch") || exit 1
    echo "ok $1: epoch $epoch on $(grep -o 'workers on .*' run.txt | tail -1)"
}
# shellcheck disable=SC2046
kill -9 $(ip netns pids mp2n2)
next "all processes of a host killed"
ip link set mp2v3 down
next "a link down"
ip link set mp2v3 up
next "and up again"
"$mp2" launch --drain mp2n2 run || fail "--drain"
next "a host drained"
grep -q "mp2n2  *1  drained" <<< "$("$mp2" launch --status run)" || fail "--status does not show it"
"$mp2" launch --undrain mp2n2 run || fail "--undrain"
next "and back"
ip link set mp2v1 down
next "the coordinator's host cut off"
all | grep -v mp2n1 > hosts
ip link set mp2v1 up
wait "$supervisor" || fail "exit status $?: $(tail -5 run.txt)"
supervisor=
[ "$(sha run/latest/)" = "$want" ] || fail "another checkpoint"
[ "$(grep -c '"step":{"step":' run/metrics.jsonl)" = $steps ] || fail "metrics.jsonl: not every step once"
cat run/launch/epochs.jsonl
echo "all equal"

#!/usr/bin/env bash
# mp2 launch over three hosts, network namespaces of this machine: a host whose processes die, a link that goes down and comes
# up, the coordinator's host, draining, a host that leaves the list; the checkpoint is that of an undisturbed run.
. "$(dirname "$0")/common.sh"
# Names and addresses of this test's own: others may run beside it.
bridge=mp2b$$
host=mp2n$$-
link=mp2v$$-
net=10.$((64 + $$ % 64)).$(($$ / 64 % 256))
hosts_up() {
    ip link add $bridge type bridge && ip addr add $net.254/24 dev $bridge && ip link set $bridge up || return 1
    for i in 1 2 3; do
        ip netns add $host$i && ip link add $link$i type veth peer name eth0 netns $host$i && ip link set $link$i master $bridge up &&
            ip -n $host$i addr add $net.$i/24 dev eth0 && ip -n $host$i link set eth0 up && ip -n $host$i link set lo up || return 1
    done
}
hosts_down() {
    [ -n "${supervisor:-}" ] && kill -9 "$supervisor" 2> /dev/null
    for i in 1 2 3; do
        for p in $(ip netns pids $host$i 2> /dev/null); do kill -9 "$p" 2> /dev/null; done
        ip netns del $host$i 2> /dev/null
        ip link del $link$i 2> /dev/null
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
ip link show "${host/mp2n/mp2v}" up | grep -q . || exit 255
exec nsenter --net="/var/run/netns/$host" unshare --uts bash -c "hostname $host; $*"
SH
chmod +x into
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl_tcp_if_include=$net.0/24 OMPI_MCA_oob_tcp_if_include=$net.0/24
small_world
steps=200
options="--set train.steps=$steps --set train.groups=10 --set checkpoint.every=20"
# shellcheck disable=SC2086
mpi 2 "$mp2" pretrain small.yaml --set run=whole $options > whole.txt 2>&1 || fail "whole: $(tail -5 whole.txt)"
want=$(sha whole/latest/)

all() { printf "${host}%d slots=1\n" 1 2 3; }
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
kill -9 $(ip netns pids ${host}2)
next "all processes of a host killed"
ip link set ${link}3 down
next "a link down"
ip link set ${link}3 up
next "and up again"
"$mp2" launch --drain ${host}2 run || fail "--drain"
next "a host drained"
grep -q "${host}2  *1  drained" <<< "$("$mp2" launch --status run)" || fail "--status does not show it"
"$mp2" launch --undrain ${host}2 run || fail "--undrain"
next "and back"
ip link set ${link}1 down
next "the coordinator's host cut off"
all | grep -v ${host}1 > hosts
ip link set ${link}1 up
wait "$supervisor" || fail "exit status $?: $(tail -5 run.txt)"
supervisor=
[ "$(sha run/latest/)" = "$want" ] || fail "another checkpoint"
[ "$(grep -c '"step":{"step":' run/metrics.jsonl)" = $steps ] || fail "metrics.jsonl: not every step once"
cat run/launch/epochs.jsonl
echo "all equal"

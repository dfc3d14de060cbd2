#!/bin/sh
# For mp2 launch --discover in the launcher pod: the operator's list has no slots; $SLOTS workers a pod.
sh /etc/mpi/discover_hosts.sh | sed "s/:.*//; s/\$/:${SLOTS:-1}/"

#!/bin/bash
# For mp2 launch --discover: the nodes of the running elements of the array $NODES, $WORKERS workers each. One that is about to
# be preempted or is being ended is no longer named, so that its work leaves it at the next step.
squeue --noheader --me --name="${NODES:-mp2-nodes}" --states=RUNNING --format=%N | sort -u | sed "s/\$/:${WORKERS:-1}/"

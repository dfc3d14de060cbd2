/* What `mp2 doctor` finds out about a node: each function writes a line, "ok" or "look", a word, what is there and,
 * after "look", what to do. Those without a comm are local. */
#ifndef MP2_COORDINATOR_COMMAND_DOCTOR_CHECK_H
#define MP2_COORDINATOR_COMMAND_DOCTOR_CHECK_H

#include <stdio.h>

#include "cluster/base/status.h"
#include "cluster/comm/comm.h"

struct check {
    FILE *to;
    int looks; /* lines that ask for something */
};

/* advice NULL: nothing to do. what is a printf format. */
void check_line(struct check *c, const char *topic, const char *advice, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

void check_cpu(struct check *c);
/* Products of a layer of 768 in the precisions that the CPU has. */
status check_rates(struct check *c, int threads);
void check_binding(struct check *c, const struct comm *comm);
void check_mpi(struct check *c);
void check_shared_memory(struct check *c);
void check_limits(struct check *c);
/* Free space, kind of file system, durable writes a second. */
void check_folder(struct check *c, const char *folder);
/* Collective. Against rank 0's. */
status check_clock(struct check *c, struct comm *comm);

#endif

/* The workers as the stream shows them: who they are (asked once, at the start) and what they did lately. */
#ifndef MP2_COORDINATOR_CREW_H
#define MP2_COORDINATOR_CREW_H

#include "cluster/comm/comm.h"
#include "cluster/watch/progress.h"

struct crew_member {
    char host[64];
    int64_t pid, memory;        /* bytes resident at the start */
    double busy;                /* seconds computed since the last message */
    uint64_t units;
    uint64_t units_told;
};

struct crew {
    int workers, first;         /* ranks first … first + workers - 1 */
    struct crew_member *members;
    double told;                /* monotonic seconds */
};

/* Collective. Every rank says who it is; only the coordinator keeps it. */
status crew_open(struct comm *c, struct crew *crew);
void crew_close(struct crew *crew);

/* Coordinator, local. A step is done: seconds each worker computed, units each was dealt (either may be NULL). Tells
 * the stream every few seconds. */
void crew_step(struct crew *crew, const double *seconds, const int64_t *units, int64_t step, struct progress *progress);

/* Coordinator, local. A state of all workers, with a reason, for stream and file. */
void crew_tell(struct crew *crew, Mp2__Worker__State state, const char *reason, int64_t step,
               struct progress *progress);

#endif

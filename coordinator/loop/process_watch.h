/* A thread that sleeps until a process of this machine ends, and checks about once a second. MPI reports nothing when a
 * rank dies (the launcher kills the others) and waits forever for one that hangs; this thread lets a run still report
 * which one. While it runs, SIGTERM calls `terminated` first. One at a time in a process. */
#ifndef MP2_COORDINATOR_LOOP_PROCESS_WATCH_H
#define MP2_COORDINATOR_LOOP_PROCESS_WATCH_H

#include <stdint.h>

#include "cluster/base/status.h"

struct process_watch;

/* All called on the process_watch's thread. */
struct process_watch_calls {
    void (*gone)(void *arg, int i); /* process i is gone; once for each, in the order of detection */
    void (*tick)(void *arg);        /* about once a second */
    void (*terminated)(void *arg);  /* SIGTERM came; the process ends when this returns */
    void *arg;
};

/* Local. pids[i] 0: not watched; none is on kernels without pidfd_open (before Linux 5.3). */
status process_watch_new(const int64_t *pids, int count, const struct process_watch_calls *calls,
                         struct process_watch **out);
/* Local. The thread has ended when this returns; NULL is allowed. */
void process_watch_destroy(struct process_watch **process_watch);

#endif

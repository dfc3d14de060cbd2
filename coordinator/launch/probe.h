/* Asking hosts whether they are there: the remote shell runs `true`, within a time. */
#ifndef MP2_COORDINATOR_LAUNCH_PROBE_H
#define MP2_COORDINATOR_LAUNCH_PROBE_H

#include <sys/types.h>

#include "coordinator/launch/hosts.h"

enum { PROBES_MOST = 32 };

struct probes {
    const char *shell; /* words before the host's name */
    double patience;   /* seconds */
    struct probe {
        pid_t pid; /* 0: free */
        double began;
        char host[HOST_BYTES];
    } list[PROBES_MOST];
};

/* Local. Begin; nothing where one of this host is under way, or too many are. */
void probes_begin(struct probes *p, const char *host, double now);
/* Local, does not wait. 1: a probe has ended; its host (HOST_BYTES) and whether it answered. Call until it says 0. */
int probes_next(struct probes *p, double now, char *host, int *answered);
void probes_end(struct probes *p);

#endif

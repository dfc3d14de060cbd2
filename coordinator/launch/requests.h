/* What a supervisor is asked for while it works: signals to it, and files in RUN/launch: stop (mp2 stop), drained (a
 * host a line). */
#ifndef MP2_COORDINATOR_LAUNCH_REQUESTS_H
#define MP2_COORDINATOR_LAUNCH_REQUESTS_H

#include "coordinator/launch/hosts.h"

struct requests {
    char folder[4096]; /* RUN/launch */
    int signals;       /* readable when a signal has come, a child's end too; -1: closed */
    int ending;        /* no further epoch: SIGTERM, SIGINT, SIGHUP, SIGUSR1, mp2 stop */
    int urgent;        /* 1: a second SIGTERM, SIGINT or SIGHUP */
    int terms;         /* so many of them so far */
};

/* Local. Signals are blocked from now on and looked for here; an old request to stop is removed. */
status requests_open(const char *folder, struct requests *out);
/* Removes the request that was followed. */
void requests_close(struct requests *r);

/* Local, does not wait. drained: the hosts that are to be left out now. */
void requests_look(struct requests *r, struct hosts *drained);

/* Local, another process. A host leaves (1) or may come back (0) at the next step boundary. ST_INPUT (reported): nobody
 * keeps that run going. */
status requests_drain(const char *run, const char *host, int leave);

#endif

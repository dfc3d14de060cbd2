/* What the end of an epoch means: is the run over, does the next epoch follow, whose failure was it. Pure. */
#ifndef MP2_COORDINATOR_LAUNCH_VERDICT_H
#define MP2_COORDINATOR_LAUNCH_VERDICT_H

#include "cluster/watch/heartbeat.h"
#include "coordinator/launch/epoch.h"
#include "coordinator/launch/quarantine.h"

/* What is known when mpirun has ended. */
struct epoch_end {
    const struct epoch *epoch;
    const struct heartbeat *last; /* the epoch's last heartbeat; phase "start" where there was none */
    int alive;                    /* 1: there was one */
    int asked;                    /* 1: it had been asked to stop, for another membership */
    int ending;                   /* 1: it had been asked to stop for good */
    const char *overdue;          /* why the supervisor ended it; "": it did not */
};

enum verdict_kind {
    VERDICT_DONE,    /* the run is over, or was stopped in order */
    VERDICT_CHANGED, /* stopped in order for the next epoch */
    VERDICT_LOST,    /* a process, a host or a link was lost: the next epoch */
    VERDICT_FAILED   /* the program itself ended with a failure, which may come again */
};

struct verdict {
    enum verdict_kind kind;
    int exit_status;        /* of mpirun, as a shell shows it */
    int host;               /* whose failure it was, of the epoch's hosts; -1: not known */
    int silent;             /* that host does not answer, as far as one knows */
    char why[REASON_BYTES]; /* one line */
};

void verdict_of(const struct epoch_end *end, struct verdict *out);

#endif

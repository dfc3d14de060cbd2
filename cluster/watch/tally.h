/* How each task stands, counted from the steps and evaluations that pass: so that no trainer has to. */
#ifndef MP2_CLUSTER_WATCH_TALLY_H
#define MP2_CLUSTER_WATCH_TALLY_H

#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

struct tally_task {
    char *id;          /* owned */
    Mp2__Task message; /* its id is the above */
    int moved;         /* since it was told last */
};

struct tally {
    struct tally_task *tasks;
    size_t count, room;
};

void tally_fini(struct tally *t);

/* Local. Take what a message says about tasks: Step, Eval, or an earlier Task (after a restart). Others are passed
 * over. */
status tally_take(struct tally *t, const Mp2__Progress *m);

#endif

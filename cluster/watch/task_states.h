/* How each task stands, counted from the steps and evaluations that pass: so that no trainer has to. */
#ifndef MP2_CLUSTER_WATCH_TASK_STATES_H
#define MP2_CLUSTER_WATCH_TASK_STATES_H

#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

struct task_state {
    char *id;          /* owned */
    Mp2__Task message; /* its id is the above */
    int moved;         /* since it was told last */
};

struct task_states {
    struct task_state *tasks;
    size_t count, room;
};

void task_states_fini(struct task_states *t);

/* Local. Take what a message says about tasks: Step, Eval, or an earlier Task (after a restart). Others are passed
 * over. */
status task_states_take(struct task_states *t, const Mp2__Progress *m);

#endif

/* What a step trains: task, rows and router noise as functions of (seed, step, group) only, so that a run that is
 * stopped, resumed or resized continues with the same batches (coordinator/README.md, "Schedule"; worker/README.md,
 * Q12, Q13).
 *
 * Tasks are drawn uniformly, regardless of their size. A task's rows form an endless stream: epoch after epoch, each in
 * its own keyed permutation; the task's v-th visit takes the next `batch` rows of the stream, so batches may cross
 * epochs and no row is left out. v is the number of earlier draws of the task, recomputed by drawing from step 0
 * (schedule_seek). */
#ifndef MP2_COORDINATOR_PRETRAIN_SCHEDULE_H
#define MP2_COORDINATOR_PRETRAIN_SCHEDULE_H

#include <stdint.h>

#include "cluster/base/status.h"

struct schedule {
    uint64_t seed;
    int tasks, groups, batch;
    const int64_t *rows; /* training rows of each task, all >= 1; owned by the caller */
    int64_t step;        /* visits are counted up to the start of this step */
    int64_t *visits;     /* of each task; owned */
};

/* Local. At step 0. */
status schedule_new(uint64_t seed, int tasks, int groups, int batch, const int64_t *rows, struct schedule **out);
void schedule_destroy(struct schedule **s);

/* Local. Go to the start of a step; time is proportional to the distance forward; backward, it restarts from 0. */
void schedule_seek(struct schedule *s, int64_t step);

/* Local. The task of a group of a step; needs no seek. */
int schedule_task(const struct schedule *s, int64_t step, int group);

/* Local. The rows of a group's batch, in the step that s is at. rows: (batch). Returns the task. */
int schedule_rows(const struct schedule *s, int group, int64_t *rows);

/* Local. Router noise of a group: uniform (layers, modules) in (0,1). One draw per batch, as in the reference. */
void schedule_noise(const struct schedule *s, int64_t step, int group, int layers, int modules, double *uniform);

#endif

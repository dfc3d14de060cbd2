/* The heads of pre-training (prompt.heads): one for all tasks, one for options and one for spans, or one for each task
 * (worker/README.md, "Balance"). Local, coordinator and shape. */
#ifndef MP2_COORDINATOR_PRETRAIN_HEADS_H
#define MP2_COORDINATOR_PRETRAIN_HEADS_H

#include "coordinator/data/dataset.h"
#include "coordinator/pretrain/config.h"

/* Number of heads for `tasks` tasks. */
int64_t heads_count(enum heads heads, int64_t tasks);

/* The head that a task uses: 0 … heads_count - 1. */
int heads_of_task(enum heads heads, const struct dataset *data, int task);

/* Where new tasks start: out (2 kinds, 2H), the mean head of tasks with options and that of spans, from all heads
 * (tasks, 2H), n = 2H. A kind without tasks gets the mean of all. */
void heads_means(const struct dataset *data, size_t n, const float *heads, float *out);

#endif

/* What a task's gradient is multiplied by, so that tasks move what they share at one rate (worker/README.md,
 * "Balance"): one over the root of the running mean of |G|^2 over the task's own visits. All of it is local and the
 * coordinator's; numbers are double, added in one order. */
#ifndef MP2_COORDINATOR_PRETRAIN_BALANCE_H
#define MP2_COORDINATOR_PRETRAIN_BALANCE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct balance {
    int64_t tasks;
    double *mean;   /* (tasks) of |G|^2, from 0: not corrected for its start */
    int64_t *count; /* (tasks) visits in it */
};

status balance_new(int64_t tasks, struct balance **out);
void balance_destroy(struct balance **b);

/* The sum of squares of n numbers. */
double balance_square(const float *gradient, size_t n);
/* The factor of a visit of `task` with |G|^2 = square, that visit included. A gradient of 0 stays as it is: factor 1.
 */
double balance_weight(const struct balance *b, int64_t task, double square);
/* The visit counts. */
void balance_add(struct balance *b, int64_t task, double square);

#endif

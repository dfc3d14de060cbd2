/* Who computes what in a step. A group's batch stands in slots 0 … batch-1; slots are dealt in aligned blocks (nodes
 * of the sum's tree), so that a worker sends few partial sums. The result of a step does not depend on the deal
 * (cluster/README.md, "Tree of sums"). */
#ifndef MP2_COORDINATOR_LOOP_DEALING_H
#define MP2_COORDINATOR_LOOP_DEALING_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/comm/deal.h"

/* Local. Which example of a batch stands in which slot: by length alone (ties: by place in the batch), the long ones
 * spread over the tree, so that aligned blocks of one size cost alike. order[slot] = index into the batch. */
void dealing_order(int batch, const int32_t *lengths, int32_t *order);

/* Local. Deal the slots of all groups: cost (groups) is the predicted cost of one slot of a group, speed (workers) the
 * measured speed of each worker in cost per second, all > 0. Memory is used again from call to call. */
status dealing_assign(struct deal *p, int groups, int batch, int workers, const double *cost, const double *speed);

#endif

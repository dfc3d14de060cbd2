/* Who computes what in a step. A group's batch occupies slots 0 … batch-1; slots are assigned ("dealt") in aligned
 * blocks (nodes of the summation tree), so that a worker sends few partial sums. The result of a step does not depend
 * on this assignment (cluster/README.md, "Tree of sums"). */
#ifndef MP2_COORDINATOR_LOOP_DEALING_H
#define MP2_COORDINATOR_LOOP_DEALING_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/comm/deal.h"

/* Local. Which example of a batch goes into which slot: by length alone (ties: by index in the batch), long examples
 * spread over the tree, so that aligned blocks of the same size cost about the same. order[slot] = index into the
 * batch. */
void dealing_order(int batch, const int32_t *lengths, int32_t *order);

/* Local. Assign the slots of all groups: cost (groups) is the predicted cost of one slot of a group, speed (workers)
 * the measured speed of each worker in cost per second, all > 0. Memory is reused between calls. */
status dealing_assign(struct deal *p, int groups, int batch, int workers, const double *cost, const double *speed);

#endif

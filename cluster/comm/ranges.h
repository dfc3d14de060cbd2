/* One array of numbers, the same length on all workers, of which each owns a range (blocks.h): sums of everybody's arrays go to
 * the owners of the ranges, and updated ranges back to everybody. What reduce.h does for prompts, without layers and groups,
 * and without a copy: messages leave from and arrive in the arrays themselves. */
#ifndef MP2_COMM_RANGES_H
#define MP2_COMM_RANGES_H

#include "cluster/base/status.h"
#include "cluster/comm/blocks.h"
#include "cluster/comm/comm.h"
#include "cluster/comm/deal.h"
#include "cluster/comm/tree.h"

struct ranges {
    struct comm *comm;
    struct blocks blocks;
    struct exchange exchange;
    struct tree_sum slices;      /* of the own range */
};

/* Local. columns of b: the array's length. */
void ranges_init(struct ranges *r, struct comm *c, const struct blocks *b);
void ranges_fini(struct ranges *r);

/* Collective over the workers (others return at once). partial: what this worker holds of deal's one group, vectors of the
 * array's length. *own: the root's own range; it stays until partial is cleared or the next call. The same bits for any
 * number of workers and any deal. */
status ranges_sum(struct ranges *r, struct deal *deal, struct tree_sum *partial, const float **own);

/* Collective over the workers. Every worker's own range of whole is right; then all of it is, everywhere. */
status ranges_share(struct ranges *r, float *whole);

#endif

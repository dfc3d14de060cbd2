/* The squared norm of an array that workers own in ranges of blocks (cluster/comm/blocks.h): a block's sum is a leaf
 * of the tree over all blocks (cluster/README.md, "Tree of sums"), so its bits depend on neither owners nor threads. */
#ifndef MP2_WORKER_TRAIN_SQUARES_H
#define MP2_WORKER_TRAIN_SQUARES_H

#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/comm/tree.h"
#include "worker/kernel/kernels.h"

/* Local. Adds the nodes of blocks [first, last) of `blocks` to tree, which is cleared first. x: the blocks' elements,
 * BLOCK_COLUMNS each; room (last - first): scratch. */
status squares_sum(const struct kernels *k, struct pool *pool, int blocks, int first, int last, const float *x,
                   double *room, struct tree_sum *tree);

#endif

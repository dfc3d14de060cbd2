/* The tree over a unit's slots (cluster/README.md, "Tree of sums"), in place: neighbours are added, then pairs of
 * neighbours, and so on; if the right one is absent, the left one is passed up unchanged. The unit is an aligned block,
 * so this is a node of the batch's tree. */
#ifndef MP2_WORKER_MODEL_FOLD_H
#define MP2_WORKER_MODEL_FOLD_H

#include <stdint.h>

#include "worker/kernel/kernels.h"

/* Local. Leaves i = 0 … count-1 are n floats at leaf + i * stride; leaf 0 becomes the sum, the others are destroyed. */
static inline void fold_leaves(const struct kernels *k, int64_t count, int64_t stride, int64_t n, float *leaf)
{
    for (int64_t step = 1; step < count; step *= 2)
        for (int64_t i = 0; i + step < count; i += 2 * step) k->add(n, leaf + i * stride, leaf + (i + step) * stride);
}

#endif

/* A worker's columns of A with their AdamW moments, and the operations on them (worker/README.md, "Exact gradients";
 * cluster/README.md, "Columns and blocks").
 *
 * Memory is one relocatable array, [layers][blocks][3: A, m, v][d][64] f32; a narrower last block is padded with zeros
 * that stay zero. A block is contiguous, so that it can be checked, moved or rebuilt independently. dA is never formed:
 * a group's gradient is the product u^T G, and AdamW builds it element by element. */
#ifndef MP2_WORKER_PROMPT_COLUMNS_H
#define MP2_WORKER_PROMPT_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "cluster/comm/blocks.h"
#include "cluster/comm/tree.h"
#include "worker/kernel/kernels.h"

struct columns {
    const struct kernels *kernels;
    struct pool *pool;
    struct blocks blocks;
    int layers, d;
    int first, last;             /* blocks [first, last) of every layer are local */
    int64_t first_column, local; /* their columns: the first one, and the number */
    float *data;                 /* memory owned by the caller, columns_bytes */
    struct tree_sum *grad_u;     /* one per layer, over all blocks of a layer */
    float *scratch;              /* per thread */
    size_t scratch_room;         /* floats per thread */
    int groups_most;
};

/* Local. Bytes that a worker's columns need. */
size_t columns_bytes(const struct blocks *b, int worker, int layers, int d);

/* Local. data: columns_bytes of 64-byte aligned memory, owned by the caller, contents left unchanged. groups_most: the
 * largest `groups`. */
status columns_open(const struct kernels *kernels, struct pool *pool, const struct blocks *b, int worker, int layers,
                    int d, int groups_most, float *data, struct columns *c);
void columns_close(struct columns *c);

/* Local. First values: A ~ U(-b, b), b = 1/sqrt(P*H) (worker/README.md, "Tensors"), a function of (seed, layer, i,
 * column); m = v = 0. */
void columns_init(struct columns *c, uint64_t seed);

/* Local. prompt (groups, layers, local) = u (groups, layers, d) times the local columns. */
void columns_compose(struct columns *c, int groups, const float *u, float *prompt);

/* Local. This worker's part of g = A G. grad (groups, layers, local). Afterwards the nodes of c->grad_u[l] (the same
 * ones in every layer) hold vectors (groups, d) of double. */
status columns_grad_u(struct columns *c, int groups, const float *grad);

/* Local. One AdamW update with the gradient sum over groups u^T grad; the count of w is that of the step. With
 * next_prompt, also composes the next step's prompts from the updated columns, in the same pass over memory. */
void columns_update(struct columns *c, const struct adamw *w, int groups, const float *u, const float *grad,
                    int next_groups, const float *next_u, float *next_prompt);

/* Local. Block b (first <= b < last) of layer l: A, then m, then v, each (d, 64). */
static inline float *columns_block(const struct columns *c, int layer, int block)
{
    return c->data + ((size_t)layer * (size_t)(c->last - c->first) + (size_t)(block - c->first)) * 3 * (size_t)c->d *
                         BLOCK_COLUMNS;
}

#endif

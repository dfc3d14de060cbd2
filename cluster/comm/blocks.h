/* Who owns which columns of A. The P*H columns of a layer are cut into blocks of 64, the ragged last one last; worker w
 * holds a contiguous range of blocks, the same in every layer. Blocks are never split, so what is computed in a block
 * does not depend on the number of workers (cluster/README.md, "Columns and blocks"). */
#ifndef MP2_CLUSTER_COMM_BLOCKS_H
#define MP2_CLUSTER_COMM_BLOCKS_H

#include <stdint.h>

enum { BLOCK_COLUMNS = 64 };

struct blocks {
    int64_t columns; /* P*H of one layer */
    int count;       /* ceil(columns / 64) */
    int workers;
};

static inline struct blocks blocks_make(int64_t columns, int workers)
{
    return (struct blocks){columns, (int)((columns + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS), workers};
}

/* First block of worker w; blocks_first(b, workers) is the end. */
static inline int blocks_first(const struct blocks *b, int worker)
{
    return (int)((int64_t)b->count * worker / b->workers);
}

/* First column of a block, clipped to the number of columns. */
static inline int64_t blocks_column(const struct blocks *b, int block)
{
    int64_t c = (int64_t)block * BLOCK_COLUMNS;
    return c < b->columns ? c : b->columns;
}

/* The columns [first, last) of a worker. */
static inline void blocks_columns(const struct blocks *b, int worker, int64_t *first, int64_t *last)
{
    *first = blocks_column(b, blocks_first(b, worker));
    *last = blocks_column(b, blocks_first(b, worker + 1));
}

#endif

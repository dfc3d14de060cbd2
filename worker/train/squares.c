#include "worker/train/squares.h"

#include "cluster/comm/blocks.h"

enum { SUBTREE = 1024 }; /* blocks that one thread sums at a time */

/* The size of the largest node that starts at block b, ends by `last` and is no larger than SUBTREE. */
static int node_size(int b, int last)
{
    int size = 1;

    while (size < SUBTREE && b % (2 * size) == 0 && b + 2 * size <= last) size *= 2;
    return size;
}

struct squaring {
    const struct kernels *k;
    int first, last;
    const float *x;
    double *sums;
};

/* A node's sum is stored in its first block's place. */
static void square_job(void *arg, int thread, int threads)
{
    const struct squaring *s = arg;
    int size, item = 0;

    for (int b = s->first; b < s->last; b += size, item++) {
        double *sum = s->sums + (b - s->first);

        size = node_size(b, s->last);
        if (item % threads != thread) continue;
        for (int i = 0; i < size; i++)
            sum[i] = s->k->sum_squares(BLOCK_COLUMNS, s->x + (int64_t)(b - s->first + i) * BLOCK_COLUMNS);
        for (int n = size / 2; n > 0; n /= 2)
            for (int i = 0; i < n; i++) sum[i] = sum[2 * i] + sum[2 * i + 1];
    }
}

status squares_sum(const struct kernels *k, struct pool *pool, int blocks, int first, int last, const float *x,
                   double *room, struct tree_sum *tree)
{
    struct squaring s = {k, first, last, x, room};
    int size;

    pool_run(pool, square_job, &s);
    tree_sum_clear(tree, blocks);
    for (int b = first; b < last; b += size) {
        void *vector;

        size = node_size(b, last);
        TRY(tree_sum_take(tree, &vector));
        *(double *)vector = room[b - first];
        TRY(tree_sum_add(tree, (struct tree_node){b, size}, vector));
    }
    return ST_OK;
}

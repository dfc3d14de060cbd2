/* Every function iterates over blocks; each thread gets whole blocks (whole layers where a tree is summed), so no sum
 * depends on the number of threads. */
#include "worker/prompt/columns.h"

#include <math.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/base/random.h"

_Static_assert((int)BLOCK_COLUMNS == (int)COLUMN_BLOCK, "the kernels' block is ours");

size_t columns_bytes(const struct blocks *b, int worker, int layers, int d)
{
    size_t here = (size_t)(blocks_first(b, worker + 1) - blocks_first(b, worker));

    return (size_t)layers * here * 3 * (size_t)d * BLOCK_COLUMNS * sizeof(float);
}

status columns_open(const struct kernels *kernels, struct pool *pool, const struct blocks *b, int worker, int layers,
                    int d, int groups_most, float *data, struct columns *c)
{
    int64_t last_column;
    status s;

    *c = (struct columns){.kernels = kernels,
                          .pool = pool,
                          .blocks = *b,
                          .layers = layers,
                          .d = d,
                          .data = data,
                          .groups_most = groups_most};
    c->first = blocks_first(b, worker);
    c->last = blocks_first(b, worker + 1);
    blocks_columns(b, worker, &c->first_column, &last_column);
    c->local = last_column - c->first_column;
    c->scratch_room = (size_t)groups_most * (BLOCK_COLUMNS * 2 + 2 * (size_t)d);
    s = mem_alloc((size_t)pool_threads(pool) * c->scratch_room, sizeof(float), &c->scratch);
    if (s == ST_OK) s = mem_alloc((size_t)layers, sizeof *c->grad_u, &c->grad_u);
    for (int l = 0; l < layers && s == ST_OK; l++)
        tree_sum_init(&c->grad_u[l], b->count, TREE_DOUBLE, (size_t)groups_most * (size_t)d);
    if (s != ST_OK) columns_close(c);
    return s;
}

void columns_close(struct columns *c)
{
    for (int l = 0; c->grad_u && l < c->layers; l++) tree_sum_fini(&c->grad_u[l]);
    mem_free(c->grad_u);
    mem_free(c->scratch);
    *c = (struct columns){0};
}

/* ---- a job over all blocks of all layers ---- */

struct walk {
    struct columns *c;
    int groups, next_groups;
    const float *u, *grad, *next_u;
    float *out;
    const struct adamw *w;
    uint64_t seed;
    status state;
};

/* Width of a block: 64, or less for the ragged last one. */
static int block_width(const struct columns *c, int block)
{
    return (int)(blocks_column(&c->blocks, block + 1) - blocks_column(&c->blocks, block));
}

/* Offset of a group's vector of a layer in an array (groups, layers, n). */
static size_t at(const struct columns *c, int group, int layer, int64_t n)
{
    return ((size_t)group * (size_t)c->layers + (size_t)layer) * (size_t)n;
}

/* u of one layer, groups contiguous: (groups, d). */
static void gather_u(const struct columns *c, int groups, int layer, const float *u, float *out)
{
    for (int g = 0; g < groups; g++)
        memcpy(out + (size_t)g * (size_t)c->d, u + at(c, g, layer, c->d), (size_t)c->d * sizeof *out);
}

static void gather_grad(const struct columns *c, int groups, int layer, int block, const float *grad, float *out)
{
    size_t offset = (size_t)(blocks_column(&c->blocks, block) - c->first_column);
    size_t width = (size_t)block_width(c, block);

    for (int g = 0; g < groups; g++) {
        float *to = out + (size_t)g * BLOCK_COLUMNS;

        memset(to, 0, BLOCK_COLUMNS * sizeof *to);
        memcpy(to, grad + at(c, g, layer, c->local) + offset, width * sizeof *to);
    }
}

static void scatter_prompt(const struct columns *c, int groups, int layer, int block, const float *composed, float *out)
{
    size_t offset = (size_t)(blocks_column(&c->blocks, block) - c->first_column);
    size_t width = (size_t)block_width(c, block);

    for (int g = 0; g < groups; g++)
        memcpy(out + at(c, g, layer, c->local) + offset, composed + (size_t)g * BLOCK_COLUMNS, width * sizeof *out);
}

static void thread_blocks(const struct columns *c, int thread, int threads, int64_t *first, int64_t *last)
{
    pool_slice((int64_t)c->layers * (c->last - c->first), 1, thread, threads, first, last);
}

static void init_job(void *arg, int thread, int threads)
{
    struct walk *k = arg;
    struct columns *c = k->c;
    struct random_key key = random_derive(random_seed(k->seed, RANDOM_INIT), 'A', 0, 0, 0);
    const float bound = (float)(1.0 / sqrt((double)c->blocks.columns));
    int64_t first, last;

    thread_blocks(c, thread, threads, &first, &last);
    for (int64_t n = first; n < last; n++) {
        int layer = (int)(n / (c->last - c->first)), block = c->first + (int)(n % (c->last - c->first));
        float *a = columns_block(c, layer, block);
        int width = block_width(c, block);

        memset(a, 0, 3 * (size_t)c->d * BLOCK_COLUMNS * sizeof *a);
        for (int i = 0; i < c->d; i++)
            for (int col = 0; col < width; col += 4) {
                uint32_t counter[4] = {(uint32_t)layer, (uint32_t)i, (uint32_t)block, (uint32_t)col}, word[4];

                random_block(key, counter, word);
                for (int k4 = 0; k4 < 4 && col + k4 < width; k4++)
                    a[i * BLOCK_COLUMNS + col + k4] = bound * ((float)(word[k4] >> 8) * 0x1p-23f + (0x1p-24f - 1.0f));
            }
    }
}

void columns_init(struct columns *c, uint64_t seed)
{
    pool_run(c->pool, init_job, &(struct walk){.c = c, .seed = seed});
}

static void compose_job(void *arg, int thread, int threads)
{
    struct walk *k = arg;
    struct columns *c = k->c;
    float *u = c->scratch + (size_t)thread * c->scratch_room, *composed = u + (size_t)k->groups * (size_t)c->d;
    int64_t first, last;
    int seen = -1;

    thread_blocks(c, thread, threads, &first, &last);
    for (int64_t n = first; n < last; n++) {
        int layer = (int)(n / (c->last - c->first)), block = c->first + (int)(n % (c->last - c->first));

        if (layer != seen) gather_u(c, k->groups, layer, k->u, u);
        seen = layer;
        c->kernels->columns_compose(c->d, k->groups, u, columns_block(c, layer, block), composed);
        scatter_prompt(c, k->groups, layer, block, composed, k->out);
    }
}

void columns_compose(struct columns *c, int groups, const float *u, float *prompt)
{
    pool_run(c->pool, compose_job, &(struct walk){.c = c, .groups = groups, .u = u, .out = prompt});
}

/* Threads split layers, not blocks: a layer's tree is summed by one thread. */
static void grad_u_job(void *arg, int thread, int threads)
{
    struct walk *k = arg;
    struct columns *c = k->c;
    float *grad = c->scratch + (size_t)thread * c->scratch_room;
    int64_t first, last;

    pool_slice(c->layers, 1, thread, threads, &first, &last);
    for (int64_t layer = first; layer < last; layer++) {
        struct tree_sum *t = &c->grad_u[layer];
        status s = ST_OK;

        tree_sum_clear(t, c->blocks.count);
        for (int block = c->first; block < c->last && s == ST_OK; block++) {
            void *vector;

            gather_grad(c, k->groups, (int)layer, block, k->grad, grad);
            s = tree_sum_take(t, &vector);
            if (s != ST_OK) break;
            c->kernels->columns_grad_u(c->d, k->groups, columns_block(c, (int)layer, block), grad, vector);
            s = tree_sum_add(t, (struct tree_node){block, 1}, vector);
        }
        if (s != ST_OK) __atomic_store_n(&k->state, s, __ATOMIC_RELAXED);
    }
}

status columns_grad_u(struct columns *c, int groups, const float *grad)
{
    struct walk k = {.c = c, .groups = groups, .grad = grad, .state = ST_OK};

    pool_run(c->pool, grad_u_job, &k);
    return k.state;
}

static void update_job(void *arg, int thread, int threads)
{
    struct walk *k = arg;
    struct columns *c = k->c;
    float *u = c->scratch + (size_t)thread * c->scratch_room, *grad = u + (size_t)c->groups_most * (size_t)c->d;
    float *next_u = grad + (size_t)c->groups_most * BLOCK_COLUMNS;
    float *composed = next_u + (size_t)c->groups_most * (size_t)c->d;
    size_t part = (size_t)c->d * BLOCK_COLUMNS;
    int64_t first, last;
    int seen = -1;

    thread_blocks(c, thread, threads, &first, &last);
    for (int64_t n = first; n < last; n++) {
        int layer = (int)(n / (c->last - c->first)), block = c->first + (int)(n % (c->last - c->first));
        float *a = columns_block(c, layer, block);

        if (layer != seen) {
            gather_u(c, k->groups, layer, k->u, u);
            if (k->out) gather_u(c, k->next_groups, layer, k->next_u, next_u);
            seen = layer;
        }
        gather_grad(c, k->groups, layer, block, k->grad, grad);
        c->kernels->columns_update(k->w, c->d, k->groups, u, grad, a, a + part, a + 2 * part, k->next_groups, next_u,
                                   k->out ? composed : NULL);
        if (k->out) scatter_prompt(c, k->next_groups, layer, block, composed, k->out);
    }
}

void columns_update(struct columns *c, const struct adamw *w, int groups, const float *u, const float *grad,
                    int next_groups, const float *next_u, float *next_prompt)
{
    pool_run(c->pool, update_job,
             &(struct walk){.c = c,
                            .w = w,
                            .groups = groups,
                            .u = u,
                            .grad = grad,
                            .next_groups = next_groups,
                            .next_u = next_u,
                            .out = next_prompt});
}

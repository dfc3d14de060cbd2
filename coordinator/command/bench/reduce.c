/* mp2 bench reduce: what a step sends at CPT-large's size (24 layers, P*H = 51,200, d = 300, 32 examples).
 * One line for 2 to 8 workers with the bytes that the busiest worker sends, counted from the deal and the block layout,
 * beside a ring all-reduce of dA. Under mpirun also a measured line: the exchanges of a step on these ranks, beside one
 * plain exchange of the same bytes between neighbours. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"
#include "cluster/comm/reduce.h"
#include "coordinator/command/bench/commands.h"
#include "coordinator/command/bench/figure.h"
#include "coordinator/loop/dealing.h"

enum { LAYERS = 24, COLUMNS = 51200, D = 300, HIDDEN = 1024, BATCH = 32, ROUNDS = 10 };

static const double ring_bytes_of_dA = 2.0 * LAYERS * D * (double)COLUMNS * sizeof(float);

/* Blocks of a worker that remain after merging, for the sum over columns. */
static size_t grad_u_nodes(const struct blocks *b, int worker, struct tree_node *nodes)
{
    size_t n = 0;

    for (int i = blocks_first(b, worker); i < blocks_first(b, worker + 1); i++) nodes[n++] = (struct tree_node){i, 1};
    return tree_merge_nodes(b->count, nodes, n);
}

/* Bytes that a worker sends in a step; see reduce.c for the four exchanges. */
static status count_worker(struct deal *deal, const struct blocks *b, int worker, double *bytes)
{
    const struct tree_node *nodes;
    struct tree_node of_blocks[COLUMNS / BLOCK_COLUMNS];
    size_t count;
    int64_t first, last;
    double own, bank = (double)LAYERS * COLUMNS * sizeof(float);

    TRY(deal_nodes(deal, 0, worker, &nodes, &count));
    blocks_columns(b, worker, &first, &last);
    own = (double)LAYERS * (double)(last - first) * sizeof(float);
    *bytes = own * (b->workers - 1)         /* composed prompts, to the other workers */
             + (double)count * (bank - own) /* gradients, to the owners of their columns */
             + own                          /* the sum, to the coordinator */
             + (double)grad_u_nodes(b, worker, of_blocks) * LAYERS * D * sizeof(double) +
             (double)count * 2 * HIDDEN * sizeof(float) + (BATCH + 1) * sizeof(double);
    return ST_OK;
}

status bench_bytes_sent(int workers, double *out)
{
    const double cost = 1, speed[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct blocks b = blocks_make(COLUMNS, workers);
    struct deal deal = {0};
    status s = dealing_assign(&deal, 1, BATCH, workers, &cost, speed);

    *out = 0;
    for (int w = 0; w < workers && s == ST_OK; w++) {
        double bytes = 0;

        s = count_worker(&deal, &b, w, &bytes);
        if (bytes > *out) *out = bytes;
    }
    deal_fini(&deal);
    return s;
}

static status count_all(void)
{
    for (int workers = 2; workers <= 8; workers++) {
        double most, ring = ring_bytes_of_dA * (workers - 1) / workers;
        char what[64];

        TRY(bench_bytes_sent(workers, &most));
        snprintf(what, sizeof what, "cpt-large deep, %d workers, counted", workers);
        TRY(bench_print(&(struct bench_figure){"reduce", what, most, ring, "byte/step/worker"},
                        "\"limit_is\":\"ring all-reduce of dA\",\"megabytes\":%.2f", most / 1e6));
    }
    return ST_OK;
}

/* ---- measured ---- */

struct traffic {
    struct comm comm;
    struct blocks blocks;
    struct reduce reduce;
    struct deal deal;
    struct tree_sum sum, *partial[1];
    float *local, *whole;
};

static status fill_gradients(struct traffic *t)
{
    tree_sum_clear(&t->sum, BATCH);
    for (size_t i = 0; i < t->deal.count; i++) {
        void *vector;

        if (t->deal.blocks[i].worker != t->comm.worker) continue;
        TRY(tree_sum_take(&t->sum, &vector));
        TRY(tree_sum_add(&t->sum, t->deal.blocks[i].node, vector));
    }
    return ST_OK;
}

/* A step's exchanges of whole prompts; those of vectors of d are small beside them. */
static status exchange_once(struct traffic *t)
{
    TRY(reduce_gather_prompts(&t->reduce, 1, t->local, t->whole));
    TRY(reduce_scatter_grad(&t->reduce, &t->deal, t->partial, t->local));
    return reduce_gather_grad(&t->reduce, 1, t->local, t->whole);
}

/* The same number of bytes, handed on to the next rank in one message. */
static status plain_once(struct traffic *t, char *out, char *in, size_t bytes)
{
    struct exchange x = {0};
    status s;

    exchange_receive(&t->comm, &x, in, bytes, (t->comm.rank + t->comm.size - 1) % t->comm.size, 1);
    exchange_send(&t->comm, &x, out, bytes, (t->comm.rank + 1) % t->comm.size, 1);
    s = exchange_wait(&t->comm, &x);
    exchange_fini(&x);
    return s;
}

static status time_traffic(struct traffic *t)
{
    double started, seconds, plain;
    int64_t most = 0;
    char *out = NULL, *in = NULL;
    status s;

    TRY(exchange_once(t));
    t->comm.sent = 0;
    started = clock_now();
    for (int i = 0; i < ROUNDS; i++) TRY(exchange_once(t));
    TRY(comm_barrier(&t->comm));
    seconds = (clock_now() - started) / ROUNDS;
    most = t->comm.sent / ROUNDS;
    TRY(comm_max(&t->comm, &most, 1));
    s = mem_alloc((size_t)most, 1, &out);
    if (s == ST_OK) s = mem_alloc((size_t)most, 1, &in);
    TRY(comm_agree(&t->comm, s));
    TRY(plain_once(t, out, in, (size_t)most));
    started = clock_now();
    for (int i = 0; i < ROUNDS; i++) TRY(plain_once(t, out, in, (size_t)most));
    TRY(comm_barrier(&t->comm));
    plain = (clock_now() - started) / ROUNDS;
    mem_free(out);
    mem_free(in);
    if (t->comm.rank != 0) return ST_OK;
    return bench_print(
        &(struct bench_figure){"reduce", "cpt-large deep, exchanges of a step", (double)most / seconds,
                               (double)most / plain, "byte/s/worker"},
        "\"workers\":%d,\"bytes\":%lld,\"seconds\":%.6f,\"limit_is\":\"neighbours exchange the same bytes\"",
        t->comm.workers, (long long)most, seconds);
}

static status measure(struct traffic *t)
{
    double cost = 1, *speed;
    status s;

    t->blocks = blocks_make(COLUMNS, t->comm.workers);
    reduce_init(&t->reduce, &t->comm, &t->blocks, LAYERS);
    tree_sum_init(&t->sum, BATCH, TREE_FLOAT, (size_t)LAYERS * COLUMNS);
    t->partial[0] = &t->sum;
    TRY(mem_alloc((size_t)t->comm.workers, sizeof *speed, &speed));
    for (int w = 0; w < t->comm.workers; w++) speed[w] = 1;
    s = dealing_assign(&t->deal, 1, BATCH, t->comm.workers, &cost, speed);
    mem_free(speed);
    if (s == ST_OK) s = mem_alloc((size_t)LAYERS * COLUMNS, sizeof(float), &t->local);
    if (s == ST_OK) s = mem_alloc((size_t)LAYERS * COLUMNS, sizeof(float), &t->whole);
    if (s == ST_OK) s = fill_gradients(t);
    TRY(comm_agree(&t->comm, s));
    return time_traffic(t);
}

status cmd_bench_reduce(int argc, char **argv)
{
    struct traffic t;
    status s;

    (void)argc;
    (void)argv;
    memset(&t, 0, sizeof t);
    s = comm_init(&t.comm);
    if (s == ST_OK && t.comm.rank == 0) s = count_all();
    if (s == ST_OK) s = comm_agree(&t.comm, s);
    if (s == ST_OK && t.comm.size > 1) s = measure(&t);
    mem_free(t.local);
    mem_free(t.whole);
    tree_sum_fini(&t.sum);
    deal_fini(&t.deal);
    if (t.reduce.comm) reduce_fini(&t.reduce);
    comm_fini(&t.comm, s);
    return s;
}

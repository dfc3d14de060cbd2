/* Point-to-point, sizes known from the deal, the blocks and the parts. Between two workers all messages of a sum carry
 * one tag: they are sent and expected in the same order, node by node, part by part. */
#include "cluster/comm/ranges.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { ADD_BLOCKS = 64 }; /* blocks that a thread takes through all additions at a time: they stay in its cache */

void ranges_init(struct ranges *r, struct comm *c, const struct blocks *b)
{
    *r = (struct ranges){.comm = c, .blocks = *b};
    if (comm_is_worker(c)) blocks_columns(b, c->worker, &r->first, &r->last);
}

void ranges_fini(struct ranges *r)
{
    exchange_fini(&r->exchange);
    for (int32_t i = 0; i < r->array_count; i++) mem_free(r->arrays[i]);
    mem_free(r->arrays);
    mem_free(r->parts);
    mem_free(r->leaves);
    mem_free(r->adds);
    mem_free(r->end_adds);
    mem_free(r->nodes);
    *r = (struct ranges){0};
}

/* ---- the plan ---- */

static status add_array(struct ranges *r, int64_t length, float **out)
{
    TRY(mem_alloc((size_t)length, sizeof **out, out));
    r->arrays[r->array_count++] = *out;
    return ST_OK;
}

/* What a worker was dealt. */
static int32_t dealt(const struct deal *deal, int worker, struct tree_node *nodes)
{
    int32_t n = 0;

    for (size_t i = 0; i < deal->count; i++)
        if (deal->blocks[i].worker == worker) nodes[n++] = deal->blocks[i].node;
    return n;
}

struct planning {
    const struct deal *deal;
    struct tree_node *nodes; /* (deal's blocks) scratch, as all below */
    struct tree_merge *merges;
    int32_t *until,
        *settled;    /* of a leaf: when it is added to another (INT32_MAX: never); the last that is added to it */
    int32_t *holder; /* of an array: the last leaf that it was given */
};

/* A slot takes an array that an earlier one has given back, or a new one. */
static status give_array(struct ranges *r, struct planning *p, int32_t leaf)
{
    int32_t a = 0;

    while (a < r->array_count && p->until[p->holder[a]] >= leaf) a++;
    if (a == r->array_count) TRY(add_array(r, r->blocks.columns, &r->leaves[leaf].array));
    r->leaves[leaf].array = r->arrays[a];
    p->holder[a] = leaf;
    return ST_OK;
}

static status plan_leaves(struct ranges *r, struct planning *p)
{
    int32_t n = dealt(p->deal, r->comm->worker, p->nodes), count, at = 0;

    r->leaf_count = n;
    count = n - (int32_t)tree_merge_plan(p->deal->batch, p->nodes, (size_t)n, p->merges);
    TRY(mem_alloc((size_t)n, sizeof *r->leaves, &r->leaves));
    TRY(mem_alloc((size_t)n, sizeof *r->adds, &r->adds));
    for (int32_t i = 0; i < n; i++) {
        p->until[i] = INT32_MAX;
        p->settled[i] = i;
    }
    for (int32_t i = 0; i < count; i++) p->until[p->merges[i].from] = p->settled[p->merges[i].into] = p->merges[i].at;
    for (int32_t i = 0; i < n; i++) {
        struct ranges_leaf *leaf = &r->leaves[i];
        int32_t into = i;

        TRY(give_array(r, p, i));
        leaf->first_add = at;
        for (; at < count && p->merges[at].at == i; at++) {
            into = p->merges[at].into;
            r->adds[at] = (struct ranges_add){r->leaves[into].array, r->leaves[p->merges[at].from].array};
        }
        leaf->adds = at - leaf->first_add;
        if (p->until[into] == INT32_MAX && p->settled[into] == i) leaf->node = r->leaves[into].array;
    }
    return ST_OK;
}

/* All workers' nodes, by slot; own ones stand where the leaves have left them. */
static status plan_nodes(struct ranges *r, struct planning *p)
{
    TRY(mem_alloc(p->deal->count, sizeof *r->nodes, &r->nodes));
    for (int w = 0; w < r->comm->workers; w++) {
        size_t n = (size_t)dealt(p->deal, w, p->nodes), kept = tree_merge_plan(p->deal->batch, p->nodes, n, NULL);
        const struct ranges_leaf *leaf = r->leaves;

        for (size_t i = 0; i < kept; i++) {
            struct ranges_node node = {p->nodes[i], w, NULL, NULL};
            int32_t at = r->node_count++;

            if (w == r->comm->worker) {
                while (!leaf->node) leaf++;
                node.own = leaf++->node + r->first;
            } else {
                TRY(add_array(r, r->last - r->first, &node.incoming));
                node.own = node.incoming;
            }
            for (; at > 0 && r->nodes[at - 1].node.first > node.node.first; at--) r->nodes[at] = r->nodes[at - 1];
            r->nodes[at] = node;
        }
    }
    return ST_OK;
}

static status plan_end(struct ranges *r, struct planning *p)
{
    size_t n = (size_t)r->node_count, kept;

    for (size_t i = 0; i < n; i++) p->nodes[i] = r->nodes[i].node;
    kept = tree_merge_plan(p->deal->batch, p->nodes, n, p->merges);
    if (kept != 1 || p->nodes[0].first != 0 || p->nodes[0].size < p->deal->batch)
        return fault(ST_SYSTEM, "internal error: the deal leaves slots out");
    r->end_count = (int32_t)(n - kept);
    TRY(mem_alloc(n, sizeof *r->end_adds, &r->end_adds));
    for (int32_t i = 0; i < r->end_count; i++)
        r->end_adds[i] = (struct ranges_add){r->nodes[p->merges[i].into].own, r->nodes[p->merges[i].from].own};
    return ST_OK;
}

static status planning_open(struct planning *p, const struct deal *deal)
{
    p->deal = deal;
    TRY(mem_alloc(deal->count, sizeof *p->nodes, &p->nodes));
    TRY(mem_alloc(deal->count, sizeof *p->merges, &p->merges));
    TRY(mem_alloc(deal->count, sizeof *p->until, &p->until));
    TRY(mem_alloc(deal->count, sizeof *p->settled, &p->settled));
    return mem_alloc(deal->count, sizeof *p->holder, &p->holder);
}

static void planning_close(struct planning *p)
{
    mem_free(p->nodes);
    mem_free(p->merges);
    mem_free(p->until);
    mem_free(p->settled);
    mem_free(p->holder);
}

status ranges_plan(struct ranges *r, const struct deal *deal, const struct ranges_part *parts, int count,
                   struct pool *pool)
{
    struct planning p = {0};
    status s;

    if (!comm_is_worker(r->comm)) return ST_OK;
    r->pool = pool;
    r->part_count = count;
    TRY(mem_alloc((size_t)count, sizeof *r->parts, &r->parts));
    memcpy(r->parts, parts, (size_t)count * sizeof *parts);
    TRY(mem_alloc(2 * deal->count, sizeof *r->arrays, &r->arrays));
    s = planning_open(&p, deal);
    if (s == ST_OK) s = plan_leaves(r, &p);
    if (s == ST_OK) s = plan_nodes(r, &p);
    if (s == ST_OK) s = plan_end(r, &p);
    planning_close(&p);
    return s;
}

/* ---- adding ---- */

struct adding {
    const struct ranges_add *adds;
    int32_t count;
    int64_t first, last;
};

static void add_elements(float *restrict into, const float *restrict from, int64_t n)
{
    int64_t i = 0;

    for (; i + BLOCK_COLUMNS <= n; i += BLOCK_COLUMNS)
        for (int j = 0; j < BLOCK_COLUMNS; j++) into[i + j] += from[i + j];
    for (; i < n; i++) into[i] += from[i];
}

static void add_job(void *arg, int thread, int threads)
{
    const struct adding *a = arg;
    int64_t first, last, n;

    pool_slice(a->last - a->first, BLOCK_COLUMNS, thread, threads, &first, &last);
    for (int64_t at = a->first + first; at < a->first + last; at += n) {
        n = a->first + last - at < ADD_BLOCKS * BLOCK_COLUMNS ? a->first + last - at : ADD_BLOCKS * BLOCK_COLUMNS;
        for (int32_t i = 0; i < a->count; i++) add_elements(a->adds[i].into + at, a->adds[i].from + at, n);
    }
}

/* All additions in order, for the elements [first, last) of their arrays. */
static void add_up(struct ranges *r, const struct ranges_add *adds, int32_t count, int64_t first, int64_t last)
{
    struct adding a = {adds, count, first, last};

    if (count > 0) pool_run(r->pool, add_job, &a);
}

/* ---- a step ---- */

/* What of a part lies in a worker's range. */
static struct ranges_part cut_part(const struct ranges *r, int part, int worker)
{
    struct ranges_part p = r->parts[part];
    int64_t first, last;

    blocks_columns(&r->blocks, worker, &first, &last);
    if (p.first < first) p.first = first;
    if (p.last > last) p.last = last;
    if (p.last < p.first) p.last = p.first;
    return p;
}

void ranges_begin(struct ranges *r)
{
    r->leaf = 0;
    for (int32_t i = 0; i < r->node_count; i++) {
        const struct ranges_node *node = &r->nodes[i];

        for (int part = 0; part < r->part_count && node->incoming; part++) {
            struct ranges_part p = cut_part(r, part, r->comm->worker);

            exchange_receive(r->comm, &r->exchange, node->incoming + (p.first - r->first),
                             (size_t)(p.last - p.first) * sizeof(float), comm_rank_of_worker(r->comm, node->worker),
                             TAG_RANGE_SUM);
        }
    }
}

float *ranges_array(struct ranges *r)
{
    r->part = 0;
    return r->leaves[r->leaf++].array;
}

void ranges_done(struct ranges *r)
{
    const struct ranges_leaf *leaf = &r->leaves[r->leaf - 1];
    int part = r->part++;

    add_up(r, r->adds + leaf->first_add, leaf->adds, r->parts[part].first, r->parts[part].last);
    for (int w = 0; w < r->comm->workers && leaf->node; w++) {
        struct ranges_part p = cut_part(r, part, w);

        if (w != r->comm->worker)
            exchange_send(r->comm, &r->exchange, leaf->node + p.first, (size_t)(p.last - p.first) * sizeof(float),
                          comm_rank_of_worker(r->comm, w), TAG_RANGE_SUM);
    }
    ranges_progress(r);
}

void ranges_progress(struct ranges *r)
{
    (void)exchange_test(&r->exchange); /* a failure comes back from the wait */
}

status ranges_sum(struct ranges *r, const float **own)
{
    *own = NULL;
    if (!comm_is_worker(r->comm)) return ST_OK;
    if (r->leaf != r->leaf_count || (r->leaf_count > 0 && r->part != r->part_count))
        return fault(ST_SYSTEM, "internal error: %d of %d arrays are final", r->leaf, r->leaf_count);
    TRY(exchange_wait(r->comm, &r->exchange));
    add_up(r, r->end_adds, r->end_count, 0, r->last - r->first);
    *own = r->nodes[0].own;
    return ST_OK;
}

status ranges_gather(struct ranges *r, float *whole)
{
    struct comm *c = r->comm;

    if (!comm_is_worker(c)) return ST_OK;
    for (int w = 0; w < c->workers; w++) {
        int64_t first, last;

        if (w == c->worker) continue;
        blocks_columns(&r->blocks, w, &first, &last);
        exchange_receive(c, &r->exchange, whole + first, (size_t)(last - first) * sizeof *whole,
                         comm_rank_of_worker(c, w), TAG_RANGE_GATHER);
        exchange_send(c, &r->exchange, whole + r->first, (size_t)(r->last - r->first) * sizeof *whole,
                      comm_rank_of_worker(c, w), TAG_RANGE_GATHER);
    }
    return exchange_wait(c, &r->exchange);
}

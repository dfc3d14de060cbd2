/* Point-to-point, sizes known from the deal and the blocks. */
#include "cluster/comm/ranges.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { TAG_SUM = 120, TAG_SHARE };

void ranges_init(struct ranges *r, struct comm *c, const struct blocks *b)
{
    int64_t first = 0, last = 0;

    *r = (struct ranges){.comm = c, .blocks = *b};
    if (comm_is_worker(c)) blocks_columns(b, c->worker, &first, &last);
    tree_sum_init(&r->slices, 0, TREE_FLOAT, (size_t)(last - first));
}

void ranges_fini(struct ranges *r)
{
    exchange_fini(&r->exchange);
    tree_sum_fini(&r->slices);
    *r = (struct ranges){0};
}

/* Every owner's range of every vector here but the own ones. */
static void send_parts(struct ranges *r, const struct tree_sum *partial)
{
    struct comm *c = r->comm;

    for (int w = 0; w < c->workers; w++) {
        int64_t first, last;

        if (w == c->worker) continue;
        blocks_columns(&r->blocks, w, &first, &last);
        for (size_t n = 0; n < partial->count; n++)
            exchange_send(c, &r->exchange, (const float *)partial->vectors[n] + first, (size_t)(last - first) * sizeof(float),
                          comm_rank_of_worker(c, w), TAG_SUM);
    }
}

/* A worker's own list of nodes must be what the deal says, or the sums would be silently wrong. */
static status check_nodes(const struct tree_sum *have, const struct tree_node *nodes, size_t count)
{
    if (have->count == count && (count == 0 || memcmp(have->nodes, nodes, count * sizeof *nodes) == 0)) return ST_OK;
    return fault(ST_SYSTEM, "internal error: %zu partial sums of a step, the deal says %zu", have->count, count);
}

/* The own range of every node of every worker, into vectors of the tree that is to add them; received until the wait. */
static status take_parts(struct ranges *r, struct deal *deal, const struct tree_sum *partial, void **vectors)
{
    struct comm *c = r->comm;
    size_t bytes = r->slices.length * sizeof(float), at = 0;
    int64_t first, last;

    blocks_columns(&r->blocks, c->worker, &first, &last);
    for (int w = 0; w < c->workers; w++) {
        const struct tree_node *nodes;
        size_t count;

        TRY(deal_nodes(deal, 0, w, &nodes, &count));
        if (w == c->worker) TRY(check_nodes(partial, nodes, count));
        for (size_t n = 0; n < count; n++, at++) {
            TRY(tree_sum_take_unset(&r->slices, &vectors[at]));
            if (w == c->worker) memcpy(vectors[at], (const float *)partial->vectors[n] + first, bytes);
            else exchange_receive(c, &r->exchange, vectors[at], bytes, comm_rank_of_worker(c, w), TAG_SUM);
        }
    }
    return ST_OK;
}

static status add_parts(struct ranges *r, struct deal *deal, void **vectors)
{
    size_t at = 0;

    for (int w = 0; w < r->comm->workers; w++) {
        const struct tree_node *nodes;
        size_t count;

        TRY(deal_nodes(deal, 0, w, &nodes, &count));
        for (size_t n = 0; n < count; n++) TRY(tree_sum_add(&r->slices, nodes[n], vectors[at++]));
    }
    return ST_OK;
}

status ranges_sum(struct ranges *r, struct deal *deal, struct tree_sum *partial, const float **own)
{
    void **vectors;
    status s;

    *own = NULL;
    if (!comm_is_worker(r->comm)) return ST_OK;
    if (r->comm->workers == 1) {
        *own = tree_sum_root(partial);
        return *own ? ST_OK : fault(ST_SYSTEM, "internal error: the deal leaves slots out");
    }
    tree_sum_clear(&r->slices, deal->batch);
    TRY(mem_alloc((size_t)deal->batch, sizeof *vectors, &vectors));
    s = take_parts(r, deal, partial, vectors);
    if (s == ST_OK) send_parts(r, partial);
    if (s == ST_OK) s = exchange_wait(r->comm, &r->exchange);
    if (s == ST_OK) s = add_parts(r, deal, vectors);
    mem_free(vectors);
    TRY(s);
    *own = tree_sum_root(&r->slices);
    return *own ? ST_OK : fault(ST_SYSTEM, "internal error: the deal leaves slots out");
}

status ranges_share(struct ranges *r, float *whole)
{
    struct comm *c = r->comm;
    int64_t mine, end;

    if (!comm_is_worker(c)) return ST_OK;
    blocks_columns(&r->blocks, c->worker, &mine, &end);
    for (int w = 0; w < c->workers; w++) {
        int64_t first, last;

        if (w == c->worker) continue;
        blocks_columns(&r->blocks, w, &first, &last);
        exchange_receive(c, &r->exchange, whole + first, (size_t)(last - first) * sizeof *whole, comm_rank_of_worker(c, w), TAG_SHARE);
        exchange_send(c, &r->exchange, whole + mine, (size_t)(end - mine) * sizeof *whole, comm_rank_of_worker(c, w), TAG_SHARE);
    }
    return exchange_wait(c, &r->exchange);
}

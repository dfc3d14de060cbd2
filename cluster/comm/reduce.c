/* Point-to-point exchanges whose sizes every rank computes from the deal and the block layout; no sizes travel. */
#include "cluster/comm/reduce.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

void reduce_init(struct reduce *r, struct comm *c, const struct blocks *b, int layers)
{
    *r = (struct reduce){.comm = c, .blocks = *b, .layers = layers};
    tree_sum_init(&r->slices, 0, TREE_FLOAT, 0);
}

void reduce_fini(struct reduce *r)
{
    exchange_fini(&r->exchange);
    tree_sum_fini(&r->slices);
    tree_sum_fini(&r->grad_u);
    mem_free(r->nodes);
    mem_free(r->out);
    mem_free(r->in);
    *r = (struct reduce){0};
}

static int64_t local_columns(const struct reduce *r, int worker)
{
    int64_t first, last;

    blocks_columns(&r->blocks, worker, &first, &last);
    return last - first;
}

static int64_t first_column(const struct reduce *r, int worker)
{
    return blocks_column(&r->blocks, blocks_first(&r->blocks, worker));
}

static status grow(char **buffer, size_t *room, size_t bytes)
{
    return mem_grow(buffer, room, bytes, 1);
}

/* Rows of `part` columns at column `first` of an array of rows of `whole` columns. */
static void copy_out(float *to, const float *from, int64_t rows, int64_t first, int64_t part, int64_t whole)
{
    for (int64_t i = 0; i < rows; i++) memcpy(to + i * part, from + i * whole + first, (size_t)part * sizeof *to);
}

static void copy_in(float *to, const float *from, int64_t rows, int64_t first, int64_t part, int64_t whole)
{
    for (int64_t i = 0; i < rows; i++) memcpy(to + i * whole + first, from + i * part, (size_t)part * sizeof *to);
}

/* Receive every worker's columns of rows rows into staging, in worker order, and put them into whole. */
static status receive_columns(struct reduce *r, int64_t rows, enum comm_tag tag, float *whole)
{
    struct comm *c = r->comm;
    const float *from;

    TRY(grow(&r->in, &r->in_room, (size_t)(rows * r->blocks.columns) * sizeof(float)));
    for (int w = 0; w < c->workers; w++)
        exchange_receive(c, &r->exchange, (float *)(void *)r->in + rows * first_column(r, w),
                         (size_t)(rows * local_columns(r, w)) * sizeof(float), comm_rank_of_worker(c, w), tag);
    TRY(exchange_wait(c, &r->exchange));
    from = (const float *)(const void *)r->in;
    for (int w = 0; w < c->workers; w++)
        copy_in(whole, from + rows * first_column(r, w), rows, first_column(r, w), local_columns(r, w),
                r->blocks.columns);
    return ST_OK;
}

status reduce_gather_prompts(struct reduce *r, int groups, const float *local, float *whole)
{
    struct comm *c = r->comm;
    int64_t rows = (int64_t)groups * r->layers;

    if (!comm_is_worker(c)) return ST_OK;
    for (int w = 0; w < c->workers; w++)
        exchange_send(c, &r->exchange, local, (size_t)(rows * local_columns(r, c->worker)) * sizeof(float),
                      comm_rank_of_worker(c, w), TAG_PROMPT);
    return receive_columns(r, rows, TAG_PROMPT, whole);
}

status reduce_gather_grad(struct reduce *r, int groups, const float *local, float *whole)
{
    struct comm *c = r->comm;
    int64_t rows = (int64_t)groups * r->layers;

    if (comm_is_worker(c))
        exchange_send(c, &r->exchange, local, (size_t)(rows * local_columns(r, c->worker)) * sizeof(float), 0,
                      TAG_COLLECT);
    if (comm_is_coordinator(c)) return receive_columns(r, rows, TAG_COLLECT, whole);
    return exchange_wait(c, &r->exchange);
}

status reduce_scatter_to_owners(struct reduce *r, int groups, const float *whole, float *local)
{
    struct comm *c = r->comm;
    int64_t rows = (int64_t)groups * r->layers;

    if (comm_is_coordinator(c)) {
        TRY(grow(&r->out, &r->out_room, (size_t)(rows * r->blocks.columns) * sizeof(float)));
        for (int w = 0; w < c->workers; w++) {
            float *out = (float *)(void *)r->out + rows * first_column(r, w);

            copy_out(out, whole, rows, first_column(r, w), local_columns(r, w), r->blocks.columns);
            exchange_send(c, &r->exchange, out, (size_t)(rows * local_columns(r, w)) * sizeof *out,
                          comm_rank_of_worker(c, w), TAG_DISTRIBUTE);
        }
    }
    if (comm_is_worker(c))
        exchange_receive(c, &r->exchange, local, (size_t)(rows * local_columns(r, c->worker)) * sizeof(float), 0,
                         TAG_DISTRIBUTE);
    return exchange_wait(c, &r->exchange);
}

/* A worker's own list of nodes must be what the deal says, or the sums would be silently wrong. */
static status check_nodes(const struct tree_sum *have, const struct tree_node *nodes, size_t count)
{
    if (have->count == count && (count == 0 || memcmp(have->nodes, nodes, count * sizeof *nodes) == 0)) return ST_OK;
    return fault(ST_SYSTEM, "internal error: %zu partial sums of a batch, the deal says %zu", have->count, count);
}

/* Send the owner's columns of every node of every group, one message an owner and group. */
static status send_slices(struct reduce *r, struct deal *deal, struct tree_sum *const *partial)
{
    struct comm *c = r->comm;
    size_t used = 0, needed = 0;

    for (int g = 0; g < deal->groups; g++)
        needed += partial[g]->count * (size_t)(r->layers * r->blocks.columns) * sizeof(float);
    TRY(grow(&r->out, &r->out_room, needed));
    for (int g = 0; g < deal->groups; g++) {
        const struct tree_node *nodes;
        size_t count;

        TRY(deal_nodes(deal, g, c->worker, &nodes, &count));
        TRY(check_nodes(partial[g], nodes, count));
        for (int w = 0; w < c->workers; w++) {
            int64_t part = local_columns(r, w), size = r->layers * part;
            float *out = (float *)(void *)(r->out + used);

            for (size_t n = 0; n < count; n++)
                copy_out(out + (int64_t)n * size, partial[g]->vectors[n], r->layers, first_column(r, w), part,
                         r->blocks.columns);
            exchange_send(c, &r->exchange, out, count * (size_t)size * sizeof *out, comm_rank_of_worker(c, w),
                          TAG_GRAD);
            used += count * (size_t)size * sizeof *out;
        }
    }
    return ST_OK;
}

/* Where the message of (group, worker) begins in the receive buffer: in the order of groups, then workers. */
static status receive_nodes(struct reduce *r, struct deal *deal, size_t vector_bytes, enum comm_tag tag)
{
    struct comm *c = r->comm;
    size_t used = 0, needed = 0;

    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) TRY(grow(&r->in, &r->in_room, needed));
        for (int g = 0; g < deal->groups; g++)
            for (int w = 0; w < c->workers; w++) {
                const struct tree_node *nodes;
                size_t count;

                TRY(deal_nodes(deal, g, w, &nodes, &count));
                if (pass == 0) needed += count * vector_bytes;
                else
                    exchange_receive(c, &r->exchange, r->in + used, count * vector_bytes, comm_rank_of_worker(c, w),
                                     tag);
                if (pass == 1) used += count * vector_bytes;
            }
    }
    return ST_OK;
}

/* Add what came, group by group, and write the roots (groups, length). */
static status add_received(struct reduce *r, struct deal *deal, size_t length, float *out)
{
    struct comm *c = r->comm;
    const char *from = r->in;

    if (r->slices.length != length) {
        tree_sum_fini(&r->slices);
        tree_sum_init(&r->slices, 0, TREE_FLOAT, length);
    }
    for (int g = 0; g < deal->groups; g++) {
        const void *root;

        tree_sum_clear(&r->slices, deal->batch);
        for (int w = 0; w < c->workers; w++) {
            const struct tree_node *nodes;
            size_t count;

            TRY(deal_nodes(deal, g, w, &nodes, &count));
            for (size_t n = 0; n < count; n++, from += length * sizeof(float)) {
                void *vector;

                TRY(tree_sum_take(&r->slices, &vector));
                memcpy(vector, from, length * sizeof(float));
                TRY(tree_sum_add(&r->slices, nodes[n], vector));
            }
        }
        root = tree_sum_root(&r->slices);
        if (!root) return fault(ST_SYSTEM, "internal error: the deal leaves slots out");
        memcpy(out + (size_t)g * length, root, length * sizeof *out);
    }
    return ST_OK;
}

status reduce_scatter_grad(struct reduce *r, struct deal *deal, struct tree_sum *const *partial, float *grad)
{
    struct comm *c = r->comm;
    size_t length;

    if (!comm_is_worker(c)) return ST_OK;
    length = (size_t)(r->layers * local_columns(r, c->worker));
    TRY(receive_nodes(r, deal, length * sizeof(float), TAG_GRAD));
    TRY(send_slices(r, deal, partial));
    TRY(exchange_wait(c, &r->exchange));
    return add_received(r, deal, length, grad);
}

status reduce_sum_to_coordinator(struct reduce *r, struct deal *deal, struct tree_sum *const *partial, size_t length,
                                 float *out)
{
    struct comm *c = r->comm;

    if (comm_is_coordinator(c)) TRY(receive_nodes(r, deal, length * sizeof(float), TAG_PARTIAL_SUM));
    if (comm_is_worker(c)) {
        size_t used = 0;

        for (int g = 0; g < deal->groups; g++) used += partial[g]->count * length * sizeof(float);
        TRY(grow(&r->out, &r->out_room, used));
        used = 0;
        for (int g = 0; g < deal->groups; g++) {
            char *out_g = r->out + used;

            for (size_t n = 0; n < partial[g]->count; n++, used += length * sizeof(float))
                memcpy(r->out + used, partial[g]->vectors[n], length * sizeof(float));
            exchange_send(c, &r->exchange, out_g, partial[g]->count * length * sizeof(float), 0, TAG_PARTIAL_SUM);
        }
    }
    TRY(exchange_wait(c, &r->exchange));
    return comm_is_coordinator(c) ? add_received(r, deal, length, out) : ST_OK;
}

/* The nodes of a worker's blocks after merging. */
static size_t owner_nodes(const struct reduce *r, int worker, struct tree_node *nodes)
{
    int first = blocks_first(&r->blocks, worker), last = blocks_first(&r->blocks, worker + 1);

    for (int b = first; b < last; b++) nodes[b - first] = (struct tree_node){b, 1};
    return tree_merge_nodes(r->blocks.count, nodes, (size_t)(last - first));
}

/* A layer's root: from every worker's part of r->in, which holds its layers one after the other. */
static status add_layer(struct reduce *r, int layer, size_t length, double *out)
{
    size_t vector_bytes = length * sizeof(double);
    const char *from = r->in;

    tree_sum_clear(&r->grad_u, r->blocks.count);
    for (int w = 0; w < r->comm->workers; w++) {
        size_t count = owner_nodes(r, w, r->nodes);
        const char *here = from + (size_t)layer * count * vector_bytes;

        for (size_t n = 0; n < count; n++, here += vector_bytes) {
            void *vector;

            TRY(tree_sum_take_unset(&r->grad_u, &vector));
            memcpy(vector, here, vector_bytes);
            TRY(tree_sum_add(&r->grad_u, r->nodes[n], vector));
        }
        from += (size_t)r->layers * count * vector_bytes;
    }
    memcpy(out, tree_sum_root(&r->grad_u), vector_bytes);
    return ST_OK;
}

static status add_grad_u(struct reduce *r, size_t length, double *out)
{
    if (r->grad_u.length != length) {
        tree_sum_fini(&r->grad_u);
        tree_sum_init(&r->grad_u, r->blocks.count, TREE_DOUBLE, length);
    }
    for (int l = 0; l < r->layers; l++) TRY(add_layer(r, l, length, out + (size_t)l * length));
    return ST_OK;
}

status reduce_grad_u(struct reduce *r, struct tree_sum *grad_u, size_t length, double *out)
{
    struct comm *c = r->comm;
    size_t vector = length * sizeof(double), used = 0;
    status s = ST_OK;

    if (!r->nodes) s = mem_alloc((size_t)r->blocks.count, sizeof *r->nodes, &r->nodes);
    if (s == ST_OK && comm_is_coordinator(c)) {
        for (int w = 0; w < c->workers; w++) used += (size_t)r->layers * owner_nodes(r, w, r->nodes) * vector;
        s = grow(&r->in, &r->in_room, used);
        used = 0;
        for (int w = 0; w < c->workers && s == ST_OK; w++) {
            size_t bytes = (size_t)r->layers * owner_nodes(r, w, r->nodes) * vector;

            exchange_receive(c, &r->exchange, r->in + used, bytes, comm_rank_of_worker(c, w), TAG_GRAD_U);
            used += bytes;
        }
    }
    if (s == ST_OK && comm_is_worker(c)) {
        size_t count = grad_u[0].count;

        used = 0;
        s = grow(&r->out, &r->out_room, (size_t)r->layers * count * vector);
        for (int l = 0; l < r->layers && s == ST_OK; l++)
            for (size_t n = 0; n < count; n++, used += vector) memcpy(r->out + used, grad_u[l].vectors[n], vector);
        if (s == ST_OK) exchange_send(c, &r->exchange, r->out, used, 0, TAG_GRAD_U);
    }
    if (s == ST_OK) s = exchange_wait(c, &r->exchange);
    if (s == ST_OK && comm_is_coordinator(c)) s = add_grad_u(r, length, out);
    return s;
}

/* Units are nodes of the batch's tree: a dealt block is halved until it fits, so sums are added in the same order
 * however it is cut. */
#include "worker/train/compute.h"

#include <math.h>

#include "cluster/base/log.h"

/* Maximum number of nodes that a worker holds: one block per bit of its number of slots, and one node per height of the
 * block being summed. */
static size_t nodes_most(int32_t batch)
{
    size_t bits = 0;

    while ((int32_t)1 << bits < batch) bits++;
    return 2 * bits + 1 < (size_t)batch ? 2 * bits + 1 : (size_t)batch;
}

static status open_sums(const struct compute_options *o, int g, struct compute *c)
{
    size_t width = (size_t)c->encoder->config.hidden;

    tree_sum_init(&c->prompts[g], o->batch, TREE_FLOAT, (size_t)o->layers * (size_t)o->prompt_tokens * width);
    tree_sum_init(&c->heads[g], o->batch, TREE_FLOAT, 2 * width);
    c->prompt_list[g] = &c->prompts[g];
    c->head_list[g] = &c->heads[g];
    TRY(tree_sum_reserve(&c->prompts[g], nodes_most(o->batch)));
    return tree_sum_reserve(&c->heads[g], nodes_most(o->batch));
}

static status open_all(const struct compute_options *o, struct compute *c)
{
    const struct encoder *e = c->encoder;
    int32_t longest = unit_batch_rows(o->longest, encoder_row_align(e));
    int32_t rows = unit_most_rows(e, o->unit_examples, o->prompt_tokens, o->threads, o->use, o->memory);
    size_t groups = (size_t)o->groups;

    if (rows < longest)
        return fault(ST_INPUT, "memory for a unit: %zu MiB hold %d tokens, expected room for an example of %d",
                     o->memory >> 20, rows, longest);
    if (rows > longest * o->unit_examples) rows = longest * o->unit_examples;
    c->most_rows = rows;
    TRY(unit_new(e, rows, o->unit_examples, o->prompt_tokens, o->threads, o->use, &c->unit));
    TRY(unit_batch_init(&c->batch, o->unit_examples, rows, encoder_row_align(e)));
    TRY(mem_keep_new(&c->memory, (size_t)o->unit_examples, sizeof *c->marks, &c->marks));
    TRY(mem_keep_new(&c->memory, groups, sizeof *c->prompts, &c->prompts));
    TRY(mem_keep_new(&c->memory, groups, sizeof *c->heads, &c->heads));
    TRY(mem_keep_new(&c->memory, groups, sizeof *c->prompt_list, &c->prompt_list));
    TRY(mem_keep_new(&c->memory, groups, sizeof *c->head_list, &c->head_list));
    TRY(mem_keep_new(&c->memory, groups * (size_t)o->batch, sizeof *c->loss, &c->loss));
    TRY(mem_keep_new(&c->memory, groups * (size_t)o->batch, sizeof *c->found, &c->found));
    for (int g = 0; g < o->groups; g++) TRY(open_sums(o, g, c));
    return ST_OK;
}

status compute_open(const struct encoder *e, struct pool *pool, const struct compute_options *o, struct compute *c)
{
    status s;

    *c = (struct compute){.encoder = e,
                          .pool = pool,
                          .most_examples = o->unit_examples,
                          .groups = o->groups,
                          .batch_examples = o->batch,
                          .divide = o->divide,
                          .over = o->loss};
    s = open_all(o, c);
    if (s != ST_OK) compute_close(c);
    return s;
}

void compute_close(struct compute *c)
{
    for (int g = 0; c->prompts && c->heads && g < c->groups; g++) {
        tree_sum_fini(&c->prompts[g]);
        tree_sum_fini(&c->heads[g]);
    }
    unit_batch_fini(&c->batch);
    unit_destroy(&c->unit);
    mem_keep_free(&c->memory);
    *c = (struct compute){0};
}

/* The units of one dealt block. */
struct block_pass {
    struct compute *c;
    struct unit_inputs in;
    int group;
};

static status compute_unit(struct block_pass *p, struct tree_node node)
{
    struct compute *c = p->c;
    size_t slot = (size_t)p->group * (size_t)c->batch_examples + (size_t)node.first;
    struct unit_outputs out = {.loss = c->loss + slot, .found = c->found + slot};
    void *prompts, *head;

    TRY(tree_sum_take(&c->prompts[p->group], &prompts));
    TRY(tree_sum_take(&c->heads[p->group], &head));
    out.grad_prompts = prompts;
    out.grad_head = head;
    p->in.batch = &c->batch;
    TRY(unit_train(c->unit, c->encoder, c->pool, &p->in, &out));
    c->units++;
    c->tokens += c->batch.tokens;
    TRY(tree_sum_add(&c->prompts[p->group], node, prompts));
    return tree_sum_add(&c->heads[p->group], node, head);
}

/* The examples of a node are consecutive in the assignment, first one at `example`. */
static status compute_node(struct block_pass *p, struct tree_node node, const struct assignment_example *examples)
{
    struct compute *c = p->c;
    int fits = node.size <= c->most_examples;

    unit_batch_clear(&c->batch, node.first);
    for (int32_t i = 0; i < node.size && fits; i++) {
        const struct assignment_example *e = &examples[i];

        c->marks[i] = e->marks;
        fits = unit_batch_add(&c->batch, e->ids, e->length, e->width, e->start, e->end);
    }
    if (fits) return compute_unit(p, node);
    if (node.size == 1)
        return fault(ST_SYSTEM, "internal error: an example of %d tokens, units have room for %d", examples->length,
                     c->most_rows);
    TRY(compute_node(p, (struct tree_node){node.first, node.size / 2}, examples));
    return compute_node(p, (struct tree_node){node.first + node.size / 2, node.size / 2}, examples + node.size / 2);
}

static status mismatch(void)
{
    return fault(ST_SYSTEM, "internal error: an assignment whose examples are not those of its blocks");
}

status compute_assignment(struct compute *c, const struct assignment *s, const float *prompts, int32_t layers,
                          int32_t tokens, const float *head, const struct encoder_dropout *dropout)
{
    size_t bank = (size_t)layers * (size_t)tokens * (size_t)c->encoder->config.hidden, at = 0;

    c->units = c->tokens = 0;
    for (int g = 0; g < c->groups; g++) {
        tree_sum_clear(&c->prompts[g], s->deal.batch);
        tree_sum_clear(&c->heads[g], s->deal.batch);
    }
    for (size_t i = 0; i < (size_t)c->groups * (size_t)c->batch_examples; i++) c->loss[i] = NAN;
    for (size_t b = 0; b < s->deal.count && at < s->count; b++) {
        struct deal_block block = s->deal.blocks[b];
        struct block_pass p = {.c = c, .group = block.group};

        if (s->examples[at].group != block.group || s->examples[at].slot != block.node.first) continue;
        if (s->count - at < (size_t)block.node.size) return mismatch();
        p.in = (struct unit_inputs){.prompts = {layers, tokens, prompts + (size_t)block.group * bank},
                                    .dropout = dropout[block.group],
                                    .head = head + (size_t)block.group * 2 * (size_t)c->encoder->config.hidden,
                                    .batch_examples = c->divide,
                                    .marks = c->marks,
                                    .loss = c->over};
        TRY(compute_node(&p, block.node, &s->examples[at]));
        at += (size_t)block.node.size;
    }
    return at == s->count ? ST_OK : mismatch();
}

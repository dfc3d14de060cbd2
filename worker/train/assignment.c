/* Units are nodes of the batch's tree: a dealt block is halved until it fits, so sums meet the same way whatever the cut. */
#include "worker/train/assignment.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { HEAD_WORDS = 4, BLOCK_WORDS = 4, EXAMPLE_WORDS = 6 };

/* ---- the message ---- */

static status put(struct assignment_message *m, const int32_t *words, size_t n)
{
    TRY(mem_grow(&m->words, &m->room, m->count + n, sizeof *m->words));
    memcpy(m->words + m->count, words, n * sizeof *words);
    m->count += n;
    return ST_OK;
}

status assignment_message_begin(struct assignment_message *m, const struct deal *deal)
{
    int32_t head[HEAD_WORDS] = {deal->groups, deal->batch, deal->workers, (int32_t)deal->count};

    m->count = 0;
    TRY(put(m, head, HEAD_WORDS));
    for (size_t i = 0; i < deal->count; i++) {
        struct deal_block b = deal->blocks[i];

        TRY(put(m, (int32_t[BLOCK_WORDS]){b.group, b.worker, b.node.first, b.node.size}, BLOCK_WORDS));
    }
    return ST_OK;
}

status assignment_message_add(struct assignment_message *m, const struct assignment_example *e)
{
    TRY(put(m, (int32_t[EXAMPLE_WORDS]){e->group, e->slot, e->length, e->width, e->start, e->end}, EXAMPLE_WORDS));
    TRY(mem_grow(&m->words, &m->room, m->count + marks_words(&e->marks), sizeof *m->words));
    marks_put(&e->marks, m->words + m->count);
    m->count += marks_words(&e->marks);
    return put(m, e->ids, (size_t)e->length);
}

size_t share_message_most(int32_t length)
{
    return EXAMPLE_WORDS + marks_words(&NO_MARKS) + 2 * (size_t)length;
}

void assignment_message_fini(struct assignment_message *m)
{
    mem_free(m->words);
    *m = (struct assignment_message){0};
}

static status malformed(void)
{
    return fault(ST_SYSTEM, "internal error: an assignment that ends early");
}

status assignment_read(struct assignment *s, const int32_t *words, size_t count)
{
    size_t at = HEAD_WORDS;

    if (count < HEAD_WORDS || words[3] < 0 || (count - at) / BLOCK_WORDS < (size_t)words[3]) return malformed();
    deal_clear(&s->deal, words[0], words[1], words[2]);
    for (int32_t i = 0; i < words[3]; i++, at += BLOCK_WORDS)
        TRY(deal_add(&s->deal, words[at], words[at + 1], (struct tree_node){words[at + 2], words[at + 3]}));
    s->count = 0;
    while (at < count) {
        const int32_t *w = words + at;
        struct answer_marks marks;
        size_t used;

        if (count - at < EXAMPLE_WORDS || w[2] < 0) return malformed();
        at += EXAMPLE_WORDS;
        used = marks_take(words + at, count - at, &marks);
        if (used == 0 || count - at - used < (size_t)w[2]) return malformed();
        at += used;
        TRY(mem_grow(&s->examples, &s->room, s->count + 1, sizeof *s->examples));
        s->examples[s->count++] = (struct assignment_example){w[0], w[1], w[2], w[3], w[4], w[5], marks, words + at};
        at += (size_t)w[2];
    }
    return ST_OK;
}

status assignment_reserve(struct assignment *s, size_t examples)
{
    TRY(mem_grow(&s->deal.blocks, &s->deal.room, examples, sizeof *s->deal.blocks));
    return mem_grow(&s->examples, &s->room, examples, sizeof *s->examples);
}

void assignment_fini(struct assignment *s)
{
    deal_fini(&s->deal);
    mem_free(s->examples);
    *s = (struct assignment){0};
}

/* ---- computing ---- */

/* Nodes that a worker holds at most: a block for every bit of its number of slots, and one at every height of the block that
 * is being added up. */
static size_t nodes_most(int32_t batch)
{
    size_t bits = 0;

    while ((int32_t)1 << bits < batch) bits++;
    return 2 * bits + 1 < (size_t)batch ? 2 * bits + 1 : (size_t)batch;
}

status compute_open(const struct encoder *e, struct pool *pool, const struct compute_options *o, struct compute *c)
{
    int32_t rows, longest = unit_batch_rows(o->longest, encoder_row_align(e));
    size_t width = (size_t)e->config.hidden;
    status s;

    *c = (struct compute){.encoder = e, .pool = pool, .most_examples = o->unit_examples, .groups = o->groups,
                          .batch_examples = o->batch, .divide = o->divide, .over = o->loss};
    rows = unit_most_rows(e, o->unit_examples, o->prompt_tokens, o->threads, !o->infer, o->memory);
    if (rows < longest)
        return fault(ST_INPUT, "memory for a unit: %zu MiB hold %d tokens, expected room for an example of %d",
                     o->memory >> 20, rows, longest);
    if (rows > longest * o->unit_examples) rows = longest * o->unit_examples;
    c->most_rows = rows;
    s = unit_new(e, rows, o->unit_examples, o->prompt_tokens, o->threads, !o->infer, &c->unit);
    if (s == ST_OK) s = unit_batch_init(&c->batch, o->unit_examples, rows, encoder_row_align(e));
    if (s == ST_OK) s = mem_alloc((size_t)o->unit_examples, sizeof *c->marks, &c->marks);
    if (s == ST_OK) s = mem_alloc((size_t)o->groups, sizeof *c->prompts, &c->prompts);
    if (s == ST_OK) s = mem_alloc((size_t)o->groups, sizeof *c->heads, &c->heads);
    if (s == ST_OK) s = mem_alloc((size_t)o->groups, sizeof *c->prompt_list, &c->prompt_list);
    if (s == ST_OK) s = mem_alloc((size_t)o->groups, sizeof *c->head_list, &c->head_list);
    if (s == ST_OK) s = mem_alloc((size_t)o->groups * (size_t)o->batch, sizeof *c->loss, &c->loss);
    if (s == ST_OK) s = mem_alloc((size_t)o->groups * (size_t)o->batch, sizeof *c->found, &c->found);
    for (int g = 0; g < o->groups && s == ST_OK; g++) {
        tree_sum_init(&c->prompts[g], o->batch, TREE_FLOAT, (size_t)o->layers * (size_t)o->prompt_tokens * width);
        tree_sum_init(&c->heads[g], o->batch, TREE_FLOAT, 2 * width);
        c->prompt_list[g] = &c->prompts[g];
        c->head_list[g] = &c->heads[g];
        s = tree_sum_reserve(&c->prompts[g], nodes_most(o->batch));
        if (s == ST_OK) s = tree_sum_reserve(&c->heads[g], nodes_most(o->batch));
    }
    if (s != ST_OK) compute_close(c);
    return s;
}

void compute_close(struct compute *c)
{
    for (int g = 0; c->prompts && c->heads && g < c->groups; g++) {
        tree_sum_fini(&c->prompts[g]);
        tree_sum_fini(&c->heads[g]);
    }
    mem_free(c->prompts);
    mem_free(c->heads);
    mem_free(c->prompt_list);
    mem_free(c->head_list);
    mem_free(c->loss);
    mem_free(c->found);
    mem_free(c->marks);
    unit_batch_fini(&c->batch);
    unit_destroy(&c->unit);
    *c = (struct compute){0};
}

struct pass {
    struct compute *c;
    const struct assignment *assignment;
    struct unit_inputs in;
    int group;
};

static status compute_unit(struct pass *p, struct tree_node node)
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
static status compute_node(struct pass *p, struct tree_node node, const struct assignment_example *examples)
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

status compute_assignment(struct compute *c, const struct assignment *s, const float *prompts, int32_t layers, int32_t tokens,
                     const float *head, const struct encoder_dropout *dropout)
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
        struct pass p = {.c = c, .assignment = s, .group = block.group};

        if (s->examples[at].group != block.group || s->examples[at].slot != block.node.first) continue;
        if (s->count - at < (size_t)block.node.size) return malformed();
        p.in = (struct unit_inputs){.prompts = {layers, tokens, prompts + (size_t)block.group * bank},
                                    .dropout = dropout[block.group], .head = head, .batch_examples = c->divide,
                                    .marks = c->marks, .loss = c->over};
        TRY(compute_node(&p, block.node, &s->examples[at]));
        at += (size_t)block.node.size;
    }
    return at == s->count ? ST_OK : malformed();
}

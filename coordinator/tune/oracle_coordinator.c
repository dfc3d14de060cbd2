/* A mean must not depend on who computed what: losses come back example by example and are summed along the tree. */
#include "coordinator/tune/oracle_coordinator.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "coordinator/loop/dealing.h"
#include "coordinator/score/example_marks.h"

/* ---- the training examples ---- */

struct oracle_packing {
    const struct oracle_options *o;
    struct oracle_facts *facts;
    int32_t *lengths, *order; /* (examples) of the rows as given; their numbers in the order of slots */
    struct assignment_message message;
    struct example_buffer buffer;
};

static status add_examples(struct oracle_packing *p)
{
    const struct oracle_options *o = p->o;
    int32_t width = 0;

    for (int32_t i = 0; i < o->count && o->rules.padding; i++)
        if (p->lengths[i] > width) width = p->lengths[i];
    for (int32_t slot = 0; slot < o->count; slot++) {
        struct answer_marks marks;
        struct example e;

        TRY(dataset_example(o->data, o->task, o->split, o->rows[p->order[slot]], &p->buffer, &e));
        marks = example_marks(&e, o->rules.product, o->rules.independent);
        TRY(assignment_message_add(
            &p->message, &(struct assignment_example){0, slot, e.length, width, e.start, e.end, marks, e.ids}));
    }
    return ST_OK;
}

/* Who computes which gradients: all workers alike, whatever they have done before. */
static status begin_message(struct oracle_packing *p)
{
    int workers = p->o->comm->workers;
    struct deal deal = {0};
    double *ones;
    status s;

    TRY(mem_alloc((size_t)workers, sizeof *ones, &ones));
    for (int w = 0; w < workers; w++) ones[w] = 1;
    s = dealing_assign(&deal, 1, (int32_t)p->o->count, workers, ones, ones);
    if (s == ST_OK) s = assignment_message_begin(&p->message, &deal);
    deal_fini(&deal);
    mem_free(ones);
    return s;
}

static status pack_examples(struct oracle_packing *p)
{
    const struct oracle_options *o = p->o;

    TRY(mem_alloc((size_t)o->count, sizeof *p->lengths, &p->lengths));
    TRY(mem_alloc((size_t)o->count, sizeof *p->order, &p->order));
    for (int32_t i = 0; i < o->count; i++) p->lengths[i] = dataset_length(o->data, o->task, o->split, o->rows[i]);
    dealing_order((int32_t)o->count, p->lengths, p->order);
    TRY(begin_message(p));
    return add_examples(p);
}

/* ---- opening ---- */

status oracle_coordinator_open(const struct oracle_options *o, struct oracle_facts *facts,
                               struct oracle_coordinator **out)
{
    struct oracle_packing p = {.o = o, .facts = facts};
    status s = mem_alloc(1, sizeof **out, out);

    if (s == ST_OK) s = pack_examples(&p);
    facts->words = p.message.words; /* facts' from here on */
    facts->word_count = p.message.count;
    mem_free(p.lengths);
    mem_free(p.order);
    example_buffer_fini(&p.buffer);
    if (s == ST_OK) **out = (struct oracle_coordinator){.facts = facts, .task = o->task};
    else oracle_coordinator_close(out);
    return s;
}

void oracle_coordinator_close(struct oracle_coordinator **coordinator)
{
    struct oracle_coordinator *c = *coordinator;

    if (!c) return;
    mem_free(c->received);
    mem_free(c->by_slot);
    mem_free(c);
    *coordinator = NULL;
}

/* ---- losses ---- */

static int64_t members_of(const struct oracle_request *r)
{
    return r->op == ORACLE_GRADIENT ? 1 : r->count;
}

status oracle_coordinator_reserve(struct oracle_coordinator *c, const struct oracle_request *r)
{
    const struct oracle_facts *f = c->facts;
    size_t all = 0;

    for (int w = 0; w < f->workers; w++) all += oracle_answer_losses(f, r, w);
    TRY(mem_grow(&c->received, &c->received_room, all, sizeof *c->received));
    return mem_grow(&c->by_slot, &c->by_slot_room, (size_t)(members_of(r) * f->examples), sizeof *c->by_slot);
}

/* Of a gradient each worker answers by slot, with losses where it was dealt examples. */
static void sort_gradient(struct oracle_coordinator *c)
{
    const struct oracle_facts *f = c->facts;
    const struct deal *deal = &f->assignment.deal;

    for (size_t i = 0; i < deal->count; i++) {
        struct deal_block b = deal->blocks[i];

        memcpy(c->by_slot + b.node.first, c->received + (size_t)b.worker * (size_t)f->examples + b.node.first,
               (size_t)b.node.size * sizeof *c->by_slot);
    }
}

/* Pairs come back in their order: part after part, of each all members. */
static void sort_pairs(struct oracle_coordinator *c, int64_t members)
{
    const struct oracle_facts *f = c->facts;
    const double *from = c->received;

    for (int64_t i = 0; i < members * f->part_count; i++) {
        const struct oracle_part *p = &f->parts[i / members];

        memcpy(c->by_slot + (i % members) * f->examples + p->first, from, (size_t)p->count * sizeof *from);
        from += p->count;
    }
}

void oracle_coordinator_means(struct oracle_coordinator *c, const struct oracle_request *r, double *losses)
{
    int64_t members = members_of(r), n = c->facts->examples;

    if (r->op == ORACLE_GRADIENT) sort_gradient(c);
    else sort_pairs(c, members);
    for (int64_t m = 0; m < members; m++) losses[m] = tree_total(c->by_slot + m * n, (int32_t)n) / (double)n;
}

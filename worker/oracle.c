/* In a layer-wise search a worker caches, for each part of the examples that it works on, the activations below the
 * layer being searched, so that a candidate for that layer costs only the layers from there on. */
#include "worker/oracle.h"

#include <string.h>

#include "cluster/base/log.h"

/* What is cached for a part. */
struct oracle_kept {
    struct unit_batch batch;    /* filled when first needed */
    struct answer_marks *marks; /* likewise */
    float *state;               /* (rows,H) input of layer `at`, before its prompt */
    int32_t at;                 /* 0: nothing is cached */
};

/* ---- opening ---- */

/* The blocks that the deal assigns to this worker. */
static status take_own(struct oracle_worker *w)
{
    const struct oracle_facts *f = w->facts;
    const struct deal *all = &f->assignment.deal;

    deal_clear(&w->own.deal, 1, f->examples, f->workers);
    TRY(assignment_reserve(&w->own, (size_t)f->examples));
    for (size_t i = 0; i < all->count; i++) {
        struct deal_block b = all->blocks[i];

        TRY(deal_add(&w->own.deal, b.group, b.worker, b.node));
        for (int32_t slot = b.node.first; b.worker == w->o.worker && slot < b.node.first + b.node.size; slot++)
            w->own.examples[w->own.count++] = f->assignment.examples[slot];
    }
    return ST_OK;
}

static status open_all(struct oracle_worker *w)
{
    const struct oracle_worker_options *o = &w->o;
    const struct oracle_facts *f = w->facts;
    struct compute_options co = {.groups = 1,
                                 .batch = f->examples,
                                 .divide = f->examples,
                                 .unit_examples = o->unit_examples,
                                 .longest = o->longest,
                                 .layers = f->layers,
                                 .prompt_tokens = f->tokens,
                                 .memory = o->unit_memory,
                                 .threads = pool_threads(o->replica->pool),
                                 .use = o->gradients ? UNIT_TRAIN : UNIT_EVALUATE,
                                 .loss = o->loss};

    TRY(compute_open(o->replica->encoder, o->replica->pool, &co, &w->compute));
    TRY(mem_keep_new(&w->keep, oracle_bank(f), sizeof *w->placed, &w->placed));
    TRY(mem_keep_new(&w->keep, oracle_head(f), sizeof *w->placed_head, &w->placed_head));
    TRY(mem_keep_new(&w->keep, oracle_bank(f), sizeof *w->trial, &w->trial));
    return take_own(w);
}

status oracle_worker_open(const struct oracle_worker_options *o, const struct oracle_facts *facts,
                          struct oracle_worker **out)
{
    struct oracle_worker *w;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *w, &w));
    w->o = *o;
    w->facts = facts;
    s = open_all(w);
    if (s == ST_OK) *out = w;
    else oracle_worker_close(&w);
    return s;
}

void oracle_worker_close(struct oracle_worker **worker)
{
    struct oracle_worker *w = *worker;

    if (!w) return;
    for (int32_t i = 0; w->kept && i < w->facts->part_count; i++) {
        unit_batch_fini(&w->kept[i].batch);
        mem_free(w->kept[i].state);
        mem_free(w->kept[i].marks);
    }
    compute_close(&w->compute);
    assignment_fini(&w->own);
    mem_free(w->losses);
    mem_keep_free(&w->keep);
    mem_free(w);
    *worker = NULL;
}

struct oracle_limits oracle_worker_limits(const struct oracle_worker *w)
{
    return (struct oracle_limits){w->compute.most_rows, w->compute.most_examples,
                                  encoder_row_align(w->o.replica->encoder)};
}

status oracle_worker_begin(struct oracle_worker *w)
{
    return mem_keep_new(&w->keep, (size_t)w->facts->part_count, sizeof *w->kept, &w->kept);
}

/* ---- gradients ---- */

status oracle_worker_gradient(struct oracle_worker *w, const float *prompts, const float *head)
{
    const struct encoder_dropout none = {0};

    return compute_assignment(&w->compute, &w->own, prompts, w->facts->layers, w->facts->tokens, head, &none);
}

status oracle_worker_check_int8(struct oracle_worker *w, const char *folder, const float *prompts, const float *head,
                                struct int8_check *out)
{
    const struct encoder_dropout none = {0};
    const struct int8_check_inputs in = {.replica = w->o.replica,
                                         .folder = folder,
                                         .compute = &w->compute,
                                         .assignment = &w->own,
                                         .layers = w->facts->layers,
                                         .tokens = w->facts->tokens,
                                         .prompts = prompts,
                                         .head = head,
                                         .dropout = &none};

    return int8_check(&in, out);
}

/* ---- parts ---- */

static status fill_batch(struct oracle_worker *w, const struct oracle_part *part, struct oracle_kept *k)
{
    const struct assignment_example *examples = w->facts->assignment.examples + part->first;
    int32_t align = encoder_row_align(w->o.replica->encoder), rows = 0;

    if (k->batch.examples > 0) return ST_OK;
    for (int32_t i = 0; i < part->count; i++) rows += assignment_example_rows(&examples[i], align);
    TRY(mem_alloc((size_t)part->count, sizeof *k->marks, &k->marks));
    TRY(unit_batch_init(&k->batch, part->count, rows, align));
    unit_batch_clear(&k->batch, part->first);
    for (int32_t i = 0; i < part->count; i++) {
        const struct assignment_example *e = &examples[i];

        k->marks[i] = e->marks;
        if (!unit_batch_add(&k->batch, e->ids, e->length, e->width, e->start, e->end))
            return fault(ST_SYSTEM, "internal error: an example larger than its part");
    }
    return ST_OK;
}

static size_t state_floats(const struct oracle_worker *w, const struct oracle_kept *k)
{
    return (size_t)k->batch.rows * (size_t)w->facts->hidden;
}

/* Advance a part's cached state to the input of `layer`, with the placed prompts. */
static status reach_layer(struct oracle_worker *w, struct oracle_kept *k, int32_t layer)
{
    struct encoder_prompts placed = {w->facts->layers, w->facts->tokens, w->placed};
    float *state = unit_state(w->compute.unit);
    size_t bytes = state_floats(w, k) * sizeof *state;

    if (k->at > layer) k->at = 0;
    if (k->at == layer) return ST_OK;
    if (!k->state) TRY(mem_alloc(state_floats(w, k), sizeof *k->state, &k->state));
    if (k->at > 0) memcpy(state, k->state, bytes);
    TRY(unit_advance(w->compute.unit, w->o.replica->encoder, w->o.replica->pool, &k->batch, &placed, k->at, layer));
    memcpy(k->state, state, bytes);
    k->at = layer;
    return ST_OK;
}

void oracle_worker_place(struct oracle_worker *w, const float *prompts, const float *head)
{
    memcpy(w->placed, prompts, oracle_bank(w->facts) * sizeof *prompts);
    memcpy(w->placed_head, head, oracle_head(w->facts) * sizeof *head);
    for (int32_t i = 0; i < w->facts->part_count; i++) w->kept[i].at = 0;
}

void oracle_worker_fix(struct oracle_worker *w, int32_t layer, const float *prompt)
{
    size_t columns = oracle_columns(w->facts);

    memcpy(w->placed + (size_t)layer * columns, prompt, columns * sizeof *prompt);
    for (int32_t i = 0; i < w->facts->part_count; i++)
        if (w->kept[i].at > layer) w->kept[i].at = 0;
}

/* ---- losses ---- */

/* A full set of prompts is computed from the token ids on. */
static status pair_of_set(struct oracle_worker *w, struct unit_inputs *in, const float *set, const float *head,
                          double *losses)
{
    struct unit_outputs out = {.loss = losses};

    in->prompts.values = set;
    in->head = head;
    return unit_finish(w->compute.unit, w->o.replica->encoder, w->o.replica->pool, in, 0, &out);
}

/* A candidate for one layer's prompt is computed from that layer on. */
static status pair_of_candidate(struct oracle_worker *w, struct oracle_kept *k, struct unit_inputs *in, int32_t layer,
                                const float *candidate, double *losses)
{
    size_t columns = oracle_columns(w->facts);
    struct unit_outputs out = {.loss = losses};

    memcpy(w->trial + (size_t)layer * columns, candidate, columns * sizeof *candidate);
    in->prompts.values = w->trial;
    in->head = w->placed_head;
    TRY(reach_layer(w, k, layer));
    if (layer > 0) memcpy(unit_state(w->compute.unit), k->state, state_floats(w, k) * sizeof(float));
    return unit_finish(w->compute.unit, w->o.replica->encoder, w->o.replica->pool, in, layer, &out);
}

status oracle_worker_losses(struct oracle_worker *w, const struct oracle_request *r, const float *values,
                            const float *head)
{
    const struct oracle_facts *f = w->facts;
    int64_t last = oracle_first_pair(f, r->count, w->o.worker + 1);
    double *losses;

    TRY(mem_grow(&w->losses, &w->loss_room, oracle_answer_losses(f, r, w->o.worker), sizeof *w->losses));
    losses = w->losses;
    memcpy(w->trial, w->placed, oracle_bank(f) * sizeof *w->trial);
    for (int64_t i = oracle_first_pair(f, r->count, w->o.worker); i < last; i++) {
        const struct oracle_part *part = &f->parts[i / r->count];
        struct oracle_kept *k = &w->kept[i / r->count];
        size_t member = (size_t)(i % r->count);
        struct unit_inputs in = {.batch = &k->batch, .prompts = {f->layers, f->tokens, NULL}, .batch_examples = 1};

        TRY(fill_batch(w, part, k));
        in.marks = k->marks;
        in.loss = w->o.loss;
        if (r->op == ORACLE_LOSS) TRY(pair_of_set(w, &in, values + member * oracle_bank(f), head, losses));
        else TRY(pair_of_candidate(w, k, &in, r->layer, values + member * oracle_columns(f), losses));
        losses += part->count;
    }
    return ST_OK;
}

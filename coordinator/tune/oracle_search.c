/* Losses of candidates. The work is (part of the examples, member) pairs, parts outermost, cut into one run of pairs a
 * worker: a worker then touches few parts, and those stay the same from call to call, so that what it keeps of them is
 * used again. */
#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/tune/oracle_state.h"

enum { TAG_LOSSES = 410 };

/* ---- parts ---- */

static int32_t example_rows(const struct oracle *t, int32_t slot, int32_t align)
{
    const struct assignment_example *e = &t->assignment.examples[slot];

    return unit_batch_rows(e->width > e->length ? e->width : e->length, align);
}

status oracle_parts_open(struct oracle *t, int32_t most_rows, int32_t most_examples, int32_t align)
{
    int32_t rows = 0;

    TRY(mem_alloc((size_t)t->examples, sizeof *t->parts, &t->parts));
    for (int32_t slot = 0; slot < t->examples; slot++) {
        int32_t here = example_rows(t, slot, align);
        struct oracle_part *p = t->part_count > 0 ? &t->parts[t->part_count - 1] : NULL;

        if (!p || p->count == most_examples || rows + here > most_rows) {
            p = &t->parts[t->part_count++];
            p->first = slot;
            rows = 0;
        }
        p->count++;
        rows += here;
    }
    return ST_OK;
}

void oracle_parts_close(struct oracle *t)
{
    for (int32_t i = 0; t->parts && i < t->part_count; i++) {
        unit_batch_fini(&t->parts[i].batch);
        mem_free(t->parts[i].state);
        mem_free(t->parts[i].marks);
    }
    mem_free(t->parts);
    t->parts = NULL;
}

static status fill_batch(struct oracle *t, struct oracle_part *p)
{
    int32_t align = encoder_row_align(t->searcher), rows = 0;

    if (p->batch.examples > 0) return ST_OK;
    for (int32_t i = 0; i < p->count; i++) rows += example_rows(t, p->first + i, align);
    TRY(mem_alloc((size_t)p->count, sizeof *p->marks, &p->marks));
    TRY(unit_batch_init(&p->batch, p->count, rows, align));
    unit_batch_clear(&p->batch, p->first);
    for (int32_t i = 0; i < p->count; i++) {
        const struct assignment_example *e = &t->assignment.examples[p->first + i];

        p->marks[i] = e->marks;
        if (!unit_batch_add(&p->batch, e->ids, e->length, e->width, e->start, e->end))
            return fault(ST_SYSTEM, "internal error: an example larger than its part");
    }
    return ST_OK;
}

static size_t state_floats(const struct oracle *t, const struct oracle_part *p)
{
    return (size_t)p->batch.rows * (size_t)t->hidden;
}

/* Bring what is kept of a part to the input of `layer`, by the prompts as placed. */
static status reach(struct oracle *t, struct oracle_part *p, int32_t layer)
{
    struct encoder_prompts placed = {t->o.layers, t->o.tokens, t->placed};
    float *state = unit_state(t->unit);
    size_t bytes = state_floats(t, p) * sizeof *state;

    if (p->at > layer) p->at = 0;
    if (p->at == layer) return ST_OK;
    if (!p->state) TRY(mem_alloc(state_floats(t, p), sizeof *p->state, &p->state));
    if (p->at > 0) memcpy(state, p->state, bytes);
    TRY(unit_advance(t->unit, t->searcher, t->replica->pool, &p->batch, &placed, p->at, layer));
    memcpy(p->state, state, bytes);
    p->at = layer;
    return ST_OK;
}

/* ---- pairs ---- */

static int64_t first_pair(const struct oracle *t, int64_t n, int worker)
{
    return n * t->part_count * worker / t->comm->workers;
}

static int64_t pair_losses(const struct oracle *t, int64_t n, int worker)
{
    int64_t sum = 0;

    for (int64_t i = first_pair(t, n, worker); i < first_pair(t, n, worker + 1); i++) sum += t->parts[i / n].count;
    return sum;
}

/* One pair: the losses of its examples. */
static status run_pair(struct oracle *t, const struct oracle_request *order, int64_t pair, double *losses)
{
    struct oracle_part *p = &t->parts[pair / order->count];
    int64_t member = pair % order->count;
    int whole = order->op == ORACLE_LOSS;
    const float *values = whole ? t->sets + (size_t)member * t->bank : t->trial;
    struct unit_inputs in = {.batch = &p->batch, .prompts = {t->o.layers, t->o.tokens, values}, .batch_examples = 1,
                             .head = whole ? t->head : t->placed_head};
    struct unit_outputs out = {.loss = losses};
    int32_t from = whole ? 0 : order->layer;

    TRY(fill_batch(t, p));
    in.marks = p->marks;
    in.loss = t->o.loss;
    if (!whole) {
        memcpy(t->trial + (size_t)order->layer * t->columns, t->sets + (size_t)member * t->columns,
               t->columns * sizeof *t->trial);
        TRY(reach(t, p, from));
    }
    if (from > 0) memcpy(unit_state(t->unit), p->state, state_floats(t, p) * sizeof(float));
    return unit_finish(t->unit, t->searcher, t->replica->pool, &in, from, &out);
}

static status run_pairs(struct oracle *t, const struct oracle_request *order, double *losses)
{
    int64_t last = first_pair(t, order->count, t->comm->worker + 1);

    memcpy(t->trial, t->placed, t->bank * sizeof *t->trial);
    for (int64_t i = first_pair(t, order->count, t->comm->worker); i < last; i++) {
        TRY(run_pair(t, order, i, losses));
        losses += t->parts[i / order->count].count;
    }
    return ST_OK;
}

/* The losses of all pairs, in their order, to the mean of each member, along the tree of the examples' slots. */
static status mean_losses(struct oracle *t, int64_t n, const double *by_pair, double *losses)
{
    double *by_slot;

    TRY(mem_alloc((size_t)(n * t->examples), sizeof *by_slot, &by_slot));
    for (int64_t i = 0; i < n * t->part_count; i++) {
        const struct oracle_part *p = &t->parts[i / n];

        memcpy(by_slot + (i % n) * t->examples + p->first, by_pair, (size_t)p->count * sizeof *by_pair);
        by_pair += p->count;
    }
    for (int64_t m = 0; m < n; m++) losses[m] = tree_total(by_slot + m * t->examples, t->examples) / t->examples;
    mem_free(by_slot);
    return ST_OK;
}

static status collect(struct oracle *t, int64_t n, double *mine, double *losses)
{
    struct comm *c = t->comm;
    struct exchange x = {0};
    double *at = t->losses;
    status s;

    for (int w = 0; comm_is_coordinator(c) && w < c->workers; w++) {
        exchange_receive(c, &x, at, (size_t)pair_losses(t, n, w) * sizeof *at, comm_rank_of_worker(c, w), TAG_LOSSES);
        at += pair_losses(t, n, w);
    }
    if (comm_is_worker(c))
        exchange_send(c, &x, mine, (size_t)pair_losses(t, n, c->worker) * sizeof *mine, 0, TAG_LOSSES);
    s = exchange_wait(c, &x);
    exchange_fini(&x);
    if (s == ST_OK && comm_is_coordinator(c)) s = mean_losses(t, n, t->losses, losses);
    return s;
}

status oracle_run_sets(struct oracle *t, const struct oracle_request *order, const float *sets, const float *head, double *losses)
{
    int64_t n = order->count;
    size_t head_bytes = order->op == ORACLE_LOSS ? 2 * (size_t)t->hidden * sizeof *head : 0;
    size_t floats = (size_t)n * (order->op == ORACLE_LOSS ? t->bank : t->columns), room = (size_t)(n * t->examples);
    double *mine = NULL;
    status s = mem_grow(&t->sets, &t->set_room, floats, sizeof *t->sets);

    if (s == ST_OK) s = mem_grow(&t->losses, &t->loss_room, room, sizeof *t->losses);
    if (s == ST_OK) s = mem_alloc(room, sizeof *mine, &mine);
    s = comm_agree(t->comm, s);
    if (s == ST_OK && sets) memcpy(t->sets, sets, floats * sizeof *sets);
    if (s == ST_OK && head) memcpy(t->head, head, head_bytes);
    if (s == ST_OK) s = comm_broadcast(t->comm, t->sets, floats * sizeof *t->sets, 0);
    if (s == ST_OK) s = comm_broadcast(t->comm, t->head, head_bytes, 0);
    if (s == ST_OK) s = comm_agree(t->comm, comm_is_worker(t->comm) ? run_pairs(t, order, mine) : ST_OK);
    if (s == ST_OK) s = collect(t, n, mine, losses);
    mem_free(mine);
    return s;
}

status oracle_run_place(struct oracle *t, const float *prompts, const float *head)
{
    if (prompts) memcpy(t->placed, prompts, t->bank * sizeof *prompts);
    if (head) memcpy(t->placed_head, head, 2 * (size_t)t->hidden * sizeof *head);
    TRY(comm_broadcast(t->comm, t->placed, t->bank * sizeof *t->placed, 0));
    TRY(comm_broadcast(t->comm, t->placed_head, 2 * (size_t)t->hidden * sizeof *t->placed_head, 0));
    for (int32_t i = 0; i < t->part_count; i++) t->parts[i].at = 0;
    return ST_OK;
}

/* What is kept of layers above has seen the old prompt. */
status oracle_run_fix(struct oracle *t, int32_t layer, const float *prompt)
{
    float *at = t->placed + (size_t)layer * t->columns;

    if (prompt) memcpy(at, prompt, t->columns * sizeof *prompt);
    TRY(comm_broadcast(t->comm, at, t->columns * sizeof *at, 0));
    for (int32_t i = 0; i < t->part_count; i++)
        if (t->parts[i].at > layer) t->parts[i].at = 0;
    return ST_OK;
}

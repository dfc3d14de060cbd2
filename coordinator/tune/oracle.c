/* The dialogue: an order of a few bytes from the coordinator to all ranks, then the same function on every rank. Ranks
 * agree after each part that can fail on one of them alone. */
#include "coordinator/tune/oracle_state.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/loop/dealing.h"
#include "coordinator/score/example_marks.h"

enum { TAG_ORACLE_LOSS = 400 };

/* ---- opening: the examples travel once ---- */

/* All training examples by slot, and who computes which gradients, as one message. */
static status pack_examples(struct oracle *t, struct assignment_message *m, const int32_t *lengths, const int32_t *order,
                            struct example_buffer *buffer)
{
    const struct oracle_options *o = &t->o;
    struct deal deal = {0};
    double *ones;
    int32_t width = 0;
    status s;

    TRY(mem_alloc((size_t)t->comm->workers, sizeof *ones, &ones));
    for (int w = 0; w < t->comm->workers; w++) ones[w] = 1;
    s = dealing_assign(&deal, 1, t->examples, t->comm->workers, ones, ones);
    if (s == ST_OK) s = assignment_message_begin(m, &deal);
    for (int32_t i = 0; i < t->examples && o->rules.padding; i++)
        if (lengths[i] > width) width = lengths[i];
    for (int32_t slot = 0; slot < t->examples && s == ST_OK; slot++) {
        struct example e;

        s = dataset_example(o->data, o->task, o->split, o->rows[order[slot]], buffer, &e);
        if (s == ST_OK)
            s = assignment_message_add(m, &(struct assignment_example){
                0, slot, e.length, width, e.start, e.end,
                example_marks(&e, o->rules.product, o->rules.independent), e.ids});
    }
    deal_fini(&deal);
    mem_free(ones);
    return s;
}

/* Coordinator. The message is t's afterwards. */
static status collect_examples(struct oracle *t)
{
    struct assignment_message m = {0};
    struct example_buffer buffer = {0};
    int32_t *lengths = NULL, *order = NULL;
    status s = mem_alloc((size_t)t->examples, sizeof *lengths, &lengths);

    if (s == ST_OK) s = mem_alloc((size_t)t->examples, sizeof *order, &order);
    for (int32_t i = 0; i < t->examples && s == ST_OK; i++)
        lengths[i] = dataset_length(t->o.data, t->o.task, t->o.split, t->o.rows[i]);
    if (s == ST_OK) dealing_order(t->examples, lengths, order);
    if (s == ST_OK) s = pack_examples(t, &m, lengths, order, &buffer);
    t->words = m.words;
    t->word_count = m.count;
    mem_free(lengths);
    mem_free(order);
    example_buffer_fini(&buffer);
    return s;
}

static status send_examples(struct oracle *t)
{
    int64_t sizes[2] = {t->examples, 0};
    size_t bytes;
    status s = ST_OK;

    if (comm_is_coordinator(t->comm)) {
        s = collect_examples(t);
        sizes[1] = (int64_t)t->word_count;
    }
    TRY(comm_agree(t->comm, s));
    TRY(comm_broadcast(t->comm, sizes, sizeof sizes, 0));
    t->examples = (int32_t)sizes[0];
    t->word_count = (size_t)sizes[1];
    bytes = t->word_count * sizeof *t->words;
    if (!comm_is_coordinator(t->comm)) s = mem_alloc(t->word_count, sizeof *t->words, &t->words);
    TRY(comm_agree(t->comm, s));
    TRY(comm_broadcast(t->comm, t->words, bytes, 0));
    return comm_agree(t->comm, assignment_read(&t->assignment, t->words, t->word_count));
}

/* A worker's own part of the share: the blocks that the deal gives it. */
static status take_own(struct oracle *t)
{
    const struct deal *all = &t->assignment.deal;

    deal_clear(&t->own.deal, 1, t->examples, t->comm->workers);
    TRY(mem_alloc((size_t)t->examples, sizeof *t->own.examples, &t->own.examples));
    t->own.room = (size_t)t->examples;
    for (size_t i = 0; i < all->count; i++) {
        struct deal_block b = all->blocks[i];

        TRY(deal_add(&t->own.deal, b.group, b.worker, b.node));
        for (int32_t slot = b.node.first; b.worker == t->comm->worker && slot < b.node.first + b.node.size; slot++)
            t->own.examples[t->own.count++] = t->assignment.examples[slot];
    }
    return ST_OK;
}

static status open_searcher(struct oracle *t)
{
    t->searcher = t->o.int8 ? t->replica->int8 : t->replica->encoder;
    if (t->o.int8)
        TRY(unit_new(t->searcher, t->compute.most_rows, t->compute.most_examples, t->o.tokens, pool_threads(t->replica->pool),
                     UNIT_EVALUATE, &t->int8_unit));
    t->unit = t->o.int8 ? t->int8_unit : t->compute.unit;
    return ST_OK;
}

static status open_worker(struct oracle *t)
{
    const struct machine_config *m = t->o.machine;
    struct compute_options co = {.groups = 1, .batch = t->examples, .divide = t->examples,
                                 .unit_examples = (int32_t)m->unit_examples, .longest = t->o.longest,
                                 .layers = t->o.layers, .prompt_tokens = t->o.tokens, .memory = (size_t)m->unit_memory,
                                 .threads = pool_threads(t->replica->pool), .infer = !t->o.gradients,
                                 .loss = t->o.loss};

    TRY(compute_open(t->replica->encoder, t->replica->pool, &co, &t->compute));
    TRY(mem_alloc(t->bank, sizeof *t->trial, &t->trial));
    TRY(mem_alloc((size_t)co.unit_examples, sizeof *t->part_loss, &t->part_loss));
    t->scorer.compute = &t->compute;
    TRY(open_searcher(t));
    return take_own(t);
}

/* The parts of a search must be the same on all ranks: the smallest unit of all workers, the coarsest alignment. */
static status open_parts(struct oracle *t)
{
    int64_t limits[3] = {-INT32_MAX, -INT32_MAX, 1};

    if (comm_is_worker(t->comm)) {
        limits[0] = -t->compute.most_rows;
        limits[1] = -t->compute.most_examples;
        limits[2] = encoder_row_align(t->searcher);
    }
    TRY(comm_max(t->comm, limits, 3));
    return comm_agree(t->comm, oracle_parts_open(t, (int32_t)-limits[0], (int32_t)-limits[1], (int32_t)limits[2]));
}

static status open_all(struct oracle *t)
{
    status s;

    TRY(send_examples(t));
    t->blocks = blocks_make((int64_t)t->columns, t->comm->workers);
    reduce_init(&t->reduce, t->comm, &t->blocks, t->o.layers);
    s = mem_alloc(t->bank, sizeof *t->prompts, &t->prompts);
    if (s == ST_OK) s = mem_alloc(2 * (size_t)t->hidden, sizeof *t->head, &t->head);
    if (s == ST_OK) s = mem_alloc(t->bank, sizeof *t->placed, &t->placed);
    if (s == ST_OK) s = mem_alloc(2 * (size_t)t->hidden, sizeof *t->placed_head, &t->placed_head);
    t->scorer = (struct scorer){.comm = t->comm, .rules = t->o.rules, .data = t->o.data,
                                    .prompts = {t->o.layers, t->o.tokens, t->prompts}, .head = t->head};
    if (s == ST_OK && comm_is_worker(t->comm)) s = open_worker(t);
    TRY(comm_agree(t->comm, s));
    return open_parts(t);
}

status oracle_open(const struct oracle_options *o, struct oracle **out)
{
    struct oracle *t;
    status s;

    *out = NULL;
    TRY(comm_agree(o->comm, mem_alloc(1, sizeof *t, &t)));
    t->o = *o;
    t->comm = o->comm;
    t->replica = o->replica;
    t->examples = (int32_t)o->count;
    t->hidden = (int32_t)o->replica->facts.config.hidden;
    t->columns = (size_t)o->tokens * (size_t)t->hidden;
    t->bank = (size_t)o->layers * t->columns;
    s = open_all(t);
    t->o.rows = NULL;   /* the caller's; not needed any more */
    if (s == ST_OK) *out = t;
    else oracle_close(&t);
    return s;
}

void oracle_close(struct oracle **out)
{
    struct oracle *t = *out;

    if (!t) return;
    oracle_parts_close(t);
    unit_destroy(&t->int8_unit);
    compute_close(&t->compute);
    assignment_fini(&t->own);
    assignment_fini(&t->assignment);
    deal_fini(&t->deal);
    reduce_fini(&t->reduce);
    scorer_fini(&t->scorer);
    void *owned[] = {t->words, t->prompts, t->head, t->placed, t->placed_head, t->sets, t->losses, t->trial,
                     t->part_loss};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mem_free(owned[i]);
    mem_free(t);
    *out = NULL;
}

int64_t oracle_examples(const struct oracle *t)
{
    return t->examples;
}

/* ---- gradient ---- */

static status send_state(struct oracle *t, const float *prompts, const float *head)
{
    if (comm_is_coordinator(t->comm)) {
        memcpy(t->prompts, prompts, t->bank * sizeof *prompts);
        memcpy(t->head, head, 2 * (size_t)t->hidden * sizeof *head);
    }
    TRY(comm_broadcast(t->comm, t->prompts, t->bank * sizeof *t->prompts, 0));
    return comm_broadcast(t->comm, t->head, 2 * (size_t)t->hidden * sizeof *t->head, 0);
}

/* Each worker's losses by slot; the mean along the tree. */
static status collect_losses(struct oracle *t, double *loss)
{
    size_t n = (size_t)t->examples;
    struct exchange x = {0};
    status s = ST_OK;

    if (comm_is_coordinator(t->comm))
        s = mem_grow(&t->losses, &t->loss_room, ((size_t)t->comm->workers + 1) * n, sizeof *t->losses);
    TRY(comm_agree(t->comm, s));
    for (int w = 0; comm_is_coordinator(t->comm) && w < t->comm->workers; w++)
        exchange_receive(t->comm, &x, t->losses + (size_t)w * n, n * sizeof(double), comm_rank_of_worker(t->comm, w),
                         TAG_ORACLE_LOSS);
    if (comm_is_worker(t->comm))
        exchange_send(t->comm, &x, t->compute.loss, n * sizeof(double), 0, TAG_ORACLE_LOSS);
    s = exchange_wait(t->comm, &x);
    exchange_fini(&x);
    if (s != ST_OK || !comm_is_coordinator(t->comm)) return s;
    for (size_t i = 0; i < t->assignment.deal.count; i++) {
        struct deal_block b = t->assignment.deal.blocks[i];

        memcpy(t->losses + (size_t)t->comm->workers * n + b.node.first, t->losses + (size_t)b.worker * n + b.node.first,
               (size_t)b.node.size * sizeof *t->losses);
    }
    *loss = tree_total(t->losses + (size_t)t->comm->workers * n, t->examples) / t->examples;
    return ST_OK;
}

static status run_gradient(struct oracle *t, const float *prompts, const float *head, double *loss, float *d_prompts,
                           float *d_head)
{
    const struct encoder_dropout none = {0};
    struct tree_sum *const *prompt_sums = t->compute.prompt_list, *const *head_sums = t->compute.head_list;
    status s = ST_OK;

    TRY(send_state(t, prompts, head));
    if (comm_is_worker(t->comm))
        s = compute_assignment(&t->compute, &t->own, t->prompts, t->o.layers, t->o.tokens, t->head, &none);
    TRY(comm_agree(t->comm, s));
    TRY(reduce_sum_to_coordinator(&t->reduce, &t->assignment.deal, prompt_sums, t->bank, d_prompts));
    TRY(reduce_sum_to_coordinator(&t->reduce, &t->assignment.deal, head_sums, 2 * (size_t)t->hidden, d_head));
    return collect_losses(t, loss);
}

/* ---- scores ---- */

static status run_score(struct oracle *t, const struct scored_rows *what, const float *prompts, const float *head,
                       evaluate_row *each, void *arg, struct eval_result *out)
{
    TRY(send_state(t, prompts, head));
    return score_rows(&t->scorer, what, each, arg, out);
}

/* ---- the dialogue ---- */

static status give_order(struct oracle *t, enum oracle_op op, int32_t layer, int64_t count, struct oracle_request *order)
{
    *order = (struct oracle_request){op, layer, count};
    return comm_broadcast(t->comm, order, sizeof *order, 0);
}

static status obey(struct oracle *t, const struct oracle_request *order)
{
    struct eval_result result;

    switch ((enum oracle_op)order->op) {
    case ORACLE_GRADIENT: return run_gradient(t, NULL, NULL, NULL, NULL, NULL);
    case ORACLE_SCORE: return run_score(t, NULL, NULL, NULL, NULL, NULL, &result);
    case ORACLE_LOSS:
    case ORACLE_LOSSES: return oracle_run_sets(t, order, NULL, NULL, NULL);
    case ORACLE_PLACE: return oracle_run_place(t, NULL, NULL);
    case ORACLE_FIX: return oracle_run_fix(t, order->layer, NULL);
    case ORACLE_OWN: return t->o.own(t->o.own_arg, order->layer);
    case ORACLE_DISMISS: break;
    }
    return ST_OK;
}

/* A request that failed is the coordinator's to judge: it ends with a dismissal in any case. */
status oracle_serve(struct oracle *t)
{
    status failed = ST_OK;

    for (;;) {
        struct oracle_request order;
        status s;

        TRY(comm_broadcast(t->comm, &order, sizeof order, 0));
        if (order.op == ORACLE_DISMISS) return comm_agree(t->comm, failed);
        s = obey(t, &order);
        if (s == ST_PEER) return s;
        if (s != ST_OK) failed = s;
    }
}

status oracle_dismiss(struct oracle *t, status mine)
{
    struct oracle_request order;

    if (mine == ST_PEER) return mine;
    TRY(give_order(t, ORACLE_DISMISS, 0, 0, &order));
    return comm_agree(t->comm, mine);
}

status oracle_gradient(struct oracle *t, const float *prompts, const float *head, double *loss, float *d_prompts, float *d_head)
{
    struct oracle_request order;

    TRY(give_order(t, ORACLE_GRADIENT, 0, 0, &order));
    return run_gradient(t, prompts, head, loss, d_prompts, d_head);
}

status oracle_loss(struct oracle *t, int32_t n, const float *sets, const float *head, double *losses)
{
    struct oracle_request order;

    TRY(give_order(t, ORACLE_LOSS, 0, n, &order));
    return oracle_run_sets(t, &order, sets, head, losses);
}

status oracle_place(struct oracle *t, const float *prompts, const float *head)
{
    struct oracle_request order;

    TRY(give_order(t, ORACLE_PLACE, 0, 0, &order));
    return oracle_run_place(t, prompts, head);
}

status oracle_losses(struct oracle *t, int32_t layer, int32_t n, const float *candidates, double *losses)
{
    struct oracle_request order;

    TRY(give_order(t, ORACLE_LOSSES, layer, n, &order));
    return oracle_run_sets(t, &order, candidates, NULL, losses);
}

status oracle_fix(struct oracle *t, int32_t layer, const float *prompt)
{
    struct oracle_request order;

    TRY(give_order(t, ORACLE_FIX, layer, 0, &order));
    return oracle_run_fix(t, layer, prompt);
}

status oracle_own(struct oracle *t, int what)
{
    struct oracle_request order;

    TRY(give_order(t, ORACLE_OWN, what, 0, &order));
    return t->o.own(t->o.own_arg, what);
}

status oracle_score(struct oracle *t, enum split split, const int64_t *rows, int64_t count, const float *prompts,
                 const float *head, evaluate_row *each, void *arg, struct eval_result *out)
{
    const struct scored_rows what = {t->o.task, split, rows, count};
    struct oracle_request order;

    TRY(give_order(t, ORACLE_SCORE, 0, 0, &order));
    return run_score(t, &what, prompts, head, each, arg, out);
}

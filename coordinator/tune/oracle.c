/* The spine of a loss oracle: a request goes from the coordinator to all ranks, every rank carries it out by the same
 * function here, workers through their part (worker/oracle.h), the coordinator through its own (oracle_coordinator.h).
 * All collectives are in this file. Ranks agree after each part that can fail on one of them alone. */
#include "coordinator/tune/oracle.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/comm/reduce.h"
#include "coordinator/loop/int8_verdict.h"
#include "coordinator/tune/oracle_coordinator.h"
#include "worker/oracle.h"

struct oracle {
    struct comm *comm;
    struct oracle_facts facts;
    float *values, *head; /* of the request under way: oracle_values floats; (2,H) */
    size_t value_room;
    struct blocks blocks;
    struct reduce reduce;
    struct scorer scorer;
    const struct replica *replica;
    const char *check_int8;                 /* as in the options, until it is done */
    struct oracle_coordinator *coordinator; /* NULL: not this rank */
    struct oracle_worker *worker;           /* likewise */
};

/* ---- opening: the examples travel once ---- */

static status send_examples(struct oracle *t)
{
    size_t bytes = t->facts.word_count * sizeof *t->facts.words;

    TRY(comm_broadcast_sized(t->comm, (void **)&t->facts.words, &bytes, 0));
    t->facts.word_count = bytes / sizeof *t->facts.words;
    return comm_agree(t->comm, oracle_facts_read(&t->facts));
}

static status open_buffers(struct oracle *t, const struct oracle_options *o)
{
    t->blocks = blocks_make((int64_t)oracle_columns(&t->facts), t->comm->workers);
    reduce_init(&t->reduce, t->comm, &t->blocks, t->facts.layers);
    /* A bank may be empty, a buffer may not. */
    TRY(mem_grow(&t->values, &t->value_room, oracle_bank(&t->facts) + 1, sizeof *t->values));
    TRY(mem_alloc(oracle_head(&t->facts), sizeof *t->head, &t->head));
    t->scorer = (struct scorer){
        .comm = t->comm, .folder = o->folder, .rules = o->rules, .data = o->data, .head = t->head};
    return ST_OK;
}

static status open_worker(struct oracle *t, const struct oracle_options *o)
{
    const struct oracle_worker_options wo = {.replica = o->replica,
                                             .worker = t->comm->worker,
                                             .unit_examples = (int32_t)o->machine->unit_examples,
                                             .unit_memory = (size_t)o->machine->unit_memory,
                                             .longest = o->longest,
                                             .gradients = o->gradients,
                                             .loss = o->loss};

    TRY(oracle_worker_open(&wo, &t->facts, &t->worker));
    t->scorer.compute = &t->worker->compute;
    return ST_OK;
}

/* The parts must be the same on all ranks: the smallest unit of all workers, the coarsest alignment. */
static status cut_examples(struct oracle *t)
{
    struct oracle_limits most = {INT32_MAX, INT32_MAX, 1};
    int64_t limits[3];
    status s;

    if (t->worker) most = oracle_worker_limits(t->worker);
    limits[0] = -(int64_t)most.rows;
    limits[1] = -(int64_t)most.examples;
    limits[2] = most.align;
    TRY(comm_max(t->comm, limits, 3));
    most = (struct oracle_limits){(int32_t)-limits[0], (int32_t)-limits[1], (int32_t)limits[2]};
    s = oracle_facts_cut(&t->facts, &most);
    if (s == ST_OK && t->worker) s = oracle_worker_begin(t->worker);
    return comm_agree(t->comm, s);
}

static status open_all(struct oracle *t, const struct oracle_options *o)
{
    status s = ST_OK;

    if (comm_is_coordinator(t->comm)) s = oracle_coordinator_open(o, &t->facts, &t->coordinator);
    TRY(comm_agree(t->comm, s));
    TRY(send_examples(t));
    s = open_buffers(t, o);
    if (s == ST_OK && comm_is_worker(t->comm)) s = open_worker(t, o);
    TRY(comm_agree(t->comm, s));
    return cut_examples(t);
}

status oracle_open(const struct oracle_options *o, struct oracle **out)
{
    struct oracle *t;
    status s;

    *out = NULL;
    TRY(comm_agree(o->comm, mem_alloc(1, sizeof *t, &t)));
    t->comm = o->comm;
    t->replica = o->replica;
    t->check_int8 = o->check_int8;
    t->facts = (struct oracle_facts){.layers = o->layers,
                                     .tokens = o->tokens,
                                     .hidden = (int32_t)o->replica->facts.config.hidden,
                                     .workers = o->comm->workers};
    s = open_all(t, o);
    if (s == ST_OK) *out = t;
    else oracle_close(&t);
    return s;
}

void oracle_close(struct oracle **out)
{
    struct oracle *t = *out;

    if (!t) return;
    oracle_worker_close(&t->worker);
    oracle_coordinator_close(&t->coordinator);
    scorer_fini(&t->scorer);
    reduce_fini(&t->reduce);
    oracle_facts_fini(&t->facts);
    mem_free(t->values);
    mem_free(t->head);
    mem_free(t);
    *out = NULL;
}

int64_t oracle_examples(const struct oracle *t)
{
    return t->facts.examples;
}

const struct assignment *oracle_assignment(const struct oracle *t)
{
    return &t->facts.assignment;
}

/* ---- requests, on all ranks ---- */

/* A request with what belongs to it on the coordinator; elsewhere the request alone. */
struct call {
    struct oracle_request request;
    const float *values, *head; /* given (oracle_messages.h) */
    double *losses;             /* wanted, as all below */
    float *d_prompts, *d_head;
    const struct scored_rows *rows;
    evaluate_row *each;
    void *arg;
    struct eval_result *result;
};

static status send_values(struct oracle *t, const struct call *c)
{
    size_t values = oracle_values(&t->facts, &c->request), head = oracle_head_values(&t->facts, &c->request);

    if (values > oracle_bank(&t->facts)) /* room for a bank is there from the start */
        TRY(comm_agree(t->comm, mem_grow(&t->values, &t->value_room, values, sizeof *t->values)));
    if (t->coordinator) {
        memcpy(t->values, c->values, values * sizeof *t->values);
        if (head > 0) memcpy(t->head, c->head, head * sizeof *t->head);
    }
    TRY(comm_broadcast(t->comm, t->values, values * sizeof *t->values, 0));
    return comm_broadcast(t->comm, t->head, head * sizeof *t->head, 0);
}

/* mine: this worker's answer. The means are the coordinator's. */
static status collect_losses(struct oracle *t, const struct call *c, const double *mine)
{
    const struct oracle_request *r = &c->request;
    struct exchange x = {0};
    size_t at = 0;
    status s;

    TRY(comm_agree(t->comm, t->coordinator ? oracle_coordinator_reserve(t->coordinator, r) : ST_OK));
    for (int w = 0; t->coordinator && w < t->comm->workers; w++) {
        size_t count = oracle_answer_losses(&t->facts, r, w);

        exchange_receive(t->comm, &x, t->coordinator->received + at, count * sizeof *mine,
                         comm_rank_of_worker(t->comm, w), TAG_ORACLE_LOSS);
        at += count;
    }
    if (t->worker)
        exchange_send(t->comm, &x, mine, oracle_answer_losses(&t->facts, r, t->comm->worker) * sizeof *mine, 0,
                      TAG_ORACLE_LOSS);
    s = exchange_wait(t->comm, &x);
    exchange_fini(&x);
    if (s == ST_OK && t->coordinator) oracle_coordinator_means(t->coordinator, r, c->losses);
    return s;
}

/* Is int8 near enough with this encoder? Whoever has the first slot finds out. */
static status check_int8(struct oracle *t)
{
    int owner = t->facts.assignment.deal.blocks[0].worker;
    struct int8_check found = {0};
    status s = ST_OK;

    if (t->worker && t->comm->worker == owner)
        s = oracle_worker_check_int8(t->worker, t->check_int8, t->values, t->head, &found);
    t->check_int8 = NULL;
    TRY(comm_agree(t->comm, s));
    TRY(comm_broadcast(t->comm, &found, sizeof found, comm_rank_of_worker(t->comm, owner)));
    if (t->coordinator) s = int8_verdict(&found, number_name(t->replica->facts.precision), NULL, 0);
    return comm_agree(t->comm, s);
}

static status run_gradient(struct oracle *t, const struct call *c)
{
    struct compute *own = t->worker ? &t->worker->compute : NULL;
    struct deal *deal = &t->facts.assignment.deal;

    TRY(comm_agree(t->comm, own ? oracle_worker_gradient(t->worker, t->values, t->head) : ST_OK));
    if (t->check_int8) TRY(check_int8(t));
    TRY(reduce_sum_to_coordinator(&t->reduce, deal, own ? own->prompt_list : NULL, oracle_bank(&t->facts),
                                  c->d_prompts));
    TRY(reduce_sum_to_coordinator(&t->reduce, deal, own ? own->head_list : NULL, oracle_head(&t->facts), c->d_head));
    return collect_losses(t, c, own ? own->loss : NULL);
}

static status run_losses(struct oracle *t, const struct call *c)
{
    struct oracle_worker *w = t->worker;

    TRY(comm_agree(t->comm, w ? oracle_worker_losses(w, &c->request, t->values, t->head) : ST_OK));
    return collect_losses(t, c, w ? w->losses : NULL);
}

static status run_scores(struct oracle *t, const struct call *c)
{
    struct eval_result unused;

    t->scorer.prompts = (struct encoder_prompts){t->facts.layers, t->facts.tokens, t->values};
    return score_rows(&t->scorer, c->rows, c->each, c->arg, c->result ? c->result : &unused);
}

static status run_request(struct oracle *t, const struct call *c)
{
    TRY(send_values(t, c));
    switch ((enum oracle_op)c->request.op) {
    case ORACLE_GRADIENT: return run_gradient(t, c);
    case ORACLE_LOSS:
    case ORACLE_LOSSES: return run_losses(t, c);
    case ORACLE_PLACE:
        if (t->worker) oracle_worker_place(t->worker, t->values, t->head);
        return ST_OK;
    case ORACLE_FIX:
        if (t->worker) oracle_worker_fix(t->worker, c->request.layer, t->values);
        return ST_OK;
    case ORACLE_SCORE: return run_scores(t, c);
    case ORACLE_DISMISS: break;
    }
    return ST_OK;
}

/* ---- the dialogue ---- */

/* A request that failed is the coordinator's to judge: it ends with a dismissal in any case. */
status oracle_serve(struct oracle *t)
{
    status failed = ST_OK;

    for (;;) {
        struct call c = {.values = NULL};
        status s;

        TRY(comm_broadcast(t->comm, &c.request, sizeof c.request, 0));
        if (c.request.op == ORACLE_DISMISS) return comm_agree(t->comm, failed);
        s = run_request(t, &c);
        if (s == ST_PEER) return s;
        if (s != ST_OK) failed = s;
    }
}

status oracle_dismiss(struct oracle *t, status mine)
{
    struct oracle_request end = {.op = ORACLE_DISMISS};

    if (mine == ST_PEER) return mine;
    TRY(comm_broadcast(t->comm, &end, sizeof end, 0));
    return comm_agree(t->comm, mine);
}

static status call_all(struct oracle *t, struct call c)
{
    TRY(comm_broadcast(t->comm, &c.request, sizeof c.request, 0));
    return run_request(t, &c);
}

status oracle_gradient(struct oracle *t, const float *prompts, const float *head, double *loss, float *d_prompts,
                       float *d_head)
{
    return call_all(t, (struct call){.request = {.op = ORACLE_GRADIENT},
                                     .values = prompts,
                                     .head = head,
                                     .losses = loss,
                                     .d_prompts = d_prompts,
                                     .d_head = d_head});
}

status oracle_loss(struct oracle *t, int32_t n, const float *sets, const float *head, double *losses)
{
    return call_all(
        t, (struct call){.request = {.op = ORACLE_LOSS, .count = n}, .values = sets, .head = head, .losses = losses});
}

status oracle_place(struct oracle *t, const float *prompts, const float *head)
{
    return call_all(t, (struct call){.request = {.op = ORACLE_PLACE}, .values = prompts, .head = head});
}

status oracle_losses(struct oracle *t, int32_t layer, int32_t n, const float *candidates, double *losses)
{
    return call_all(t, (struct call){.request = {.op = ORACLE_LOSSES, .layer = layer, .count = n},
                                     .values = candidates,
                                     .losses = losses});
}

status oracle_fix(struct oracle *t, int32_t layer, const float *prompt)
{
    return call_all(t, (struct call){.request = {.op = ORACLE_FIX, .layer = layer}, .values = prompt});
}

status oracle_score(struct oracle *t, enum split split, const int64_t *rows, int64_t count, const float *prompts,
                    const float *head, evaluate_row *each, void *arg, struct eval_result *out)
{
    const struct scored_rows what = {t->coordinator->task, split, rows, count};

    return call_all(t, (struct call){.request = {.op = ORACLE_SCORE},
                                     .values = prompts,
                                     .head = head,
                                     .rows = &what,
                                     .each = each,
                                     .arg = arg,
                                     .result = out});
}

/* The rounds of a scoring: their sequence, and every collective. The coordinator fills one message per worker, sends
 * them, receives the answers in the same order, and continues with the next rows. */
#include "coordinator/score/scorer.h"

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"
#include "coordinator/score/pass.h"

enum { ROUND_LEAST = 2048 };                         /* tokens */
static const double ROUND_SHORT = 1, ROUND_LONG = 3; /* seconds */

/* Messages to all workers, and room for their answers. */
static void post(struct scorer *x, const struct score_pass *pass)
{
    struct score_batch_result *results = pass->results;

    for (int w = 0; w < x->comm->workers; w++) {
        const struct assignment_message *m = &pass->messages[w];
        int rank = comm_rank_of_worker(x->comm, w);

        exchange_receive(x->comm, &x->exchange, results, pass->counts[w] * sizeof *results, rank, TAG_SCORE_RESULT);
        exchange_send(x->comm, &x->exchange, m->words, m->count * sizeof *m->words, rank, TAG_SCORE);
        results += pass->counts[w];
    }
}

/* Worker. Answers are sent even if computing them failed, so that nobody waits for them; the status says which. */
static status answer_round(struct scorer *x)
{
    struct scoring_worker *w = &x->worker;
    status s;

    exchange_receive(x->comm, &x->incoming, w->message, w->words * sizeof *w->message, 0, TAG_SCORE);
    TRY(comm_or_abort(x->comm, exchange_wait(x->comm, &x->incoming)));
    s = w->answers > 0 ? scoring_answer(w, x->compute, &x->prompts, x->head) : ST_OK;
    exchange_send(x->comm, &x->exchange, w->results, w->answers * sizeof *w->results, 0, TAG_SCORE_RESULT);
    return s;
}

/* A stop waits for the round under way. On a crowded machine waiting for each other is what takes long: short rounds
 * would not help, and many of them would never end. */
static void size_round(struct scorer *x, double seconds)
{
    if (seconds < ROUND_SHORT) x->round_tokens *= 2;
    else if (seconds > ROUND_LONG) x->round_tokens /= 2;
    if (x->round_tokens < ROUND_LEAST) x->round_tokens = ROUND_LEAST;
    if (x->round_tokens > x->rules.batch_tokens) x->round_tokens = x->rules.batch_tokens;
}

/* ST_END: rows may be left, but a stop was requested. */
static status next_rows(struct scorer *x, struct score_pass *pass)
{
    return run_folder_stop_asked(x->folder) ? ST_END : score_pass_fill(pass, x->round_tokens, x->sizes);
}

/* pass: the coordinator's, NULL elsewhere. */
static status run_round(struct scorer *x, struct score_pass *pass, int *more)
{
    struct comm *c = x->comm;
    double begun = clock_now();
    status s;

    TRY(comm_agree(c, pass ? next_rows(x, pass) : ST_OK));
    TRY(comm_broadcast(c, x->sizes, (size_t)c->workers * sizeof *x->sizes, 0));
    *more = x->sizes[0].words > 0;
    if (!*more) return ST_OK;
    TRY(comm_agree(c, x->compute ? scoring_prepare(&x->worker, &x->sizes[c->worker]) : ST_OK));
    if (x->membership) membership_begin_round(x->membership);
    if (pass) post(x, pass);
    s = x->compute ? answer_round(x) : ST_OK;
    s = x->membership ? membership_agree(x->membership, s) : comm_agree(c, s);
    TRY(comm_or_abort(c, exchange_wait(c, &x->exchange)));
    TRY(s);
    size_round(x, clock_now() - begun);
    return comm_agree(c, pass ? score_pass_take(pass) : ST_OK);
}

/* Allocate what rounds need on every rank, so that no message fails for lack of memory. */
static status open_rounds(struct scorer *x)
{
    size_t workers = (size_t)x->comm->workers;

    TRY(mem_grow(&x->sizes, &x->size_room, workers, sizeof *x->sizes));
    TRY(exchange_reserve(&x->incoming, 1));
    return exchange_reserve(&x->exchange, 2 * workers + 1);
}

static status run_rounds(struct scorer *x, struct score_pass *pass, struct eval_result *out)
{
    int more = 1;

    if (x->round_tokens == 0) size_round(x, 0);
    while (more) TRY(run_round(x, pass, &more));
    return comm_agree(x->comm, pass ? score_pass_finish(pass, out) : ST_OK);
}

status score_rows(struct scorer *x, const struct scored_rows *what, evaluate_row *each, void *arg,
                  struct eval_result *out)
{
    const struct score_pass_options o = {
        .rules = &x->rules, .data = x->data, .workers = x->comm->workers, .each = each, .arg = arg};
    struct score_pass pass = {0}, *mine = comm_is_coordinator(x->comm) ? &pass : NULL;
    status s = open_rounds(x);

    *out = (struct eval_result){0};
    if (s == ST_OK && mine) s = score_pass_open(&o, what, mine);
    s = comm_agree(x->comm, s);
    if (s == ST_OK) s = run_rounds(x, mine, out);
    if (mine) score_pass_close(mine);
    return s;
}

void scorer_fini(struct scorer *x)
{
    exchange_fini(&x->incoming);
    exchange_fini(&x->exchange);
    scoring_fini(&x->worker);
    mem_free(x->sizes);
    *x = (struct scorer){0};
}

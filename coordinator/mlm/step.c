/* One step of `mp2 mlm`, and an evaluation: the order of their phases, and every collective. A rank has a worker's
 * part, the coordinator's, or both. */
#include <math.h>

#include "cluster/base/clock.h"
#include "coordinator/mlm/mlm.h"

enum { ROUND_TOKENS = 2048 };        /* least of a worker in a round of an evaluation */
static const double ROUND_SHORT = 1; /* seconds */

/* Sends outside of gradients are over: all ranks know everybody's notes. */
static status add_notes(struct mlm *m)
{
    return comm_sum(m->comm, m->notes.values, mlm_notes_count(&m->notes));
}

/* All parameters to all workers, packed for the encoder. */
static status refresh(struct mlm *m)
{
    status s = ST_OK;

    if (!m->stale) return ST_OK;
    TRY(ranges_gather(&m->ranges, m->worker ? m->worker->values : NULL));
    if (m->worker) s = mlm_worker_attach(m->worker);
    m->stale = 0;
    return comm_agree(m->comm, s);
}

static status compute(struct mlm *m, int64_t step, struct membership *membership)
{
    double started = clock_now();
    struct member_report r;
    status s = mlm_notes_begin(&m->notes, m->settings.micros, m->comm->workers);

    if (s == ST_OK && m->worker) {
        s = mlm_worker_compute(m->worker, step, &m->notes);
        r = member_report_here(membership, clock_now() - started);
        mlm_notes_report(&m->notes, m->comm->worker, r.seconds, r.sent, r.memory);
    }
    return s;
}

/* The gradient's norm, on the coordinator. */
static status find_norm(struct mlm *m, double *norm)
{
    double sum = 0;
    status s = m->worker ? mlm_worker_square(m->worker, m->grad, &m->squares) : ST_OK;

    TRY(comm_agree(m->comm, s));
    TRY(reduce_grad_u(&m->reduce, &m->squares, 1, &sum));
    *norm = sqrt(sum);
    return ST_OK;
}

status mlm_step(void *self, int64_t step, struct membership *membership, struct job_step *out)
{
    struct mlm *m = self;
    double norm = 0, started, computed;
    status s;

    TRY(refresh(m));
    started = clock_now();
    s = compute(m, step, membership);
    if (s != ST_OK && m->comm->size > 1) comm_abort(m->comm, s); /* others wait for this one's gradient */
    TRY(membership_agree(membership, s));
    computed = clock_now();
    TRY(add_notes(m));
    TRY(ranges_sum(&m->ranges, &m->grad));
    TRY(find_norm(m, &norm));
    m->scale = m->config->clip > 0 && norm > m->config->clip ? m->config->clip / norm : 1;
    TRY(comm_broadcast(m->comm, &m->scale, sizeof m->scale, 0));
    if (m->coordinator)
        mlm_coordinator_step(m->coordinator, m->config, &m->settings, &m->flat, step, &m->notes, norm,
                             &(struct mlm_times){m->worker ? 0 : computed - started, clock_now() - computed}, out);
    return ST_OK;
}

status mlm_commit(void *self, int64_t step, int apply)
{
    struct mlm *m = self;
    const struct train_config *t = &m->config->train;
    struct adamw w;

    if (!apply) return ST_OK;
    m->applied++;
    m->stale = 1;
    w = adamw_at(t->rate * train_rate_factor(t, step - 1), &t->adamw, m->applied);
    w.scale = m->scale;
    if (m->worker) mlm_worker_update(m->worker, &w, m->grad);
    return ST_OK;
}

/* Items first … first + count - 1. The coordinator knows of a stop before: ST_END then, on all ranks. */
static status evaluate_round(struct mlm *m, int64_t first, int64_t count, int64_t rows, const struct eval_watch *watch)
{
    status s = m->coordinator && run_folder_stop_asked(watch->folder) ? ST_END : ST_OK;

    if (watch->membership) membership_begin_round(watch->membership);
    if (s == ST_OK && m->worker) s = mlm_worker_evaluate(m->worker, first, count, rows, &m->notes);
    return watch->membership ? membership_agree(watch->membership, s) : comm_agree(m->comm, s);
}

/* Rounds of about a second: a stop waits for the one under way, and all ranks wait for each other after each. */
static status evaluate_items(struct mlm *m, int64_t items, int64_t rows, const struct eval_watch *watch)
{
    int64_t item_tokens = (int64_t)m->settings.sequences * m->settings.length;
    int64_t least = m->comm->workers * (ROUND_TOKENS / item_tokens + 1), count = least;

    for (int64_t first = 0; first < items;) {
        double begun = clock_now();

        TRY(comm_broadcast(m->comm, &count, sizeof count, 0));
        TRY(evaluate_round(m, first, count, rows, watch));
        first += count;
        if (clock_now() - begun < ROUND_SHORT) count *= 2;
        else if (count > least) count /= 2;
    }
    return ST_OK;
}

status mlm_evaluate_heldout(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out)
{
    struct mlm *m = self;
    int64_t all = token_text_sequences(&m->heldout, m->settings.length), most = m->config->eval.rows;
    int64_t size = m->settings.sequences, rows = full || most == 0 || most > all ? all : most;
    int64_t items = (rows + size - 1) / size;
    double started = clock_now();

    (void)step;
    TRY(refresh(m));
    TRY(comm_agree(m->comm, mlm_notes_begin(&m->notes, items, m->comm->workers)));
    TRY(evaluate_items(m, items, rows, watch));
    TRY(add_notes(m));
    if (m->coordinator) mlm_coordinator_eval(m->coordinator, &m->notes, rows, rows < all, clock_now() - started, out);
    return ST_OK;
}

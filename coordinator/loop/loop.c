/* The step loop: steps, with evaluations and checkpoints between them, then the end. The start of a run is in
 * resume.c. */
#include "cluster/base/clock.h"
#include "coordinator/loop/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"

status loop_order(struct loop *l, struct order *order)
{
    return comm_broadcast(l->comm, order, sizeof *order, 0);
}

void loop_post_run(struct loop *l, Mp2__Run__State state, int whole)
{
    Mp2__Run run = MP2__RUN__INIT;
    char host[256] = "";

    if (!l->progress) return;
    gethostname(host, sizeof host - 1);
    l->job->describe(l->job->self, &run);
    run.command = (char *)(uintptr_t)l->job->command;
    run.state = state;
    run.done = (uint64_t)l->step;
    run.total = (uint64_t)l->o->steps;
    run.unit = (char *)(uintptr_t) "steps";
    run.host = host;
    run.program = (char *)(uintptr_t)("mp2 " MP2_VERSION);
    run.started = l->started;
    run.resumed_from = (uint64_t)l->resumed_from;
    run.workers = (uint32_t)l->comm->workers;
    if (whole) {
        run.config = (char *)(uintptr_t)l->o->config;
    } else {
        run.n_tasks = 0;
        run.tasks = NULL;
    }
    run.exactness_broken = l->broken_at > 0;
    run.config_digest = (char *)(uintptr_t)l->o->config_digest;
    progress_post(l->progress, &run.base);
}

/* ---- steps ---- */

static status append(struct loop *l, int64_t step, uint32_t kind, const void *data, size_t bytes)
{
    if (l->o->sync_ms == 0) TRY(journal_wait_durable(l->journal, (uint64_t)(step > 0 ? step - 1 : 0)));
    return journal_append(l->journal, (uint64_t)step, kind, data, bytes);
}

static void tell_step(struct loop *l, int64_t step, const struct job_step *done, double commit_seconds)
{
    Mp2__Step *m = done->message;
    double t = clock_now();
    char words[160] = "";

    m->step = (uint64_t)step;
    m->seconds = t - l->last_commit;
    m->commit_seconds = commit_seconds;
    m->skipped = done->skipped;
    m->journal_lag = (uint64_t)step - journal_durable_step(l->journal);
    m->bytes_sent = membership_step(&l->membership, done->reports, done->units, step);
    l->last_commit = t;
    if (done->described) loop_post_run(l, MP2__RUN__STATE__RUNNING, 0);
    progress_post(l->progress, &m->base);
    if (!done->skipped) l->loss = isnan(l->loss) ? m->loss : l->loss + 0.02 * (m->loss - l->loss);
    if (l->job->brief) l->job->brief(l->job->self, words, sizeof words);
    bar_show(&l->bar, (uint64_t)step, "loss %.4f %s", l->loss, words);
    log_debug("step-commit", "step=%lld loss=%.6g", (long long)step, m->loss);
}

/* The coordinator's part of a commit; its status is local and is sent to the other ranks with the next order. */
static status commit_record(struct loop *l, int64_t step, const struct job_step *done)
{
    double t = clock_now();

    if (done->record) TRY(append(l, step, RECORD_STEP, done->record, done->record_bytes));
    l->skipped = done->skipped ? l->skipped + 1 : 0;
    if (done->skipped) {
        progress_event(l->progress, MP2__EVENT__LEVEL__WARNING, "step-skipped", (uint64_t)step,
                       "loss or gradient not finite");
        log_warn("step-skipped", "step=%lld why=\"loss or gradient not finite\"", (long long)step);
    }
    tell_step(l, step, done, clock_now() - t);
    if (l->skipped >= l->o->skips)
        return fault(ST_NUMBER,
                     "step %lld: %lld steps in a row had a loss or gradient that is not finite; the last good "
                     "state is kept",
                     (long long)step, (long long)l->skipped);
    return ST_OK;
}

static status do_step(struct loop *l, int64_t step)
{
    struct job_step done = {0};
    int32_t apply = 1;

    membership_begin_step(&l->membership);
    TRY(l->job->step(l->job->self, step, &l->membership, &done));
    if (comm_is_coordinator(l->comm)) {
        l->failed = done.failed != ST_OK ? done.failed : commit_record(l, step, &done);
        /* If the record could not be written, the step never happened. */
        apply = done.skipped ? 0 : l->failed == ST_OK || l->failed == ST_NUMBER ? 1 : -1;
    }
    TRY(comm_broadcast(l->comm, &apply, sizeof apply, 0));
    if (apply < 0) return ST_OK;
    l->step = step;
    TRY(l->job->commit(l->job->self, step, apply));
    membership_end_step(&l->membership);
    return ST_OK;
}

/* ---- evaluations and checkpoints ---- */

static void tell_checkpoint(struct loop *l, int64_t step, Mp2__Checkpoint__State state, int best)
{
    Mp2__Checkpoint m = MP2__CHECKPOINT__INIT;
    char path[32];

    snprintf(path, sizeof path, "step-%lld", (long long)step);
    m.path = path;
    m.step = (uint64_t)step;
    m.state = state;
    if (state == MP2__CHECKPOINT__STATE__COMPLETE) m.bytes = l->saved_bytes;
    if (state == MP2__CHECKPOINT__STATE__COMPLETE) m.seconds = l->saved_seconds;
    m.best = best;
    progress_post(l->progress, &m.base);
}

/* The job's state, and how far the loop is. */
static status state_of(struct loop *l, struct state *out)
{
    size_t n;

    TRY(l->job->state(l->job->self, out));
    n = out->value_count;
    mem_free(l->values);
    TRY(mem_alloc(n + 1, sizeof *l->values, &l->values));
    if (n > 0) memcpy(l->values, out->values, n * sizeof *l->values);
    l->values[n] = (struct state_value){.name = "evaluated", .type = STATE_WHOLE, .whole = l->evaluated};
    out->values = l->values;
    out->value_count = n + 1;
    out->step = (uint64_t)l->step;
    out->broken_at = (uint64_t)l->broken_at;
    out->best_score = isnan(l->result->best) ? 0 : l->result->best;
    out->best_step = (uint64_t)l->result->best_step;
    return ST_OK;
}

/* Publish as removed the checkpoints that are in the list but no longer in the folder. */
static void tell_removed(struct loop *l, const uint64_t *steps, size_t count)
{
    char path[CHECKPOINT_PATH_BYTES];

    for (size_t i = 0; i < count; i++)
        if (checkpoint_path(l->o->run, steps[i], path) == ST_OK && !file_exists(path))
            tell_checkpoint(l, (int64_t)steps[i], MP2__CHECKPOINT__STATE__REMOVED, 0);
}

/* After a new checkpoint: delete those that it makes superfluous. */
static status settle_checkpoint(struct loop *l)
{
    uint64_t *steps = NULL, oldest = 0;
    size_t count = 0;
    status s;

    TRY(journal_roll(l->journal, (uint64_t)l->step + 1));
    TRY(checkpoint_list(l->o->run, &steps, &count));
    s = checkpoint_prune(l->o->run, l->o->checkpoints_kept, &oldest);
    if (s == ST_OK) tell_removed(l, steps, count);
    mem_free(steps);
    TRY(s);
    if (oldest > 0) TRY(journal_prune(l->journal, oldest));
    tell_checkpoint(l, l->step, MP2__CHECKPOINT__STATE__COMPLETE, 0);
    return progress_flush(l->progress);
}

static status do_checkpoint(struct loop *l)
{
    const struct checkpoint_tensor *tensors;
    struct state state = {0};
    size_t count;
    double t = clock_now();
    status s = ST_OK;

    TRY(membership_agree(&l->membership, l->job->flush(l->job->self)));
    TRY(comm_agree(l->comm, l->job->tensors(l->job->self, &tensors, &count)));
    if (comm_is_coordinator(l->comm)) {
        s = journal_check_owner(l->journal);
        if (s == ST_OK) s = journal_wait_durable(l->journal, (uint64_t)l->step);
        if (s == ST_OK) s = state_of(l, &state);
        if (s == ST_OK) s = checkpoint_forecast(tensors, count, &l->saved_bytes);
        /* A start from this checkpoint replays none of its steps: what is told of them must be in the file before. */
        if (s == ST_OK) s = progress_flush(l->progress);
    }
    TRY(comm_agree(l->comm, s));
    if (comm_is_coordinator(l->comm)) tell_checkpoint(l, l->step, MP2__CHECKPOINT__STATE__WRITING, 0);
    s = checkpoint_write(l->comm, l->o->run, &state, tensors, count);
    if (s != ST_OK && comm_is_coordinator(l->comm)) tell_checkpoint(l, l->step, MP2__CHECKPOINT__STATE__FAILED, 0);
    TRY(s);
    l->saved = l->step;
    l->saved_seconds = clock_now() - t;
    if (comm_is_coordinator(l->comm)) s = settle_checkpoint(l);
    return comm_agree(l->comm, s);
}

static void show_eval(struct loop *l, const struct job_eval *e)
{
    l->bar.line_ns = 0;
    log_info("evaluation", "step=%lld mean=%.4f best=%.4f best_step=%lld", (long long)l->step, e->record.mean,
             l->result->best, (long long)l->result->best_step);
}

/* The best checkpoint is durable before the record that says so. */
static status record_eval(struct loop *l, struct job_eval *e, int best)
{
    e->record.step = (uint64_t)l->step;
    e->record.best = best;
    e->record.best_mean = l->result->best;
    e->record.best_step = (uint64_t)l->result->best_step;
    e->message->step = (uint64_t)l->step;
    e->message->best_mean = l->result->best;
    e->message->best_step = (uint64_t)l->result->best_step;
    if (best) TRY(checkpoint_mark_best(l->o->run, (uint64_t)l->step));
    if (best) tell_checkpoint(l, l->step, MP2__CHECKPOINT__STATE__COMPLETE, 1);
    TRY(record_encode_eval(&e->record, &l->buffer));
    /* Recorded under the next step: it comes after the checkpoint of its own step, if there is one. */
    TRY(append(l, l->step + 1, RECORD_EVAL, l->buffer.data, l->buffer.bytes));
    TRY(journal_wait_durable(l->journal, (uint64_t)l->step + 1));
    progress_post(l->progress, &e->message->base);
    if (e->router) {
        e->router->step = (uint64_t)l->step;
        progress_post(l->progress, &e->router->base);
    }
    show_eval(l, e);
    return progress_flush(l->progress);
}

/* A stop was requested: the evaluation did not take place, and is due when the run is resumed. */
static status drop_evaluation(struct loop *l, int64_t mark)
{
    status s = ST_OK;

    if (comm_is_coordinator(l->comm)) {
        log_info("evaluation-dropped", "step=%lld", (long long)l->step);
        s = progress_take_back(l->progress, mark);
        loop_post_run(l, MP2__RUN__STATE__RUNNING, 0);
    }
    return comm_agree(l->comm, s);
}

static status do_evaluate(struct loop *l, int full)
{
    struct job_eval e = {0};
    int32_t best = 0;
    int counts = !full || !l->o->eval_subset; /* a full evaluation is not comparable with scores on a subset */
    const struct eval_watch watch = {&l->membership, l->o->folder};
    int64_t mark = 0;
    status s = ST_OK;

    TRY(membership_agree(&l->membership, l->job->flush(l->job->self)));
    if (comm_is_coordinator(l->comm)) {
        mark = progress_mark(l->progress);
        loop_post_run(l, MP2__RUN__STATE__EVALUATING, 0);
    }
    s = l->job->evaluate(l->job->self, l->step, full, &watch, &e);
    if (s == ST_END) return drop_evaluation(l, mark);
    TRY(s);
    if (comm_is_coordinator(l->comm) && counts) {
        double old = l->result->best;

        best = isnan(old) || (e.higher_is_better ? e.record.mean > old : e.record.mean < old);
        if (best) {
            l->result->best = e.record.mean;
            l->result->best_step = l->step;
        }
    }
    TRY(comm_broadcast(l->comm, &best, sizeof best, 0));
    if (best && l->saved != l->step) TRY(do_checkpoint(l));
    if (comm_is_coordinator(l->comm)) {
        s = record_eval(l, &e, best);
        loop_post_run(l, MP2__RUN__STATE__RUNNING, 0);
        l->last_commit = clock_now();
    }
    if (counts) l->evaluated = l->step;
    if (full) l->final_done = 1;
    return comm_agree(l->comm, s);
}

/* ---- deciding ---- */

static struct order decide(struct loop *l)
{
    struct order order = {.kind = ORDER_STEP, .status = l->failed, .step = l->step + 1};
    const struct loop_options *o = l->o;
    int stopping = run_folder_stop_asked(l->o->folder), ended = l->step >= o->steps;
    int every = o->eval_every > 0 && l->step > 0 && l->evaluated != l->step && l->step % o->eval_every == 0;
    int last = ended && o->eval_final && !l->final_done && (l->evaluated != l->step || o->eval_subset);

    if (l->failed != ST_OK) order.kind = ORDER_END;
    else if (l->saved != l->step && l->step > 0 && (stopping || ended || l->step % o->checkpoint_every == 0))
        order.kind = ORDER_CHECKPOINT;
    else if (stopping) /* an evaluation that is due takes place when the run is resumed */
        order = (struct order){.kind = ORDER_END, .stopped = !ended || every || last};
    else if (every || last) order = (struct order){.kind = ORDER_EVALUATE, .full = !every};
    else if (ended) order.kind = ORDER_END;
    return order;
}

static status follow(struct loop *l)
{
    for (;;) {
        struct order order = {0};

        if (comm_is_coordinator(l->comm)) order = decide(l);
        TRY(loop_order(l, &order));
        switch (order.kind) {
        case ORDER_STEP: TRY(do_step(l, order.step)); break;
        case ORDER_EVALUATE: TRY(do_evaluate(l, order.full)); break;
        case ORDER_CHECKPOINT: TRY(do_checkpoint(l)); break;
        default: l->result->stopped = order.stopped; return (status)order.status;
        }
    }
}

static status finish_run(struct loop *l, status s)
{
    status closed;

    l->result->step = l->step;
    if (!comm_is_coordinator(l->comm)) {
        membership_close(&l->membership);
        return s;
    }
    bar_close(&l->bar, s == ST_OK);
    loop_post_run(l,
                  s != ST_OK           ? MP2__RUN__STATE__FAILED
                  : l->result->stopped ? MP2__RUN__STATE__STOPPED
                                       : MP2__RUN__STATE__FINISHED,
                  0);
    if (l->progress) membership_publish(&l->membership, MP2__WORKER__STATE__LEFT, "the run ended", l->step);
    membership_close(&l->membership);
    closed = l->progress ? progress_flush(l->progress) : ST_OK;
    if (s == ST_OK) s = closed;
    progress_destroy(&l->progress);
    closed = journal_close(&l->journal);
    if (s == ST_OK) s = closed;
    record_buffer_fini(&l->buffer);
    loop_drop_lost(l);
    mem_free(l->values);
    return s;
}

status loop_run(struct comm *c, const struct job *job, const struct loop_options *options, struct loop_result *out)
{
    struct loop l = {.comm = c,
                     .job = job,
                     .o = options,
                     .result = out,
                     .loss = NAN,
                     .evaluated = -1,
                     .last_commit = clock_now(),
                     .started = clock_unix()};
    status s;

    *out = (struct loop_result){.best = NAN};
    TRY(comm_agree(c, stop_install()));
    s = loop_begin(&l);
    l.last_commit = clock_now();
    if (s == ST_OK) s = follow(&l);
    else if (s == ST_END) {
        out->stopped = 1;
        s = ST_OK;
    }
    return finish_run(&l, s);
}

/* Orders, in the order of a run: replay what the journal has, then steps with evaluations and checkpoints between them,
 * then the end. */
#include "coordinator/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/bar.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"
#include "cluster/store/run_folder.h"
#include "coordinator/crew.h"

enum order_kind { ORDER_STEP, ORDER_EVALUATE, ORDER_CHECKPOINT, ORDER_REPLAY, ORDER_END };

struct order { int32_t kind, status, full, pad; int64_t step; };

struct loop {
    struct comm *comm;
    const struct job *job;
    const struct loop_options *o;
    struct loop_result *result;
    int64_t step;               /* committed */
    int64_t evaluated, saved;   /* steps of the last regular evaluation and checkpoint */
    int final_done;
    int64_t skipped;            /* in a row */
    /* coordinator */
    struct run_folder folder;
    struct journal *journal;
    struct progress *progress;
    struct crew crew;
    struct record_buffer buffer;
    struct state_value *values; /* of a checkpoint's state: the job's and the loop's */
    struct bar bar;
    double last_commit;
    double loss;                /* smoothed, for the bar */
    int64_t told;               /* the last step that metrics.jsonl tells of */
    struct lost { void *data; size_t bytes; } *lost;   /* steps that it does not: packed messages */
    size_t lost_count, lost_room;
    status failed;              /* a failure of the coordinator's own: ends the run in order */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static status give_order(struct loop *l, struct order *order)
{
    return comm_broadcast(l->comm, order, sizeof *order, 0);
}

/* ---- beginning ---- */

static void post_run(struct loop *l, Mp2__Run__State state, int whole)
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
    run.unit = (char *)(uintptr_t)"steps";
    run.host = host;
    run.workers = (uint32_t)l->comm->workers;
    if (whole) {
        run.config = (char *)(uintptr_t)l->o->config;
    } else {
        run.n_tasks = 0;
        run.tasks = NULL;
    }
    run.config_digest = (char *)(uintptr_t)l->o->config_digest;
    progress_post(l->progress, &run.base);
}

static status open_folder(struct loop *l)
{
    enum run_folder_mode mode = l->o->resume < 0 ? RUN_FOLDER_EITHER : l->o->resume ? RUN_FOLDER_RESUME : RUN_FOLDER_NEW;

    TRY(run_folder_open(l->o->run, mode, 3000, &l->folder));
    return run_folder_save_config(&l->folder, l->o->config, strlen(l->o->config));
}

static status check_room(struct loop *l, const struct checkpoint_tensor *tensors, size_t count)
{
    uint64_t one, kept = (uint64_t)l->o->checkpoints_kept + 2;   /* the best and the one being written */

    TRY(checkpoint_forecast(tensors, count, &one));
    return run_folder_check_room(l->o->run, kept * one + journal_forecast(l->o->record_bytes,
                                                                        (uint64_t)l->o->checkpoint_every, kept));
}

static status load_newest(struct loop *l)
{
    const struct checkpoint_tensor *tensors;
    const struct state_value *evaluated;
    struct state state = {0};
    uint64_t step = 0;
    size_t count;
    status s;

    TRY(comm_agree(l->comm, l->job->tensors(l->job->self, &tensors, &count)));
    if (comm_is_coordinator(l->comm)) s = check_room(l, tensors, count);
    else s = ST_OK;
    TRY(comm_agree(l->comm, s));
    TRY(checkpoint_load_newest(l->comm, l->o->run, tensors, count, &state, &step));
    if (step == 0) return ST_OK;
    s = l->job->restore(l->job->self, &state);
    l->step = l->saved = (int64_t)step;
    l->result->best = state.best_step ? state.best_score : NAN;
    l->result->best_step = (int64_t)state.best_step;
    evaluated = state_find(&state, "evaluated");
    if (evaluated && evaluated->type == STATE_WHOLE) l->evaluated = evaluated->whole;
    state_fini(&state);
    return comm_agree(l->comm, s);
}

/* ---- replay ---- */

/* The last step in metrics.jsonl: its last lines may have been in a killed process's buffer. */
static int64_t last_told(const char *run)
{
    static const char key[] = "\"step\":{\"step\":";
    char path[RUN_FOLDER_PATH_BYTES + 16];
    int64_t last = 0;
    char *line = NULL;
    size_t room = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    f = fopen(path, "re");
    if (!f) return 0;
    while (getline(&line, &room, f) > 0) {
        const char *at = strstr(line, key);
        if (at && strchr(at, '\n')) last = strtoll(at + sizeof key - 1, NULL, 10);
    }
    free(line);
    fclose(f);
    return last;
}

static status keep_lost(struct loop *l, Mp2__Step *message)
{
    struct lost lost;

    message->step = (uint64_t)l->step;
    message->seconds = message->commit_seconds = 0;
    lost.bytes = mp2__step__get_packed_size(message);
    TRY(mem_grow(&l->lost, &l->lost_room, l->lost_count + 1, sizeof *l->lost));
    TRY(mem_alloc(lost.bytes, 1, &lost.data));
    mp2__step__pack(message, lost.data);
    l->lost[l->lost_count++] = lost;
    return ST_OK;
}

static void post_lost(struct loop *l)
{
    for (size_t i = 0; i < l->lost_count; i++) {
        Mp2__Step *m = mp2__step__unpack(NULL, l->lost[i].bytes, l->lost[i].data);

        if (m) progress_post(l->progress, &m->base);
        if (m) mp2__step__free_unpacked(m, NULL);
        mem_free(l->lost[i].data);
    }
    mem_free(l->lost);
    l->lost = NULL;
    l->lost_count = l->lost_room = 0;
}

static void take_eval(struct loop *l, const struct record_eval *e)
{
    l->evaluated = (int64_t)e->step;
    l->result->best = e->best_mean;
    l->result->best_step = (int64_t)e->best_step;
}

/* Who wrote what follows: a later start must compute the same bits, or the run is not this run. */
static status check_writer(struct loop *l, const struct journal_record *record)
{
    struct record_run was;
    struct state is = {0};
    status s;

    TRY(record_decode_run("journal", record->payload, record->bytes, &was));
    s = l->job->state(l->job->self, &is);
    if (s == ST_OK && strcmp(was.config_digest, is.config_digest) != 0)
        s = fault(ST_INPUT, "%s: cannot be resumed: an option that affects the result was changed (config.resolved.yaml has the "
                  "values it was started with)", l->o->run);
    if (s == ST_OK && (strcmp(was.precision, is.precision) != 0 ||
                       strcmp(was.instruction_set, is.instruction_set) != 0 || strcmp(was.libraries, is.libraries) != 0))
        s = fault(ST_INPUT, "%s: cannot be resumed: it was computed with %s, %s, %s; here it would be %s, %s, %s", l->o->run,
                  was.precision, was.instruction_set, was.libraries, is.precision, is.instruction_set, is.libraries);
    record_run_fini(&was);
    return s;
}

static status record_start(struct loop *l)
{
    struct state is = {0};
    struct record_run r = {.step = (uint64_t)l->step + 1, .event = l->step > 0 ? RECORD_RESUME : RECORD_START, .build = "",
                           .ranks = (uint32_t)l->comm->size};

    TRY(l->job->state(l->job->self, &is));
    r.config_digest = is.config_digest;
    r.precision = is.precision;
    r.instruction_set = is.instruction_set;
    r.libraries = is.libraries;
    TRY(record_encode_run(&r, &l->buffer));
    return journal_append(l->journal, r.step, RECORD_RUN, l->buffer.data, l->buffer.bytes);
}

/* One record at the coordinator: an order to replay a step, or its own business. */
static status replay_record(struct loop *l, const struct journal_record *record)
{
    struct order order = {.kind = ORDER_REPLAY, .step = (int64_t)record->step};
    struct record_eval e;
    Mp2__Step *message = NULL;

    if (record->kind == RECORD_EVAL) {
        TRY(record_decode_eval("journal", record->payload, record->bytes, &e));
        take_eval(l, &e);
        record_eval_fini(&e);
        return ST_OK;
    }
    if (record->kind == RECORD_RUN) return check_writer(l, record);
    if (record->kind != RECORD_STEP || order.step <= l->step) return ST_OK;
    if (order.step != l->step + 1)
        return fault(ST_INPUT, "%s/journal: step %lld follows step %lld", l->o->run, (long long)order.step, (long long)l->step);
    TRY(give_order(l, &order));
    l->step = order.step;
    TRY(l->job->replay(l->job->self, order.step, record, &message));
    return order.step > l->told ? keep_lost(l, message) : ST_OK;
}

static status replay_journal(struct loop *l)
{
    struct journal_options jo = {.interval_ms = l->o->sync_ms};
    struct journal_reader *reader = NULL;
    struct journal_record record;
    struct order end = {.kind = ORDER_END};
    char folder[RUN_FOLDER_PATH_BYTES + 16];
    status s;

    snprintf(folder, sizeof folder, "%s/journal", l->o->run);
    l->told = last_told(l->o->run);
    s = journal_open(folder, (uint64_t)l->step + 1, &jo, &l->journal);
    if (s == ST_OK) s = journal_reader_open(folder, (uint64_t)l->step + 1, &reader);
    while (s == ST_OK) {
        s = journal_reader_next(reader, &record);
        if (s == ST_OK) s = replay_record(l, &record);
    }
    journal_reader_close(&reader);
    if (s == ST_END) s = ST_OK;
    if (s == ST_PEER) return s;
    end.status = s;
    TRY(give_order(l, &end));
    return s;
}

static status follow_replay(struct loop *l)
{
    struct order order;
    Mp2__Step *none;

    for (;;) {
        TRY(give_order(l, &order));
        if (order.kind == ORDER_END) return (status)order.status;
        l->step = order.step;
        TRY(l->job->replay(l->job->self, order.step, NULL, &none));
    }
}

static status open_progress(struct loop *l)
{
    struct progress_options po = {.folder = l->o->run, .watch = l->o->watch, .resume = l->step > 0,
                                  .resume_step = (uint64_t)l->step};

    TRY(progress_new(&po, &l->progress));
    post_lost(l);
    post_run(l, MP2__RUN__STATE__RUNNING, 1);
    crew_tell(&l->crew, MP2__WORKER__STATE__WORKING, l->step > 0 ? "resumed" : "started", l->step, l->progress);
    if (l->step > 0)
        progress_event(l->progress, MP2__EVENT__LEVEL__INFO, "resume", (uint64_t)l->step, "with %d workers", l->comm->workers);
    bar_open_from(&l->bar, l->job->command, (uint64_t)l->step, (uint64_t)l->o->steps, "steps");
    return ST_OK;
}

static status begin(struct loop *l)
{
    int64_t started = 0;
    status s = ST_OK;

    if (comm_is_coordinator(l->comm)) s = open_folder(l);
    TRY(comm_agree(l->comm, s));
    TRY(load_newest(l));
    started = l->step;
    TRY(comm_is_coordinator(l->comm) ? replay_journal(l) : follow_replay(l));
    TRY(l->job->flush(l->job->self));
    TRY(crew_open(l->comm, &l->crew));
    if (comm_is_coordinator(l->comm)) {
        if (l->step > 0) log_info("resumed", "checkpoint=%lld step=%lld", (long long)started, (long long)l->step);
        s = record_start(l);
        if (s == ST_OK) s = open_progress(l);
    }
    return comm_agree(l->comm, s);
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
    double t = now();
    char words[160] = "";

    m->step = (uint64_t)step;
    m->seconds = t - l->last_commit;
    m->commit_seconds = commit_seconds;
    m->skipped = done->skipped;
    m->journal_lag = (uint64_t)step - journal_durable_step(l->journal);
    l->last_commit = t;
    progress_post(l->progress, &m->base);
    crew_step(&l->crew, done->busy, done->units, step, l->progress);
    if (!done->skipped) l->loss = isnan(l->loss) ? m->loss : l->loss + 0.02 * (m->loss - l->loss);
    if (l->job->brief) l->job->brief(l->job->self, words, sizeof words);
    bar_show(&l->bar, (uint64_t)step, "loss %.4f %s", l->loss, words);
    log_debug("step-commit", "step=%lld loss=%.6g", (long long)step, m->loss);
}

/* The coordinator's part of a commit; the status is its own and travels with the next order. */
static status commit_record(struct loop *l, int64_t step, const struct job_step *done)
{
    double t = now();

    if (done->record) TRY(append(l, step, RECORD_STEP, done->record, done->record_bytes));
    l->skipped = done->skipped ? l->skipped + 1 : 0;
    if (done->skipped) {
        progress_event(l->progress, MP2__EVENT__LEVEL__WARNING, "step-skipped", (uint64_t)step, "loss or gradient not finite");
        log_warn("step-skipped", "step=%lld why=\"loss or gradient not finite\"", (long long)step);
    }
    tell_step(l, step, done, now() - t);
    if (l->skipped >= l->o->skips)
        return fault(ST_NUMBER, "step %lld: %lld steps in a row had a loss or gradient that is not finite; the last good "
                     "state is kept", (long long)step, (long long)l->skipped);
    return ST_OK;
}

static status do_step(struct loop *l, int64_t step)
{
    struct job_step done = {0};
    int32_t apply = 1;

    TRY(l->job->step(l->job->self, step, &done));
    if (comm_is_coordinator(l->comm)) {
        l->failed = done.failed != ST_OK ? done.failed : commit_record(l, step, &done);
        /* A record that could not be written is a step that never happened. */
        apply = done.skipped ? 0 : l->failed == ST_OK || l->failed == ST_NUMBER ? 1 : -1;
    }
    TRY(comm_broadcast(l->comm, &apply, sizeof apply, 0));
    if (apply < 0) return ST_OK;
    l->step = step;
    return l->job->commit(l->job->self, step, apply);
}

/* ---- evaluations and checkpoints ---- */

static status tell_checkpoint(struct loop *l, Mp2__Checkpoint__State state, double seconds, int best)
{
    Mp2__Checkpoint m = MP2__CHECKPOINT__INIT;
    char path[32];

    snprintf(path, sizeof path, "step-%lld", (long long)l->step);
    m.path = path;
    m.step = (uint64_t)l->step;
    m.state = state;
    m.seconds = seconds;
    m.best = best;
    progress_post(l->progress, &m.base);
    return progress_flush(l->progress);
}

/* What the job says, and how far the loop is. */
static status state_of(struct loop *l, struct state *out)
{
    size_t n;

    TRY(l->job->state(l->job->self, out));
    n = out->value_count;
    mem_free(l->values);
    TRY(mem_alloc(n + 1, sizeof *l->values, &l->values));
    memcpy(l->values, out->values, n * sizeof *l->values);
    l->values[n] = (struct state_value){.name = "evaluated", .type = STATE_WHOLE, .whole = l->evaluated};
    out->values = l->values;
    out->value_count = n + 1;
    out->step = (uint64_t)l->step;
    out->best_score = isnan(l->result->best) ? 0 : l->result->best;
    out->best_step = (uint64_t)l->result->best_step;
    return ST_OK;
}

static status do_checkpoint(struct loop *l)
{
    const struct checkpoint_tensor *tensors;
    struct state state = {0};
    uint64_t oldest = 0;
    size_t count;
    double t = now();
    status s = ST_OK;

    TRY(comm_agree(l->comm, l->job->flush(l->job->self)));
    TRY(comm_agree(l->comm, l->job->tensors(l->job->self, &tensors, &count)));
    if (comm_is_coordinator(l->comm)) {
        s = journal_wait_durable(l->journal, (uint64_t)l->step);
        if (s == ST_OK) s = state_of(l, &state);
    }
    TRY(comm_agree(l->comm, s));
    TRY(checkpoint_write(l->comm, l->o->run, &state, tensors, count));
    l->saved = l->step;
    if (comm_is_coordinator(l->comm)) {
        s = journal_roll(l->journal, (uint64_t)l->step + 1);
        if (s == ST_OK) s = checkpoint_prune(l->o->run, l->o->checkpoints_kept, &oldest);
        if (s == ST_OK && oldest > 0) s = journal_prune(l->journal, oldest);
        if (s == ST_OK) s = tell_checkpoint(l, MP2__CHECKPOINT__STATE__COMPLETE, now() - t, 0);
    }
    return comm_agree(l->comm, s);
}

static void show_eval(struct loop *l, const struct job_eval *e)
{
    l->bar.line_ns = 0;
    log_info("evaluation", "step=%lld mean=%.4f best=%.4f best_step=%lld", (long long)l->step, e->record.mean, l->result->best,
             (long long)l->result->best_step);
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
    TRY(record_encode_eval(&e->record, &l->buffer));
    /* Filed under the next step: it stands behind the checkpoint of its own, if there is one. */
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

static status do_evaluate(struct loop *l, int full)
{
    struct job_eval e = {0};
    int32_t best = 0;
    int counts = !full || !l->o->eval_subset;   /* a full one is no match for scores on a subset */
    status s = ST_OK;

    TRY(comm_agree(l->comm, l->job->flush(l->job->self)));
    if (comm_is_coordinator(l->comm)) post_run(l, MP2__RUN__STATE__EVALUATING, 0);
    TRY(l->job->evaluate(l->job->self, l->step, full, &e));
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
        post_run(l, MP2__RUN__STATE__RUNNING, 0);
        l->last_commit = now();
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
    int stopping = stop_requested() || run_folder_stop_asked(&l->folder), ended = l->step >= o->steps;

    if (l->failed != ST_OK) order.kind = ORDER_END;
    else if (l->saved != l->step && l->step > 0 && (stopping || ended || l->step % o->checkpoint_every == 0))
        order.kind = ORDER_CHECKPOINT;
    else if (o->eval_every > 0 && l->step > 0 && l->evaluated != l->step && l->step % o->eval_every == 0)
        order.kind = ORDER_EVALUATE;
    else if (ended && !stopping && o->eval_final && !l->final_done && (l->evaluated != l->step || o->eval_subset)) {
        order.kind = ORDER_EVALUATE;
        order.full = 1;
    } else if (ended || stopping) {
        order.kind = ORDER_END;
        l->result->stopped = !ended;
    }
    return order;
}

static status follow(struct loop *l)
{
    for (;;) {
        struct order order = {0};

        if (comm_is_coordinator(l->comm)) order = decide(l);
        TRY(give_order(l, &order));
        switch (order.kind) {
        case ORDER_STEP: TRY(do_step(l, order.step)); break;
        case ORDER_EVALUATE: TRY(do_evaluate(l, order.full)); break;
        case ORDER_CHECKPOINT: TRY(do_checkpoint(l)); break;
        default: return (status)order.status;
        }
    }
}

static status finish(struct loop *l, status s)
{
    status closed;

    l->result->step = l->step;
    if (!comm_is_coordinator(l->comm)) return s;
    bar_close(&l->bar, s == ST_OK);
    post_run(l, s != ST_OK ? MP2__RUN__STATE__FAILED : l->result->stopped ? MP2__RUN__STATE__STOPPED
                                                                          : MP2__RUN__STATE__FINISHED, 0);
    if (l->progress) crew_tell(&l->crew, MP2__WORKER__STATE__LEFT, "the run ended", l->step, l->progress);
    crew_close(&l->crew);
    closed = l->progress ? progress_flush(l->progress) : ST_OK;
    if (s == ST_OK) s = closed;
    progress_destroy(&l->progress);
    closed = journal_close(&l->journal);
    if (s == ST_OK) s = closed;
    run_folder_close(&l->folder);
    record_buffer_fini(&l->buffer);
    mem_free(l->values);
    return s;
}

status loop_run(struct comm *c, const struct job *job, const struct loop_options *options, struct loop_result *out)
{
    struct loop l = {.comm = c, .job = job, .o = options, .result = out, .loss = NAN, .folder = {.lock = -1},
                     .evaluated = -1, .last_commit = now()};
    status s;

    *out = (struct loop_result){.best = NAN};
    TRY(comm_agree(c, stop_install()));
    s = begin(&l);
    l.last_commit = now();
    if (s == ST_OK) s = follow(&l);
    return finish(&l, s);
}

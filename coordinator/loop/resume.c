/* How a run starts: new, or from its newest checkpoint and the journal's records after it. */
#include "coordinator/loop/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/launched.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

status loop_take_folder(struct comm *c, const char *run, int resume, struct run_folder *folder)
{
    enum run_folder_mode mode = resume < 0 ? RUN_FOLDER_EITHER : resume ? RUN_FOLDER_RESUME : RUN_FOLDER_NEW;

    folder->lock = -1;
    return comm_agree(c, comm_is_coordinator(c) ? run_folder_open(run, mode, 3000, folder) : ST_OK);
}

static status check_room(struct loop *l, const struct checkpoint_tensor *tensors, size_t count)
{
    uint64_t one, kept = (uint64_t)l->o->checkpoints_kept + 2; /* the best and the one being written */

    TRY(checkpoint_forecast(tensors, count, &one));
    return run_folder_check_room(
        l->o->run, kept * one + journal_forecast(l->o->record_bytes, (uint64_t)l->o->checkpoint_every, kept));
}

static void note_made_with(struct loop *l, const char *precision, const char *isa, const char *libraries)
{
    snprintf(l->made_with.precision, sizeof l->made_with.precision, "%s", precision);
    snprintf(l->made_with.isa, sizeof l->made_with.isa, "%s", isa);
    snprintf(l->made_with.libraries, sizeof l->made_with.libraries, "%s", libraries);
}

/* Bit-identical results need the precision, instruction set and libraries that the run was made with so far.
 * Coordinator. */
static status check_made_with(struct loop *l)
{
    const struct made_with *was = &l->made_with;
    struct state is = {0};

    if (!was->precision[0]) return ST_OK;
    TRY(l->job->state(l->job->self, &is));
    if (strcmp(was->precision, is.precision) == 0 && strcmp(was->isa, is.instruction_set) == 0 &&
        strcmp(was->libraries, is.libraries) == 0)
        return ST_OK;
    if (!l->o->accept_break)
        return fault(ST_INPUT,
                     "%s: cannot be resumed exactly: it was computed with %s, %s, %s; here it would be %s, %s, %s "
                     "(machine.accept_break: true goes on all the same)",
                     l->o->run, was->precision, was->isa, was->libraries, is.precision, is.instruction_set,
                     is.libraries);
    if (l->broken_at == 0) l->broken_at = l->step + 1;
    log_warn("exactness-broken", "step=%lld was=\"%s, %s, %s\" is=\"%s, %s, %s\"", (long long)l->step + 1,
             was->precision, was->isa, was->libraries, is.precision, is.instruction_set, is.libraries);
    return ST_OK;
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
    l->broken_at = (int64_t)state.broken_at;
    note_made_with(l, state.precision, state.instruction_set, state.libraries);
    l->step = l->saved = (int64_t)step;
    l->result->best = state.best_step ? state.best_score : NAN;
    l->result->best_step = (int64_t)state.best_step;
    evaluated = state_find(&state, "evaluated");
    if (evaluated && evaluated->type == STATE_WHOLE) l->evaluated = evaluated->whole;
    state_fini(&state);
    return comm_agree(l->comm, s);
}

/* ---- replay ---- */

/* The last step in metrics.jsonl: a killed process may have lost its last lines, still in its buffer. */
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
    }
    loop_drop_lost(l);
}

void loop_drop_lost(struct loop *l)
{
    for (size_t i = 0; i < l->lost_count; i++) mem_free(l->lost[i].data);
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

/* Record what computes the following steps: a later start must compute the same bits to continue this run. */
static status check_writer(struct loop *l, const struct journal_record *record)
{
    struct record_run was;
    struct state is = {0};
    status s;

    TRY(record_decode_run("journal", record->payload, record->bytes, &was));
    s = l->job->state(l->job->self, &is);
    if (s == ST_OK && strcmp(was.config_digest, is.config_digest) != 0)
        s = fault(ST_INPUT,
                  "%s: cannot be resumed: an option that affects the result was changed (config.resolved.yaml has the "
                  "values it was started with)",
                  l->o->run);
    if (s == ST_OK && was.event == RECORD_BREAK && l->broken_at == 0) l->broken_at = (int64_t)was.step;
    note_made_with(l, was.precision, was.instruction_set, was.libraries);
    record_run_fini(&was);
    return s;
}

static status record_start(struct loop *l)
{
    struct state is = {0};
    struct record_run r = {.step = (uint64_t)l->step + 1,
                           .event = l->broken_at == l->step + 1 ? RECORD_BREAK
                                    : l->step > 0               ? RECORD_RESUME
                                                                : RECORD_START,
                           .build = "mp2 " MP2_VERSION,
                           .ranks = (uint32_t)l->comm->size};

    TRY(l->job->state(l->job->self, &is));
    r.config_digest = is.config_digest;
    r.precision = is.precision;
    r.instruction_set = is.instruction_set;
    r.libraries = is.libraries;
    TRY(record_encode_run(&r, &l->buffer));
    return journal_append(l->journal, r.step, RECORD_RUN, l->buffer.data, l->buffer.bytes);
}

/* Coordinator. The journal's next step that is not in the checkpoint; other records are read on the way. ST_END: there
 * is none. */
static status next_step(struct loop *l, struct journal_reader *reader, struct journal_record *record)
{
    struct record_eval e;

    for (;;) {
        TRY(journal_reader_next(reader, record));
        if (record->kind == RECORD_EVAL) {
            TRY(record_decode_eval("journal", record->payload, record->bytes, &e));
            take_eval(l, &e);
            record_eval_fini(&e);
        } else if (record->kind == RECORD_RUN) {
            TRY(check_writer(l, record));
        } else if (record->kind == RECORD_STEP && (int64_t)record->step > l->step) {
            if ((int64_t)record->step == l->step + 1) return ST_OK;
            return fault(ST_INPUT, "%s/journal: step %lld follows step %lld", l->o->run, (long long)record->step,
                         (long long)l->step);
        }
    }
}

/* Coordinator. mine: the status of its own work so far. A stop leaves the journal as it is. */
static struct order next_order(struct loop *l, struct journal_reader *reader, struct journal_record *record,
                               status mine)
{
    struct order order = {.kind = ORDER_END};

    if (mine == ST_OK && run_folder_stop_asked(l->o->folder)) {
        order.status = ST_END;
        return order;
    }
    if (mine == ST_OK) mine = next_step(l, reader, record);
    if (mine == ST_OK) order = (struct order){.kind = ORDER_REPLAY, .step = (int64_t)record->step};
    else order.status = mine == ST_END ? check_made_with(l) : mine;
    return order;
}

/* Collective. Replay every step that is in the journal but not in the checkpoint, as ordered by the coordinator. A
 * failure on the coordinator alone ends the replay with the next order; a failed step, which all ranks know of, ends it
 * at once; a stop ends it with ST_END. */
static status replay_steps(struct loop *l, struct journal_reader *reader, status mine)
{
    struct journal_record record;

    for (;;) {
        struct order order = {0};
        Mp2__Step *message = NULL;

        if (comm_is_coordinator(l->comm)) order = next_order(l, reader, &record, mine);
        TRY(loop_order(l, &order));
        if (order.kind == ORDER_END) return (status)order.status;
        TRY(l->job->replay(l->job->self, order.step, comm_is_coordinator(l->comm) ? &record : NULL, &message));
        l->step = order.step;
        if (message && l->step > l->told) mine = keep_lost(l, message);
    }
}

static status open_journal(struct loop *l, struct journal_reader **reader)
{
    struct journal_options jo = {.interval_ms = l->o->sync_ms, .epoch = launched_epoch()};
    char folder[RUN_FOLDER_PATH_BYTES + 16];

    snprintf(folder, sizeof folder, "%s/journal", l->o->run);
    l->told = last_told(l->o->run);
    /* Steps without records are computed again, and so are the evaluations between them; that of the checkpoint's own
     * step is kept. */
    if (l->job->recomputes && file_exists(folder)) TRY(journal_cut_after(folder, (uint64_t)l->step + 1));
    TRY(journal_open(folder, (uint64_t)l->step + 1, &jo, &l->journal));
    return journal_reader_open(folder, (uint64_t)l->step + 1, reader);
}

static status replay_journal(struct loop *l)
{
    struct journal_reader *reader = NULL;
    status s = comm_is_coordinator(l->comm) ? open_journal(l, &reader) : ST_OK;

    s = replay_steps(l, reader, s);
    journal_reader_close(&reader);
    return s;
}

static status open_progress(struct loop *l)
{
    struct progress_options po = {
        .folder = l->o->run, .watch = l->o->watch, .resume = l->step > 0, .resume_step = (uint64_t)l->step};

    TRY(progress_new(&po, &l->progress));
    post_lost(l);
    loop_post_run(l, MP2__RUN__STATE__RUNNING, 1);
    TRY(membership_show(&l->membership, l->step > 0 ? "resumed" : "started", l->step, l->progress));
    if (l->o->precision && l->o->precision[0])
        progress_event(l->progress, MP2__EVENT__LEVEL__INFO, "precision", (uint64_t)l->step, "%s", l->o->precision);
    if (l->step > 0)
        progress_event(l->progress, MP2__EVENT__LEVEL__INFO, "resume", (uint64_t)l->step, "with %d workers",
                       l->comm->workers);
    bar_open_from(&l->bar, l->job->command, (uint64_t)l->step, (uint64_t)l->o->steps, "steps");
    return ST_OK;
}

status loop_begin(struct loop *l)
{
    struct worker_info card = {0};
    int64_t started = 0;
    status s = ST_OK;

    TRY(load_newest(l));
    started = l->step;
    TRY(replay_journal(l));
    TRY(l->job->flush(l->job->self));
    l->resumed_from = l->step;
    l->job->introduce(l->job->self, &card);
    TRY(membership_open(l->comm, &card, &l->membership));
    if (comm_is_coordinator(l->comm)) {
        if (l->step > 0) log_info("resumed", "checkpoint=%lld step=%lld", (long long)started, (long long)l->step);
        s = run_folder_save_config(l->o->folder, l->o->config,
                                   strlen(l->o->config)); /* only after the existing run was found to agree with it */
        if (s == ST_OK) s = record_start(l);
        if (s == ST_OK) s = open_progress(l);
    }
    return comm_agree(l->comm, s);
}

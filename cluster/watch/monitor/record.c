/* mp2-monitor record: messages as they arrive, into metrics.jsonl (the run folder's own form, so that it can be
 * replayed) and into a TensorBoard event file. A whole picture (the first one, or after a restart of the coordinator)
 * starts both anew: the picture repeats what was known. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/watch/monitor/monitor.h"
#include "cluster/watch/monitor/source.h"
#include "cluster/watch/monitor/tfevents.h"
#include "cluster/watch/message_json.h"

struct record {
    const char *folder;
    char path[4200];
    FILE *lines;
    struct tfevents events;
    char *line;
    size_t room;
    status failed;
    int ended; /* the run has reported its end */
};

static void scalar(struct record *r, const Mp2__Progress *m, uint64_t step, const char *group, const char *tag,
                   double value)
{
    char name[400];

    if (r->failed != ST_OK || !isfinite(value)) return;
    if (!r->events.file) r->failed = tfevents_open(r->folder, m->time, &r->events);
    snprintf(name, sizeof name, "%s%s%s", group, *group ? "/" : "", tag);
    if (r->failed == ST_OK) r->failed = tfevents_scalar(&r->events, m->time, step, name, value);
}

static void record_step(struct record *r, const Mp2__Progress *m)
{
    const Mp2__Step *s = m->step;

    scalar(r, m, s->step, "step", "loss", s->loss);
    scalar(r, m, s->step, "step", "accuracy", s->accuracy);
    scalar(r, m, s->step, "step", "seconds", s->seconds);
    if (s->seconds > 0) scalar(r, m, s->step, "step", "tokens_per_second", (double)s->tokens / s->seconds);
    scalar(r, m, s->step, "step", "learning_rate", s->learning_rate);
    for (size_t i = 0; i < s->n_groups; i++) scalar(r, m, s->step, "loss", s->groups[i]->task, s->groups[i]->loss);
}

static void record_eval(struct record *r, const Mp2__Progress *m)
{
    const Mp2__Eval *e = m->eval;
    char group[64];

    snprintf(group, sizeof group, "%.40s", e->split);
    scalar(r, m, e->step, group, "mean", e->mean);
    for (size_t i = 0; i < e->n_scores; i++) scalar(r, m, e->step, group, e->scores[i]->task, e->scores[i]->score);
}

static void record_message(void *arg, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct record *r = arg;
    size_t n = 0;
    (void)bytes;
    (void)size;

    if (r->failed != ST_OK || m->body_case == MP2__PROGRESS__BODY_STREAM || !r->lines) return;
    r->failed = json_append(&m->base, &r->line, &r->room, &n);
    if (r->failed != ST_OK) return;
    r->line[n++] = '\n';
    if (fwrite(r->line, 1, n, r->lines) != n)
        r->failed = fault(ST_IO, "%s: cannot write: %s", r->path, strerror(errno));
    if (m->body_case == MP2__PROGRESS__BODY_STEP) record_step(r, m);
    if (m->body_case == MP2__PROGRESS__BODY_EVAL) record_eval(r, m);
    if (m->body_case == MP2__PROGRESS__BODY_RUN) r->ended = m->run->state > MP2__RUN__STATE__EVALUATING;
}

static status close_files(struct record *r)
{
    status s = tfevents_close(&r->events);

    if (r->lines && fclose(r->lines) != 0) s = fault(ST_IO, "%s: cannot write: %s", r->path, strerror(errno));
    r->lines = NULL;
    return s;
}

static void record_reset(void *arg)
{
    struct record *r = arg;

    if (r->failed == ST_OK) r->failed = close_files(r);
    if (r->events.path[0]) remove(r->events.path);
    r->events.path[0] = 0;
    r->lines = fopen(r->path, "w");
    if (!r->lines) r->failed = fault(ST_IO, "%s: cannot write: %s", r->path, strerror(errno));
}

static status flush(struct record *r)
{
    TRY(r->failed);
    if (r->lines && fflush(r->lines) != 0) return fault(ST_IO, "%s: cannot write: %s", r->path, strerror(errno));
    return r->events.file ? tfevents_flush(&r->events) : ST_OK;
}

static status record_until_stop(struct record *r, struct source *source, const struct monitor_args *args)
{
    int all = 0;

    while (!*args->stop && !all && !(args->once && r->ended)) {
        TRY(source_wait(source, 200));
        TRY(flush(r));
        if (args->once) TRY(source_read_all(source, &all));
    }
    return ST_OK;
}

status monitor_record(const struct monitor_args *args)
{
    struct record r = {.folder = args->out};
    const struct repair_sink sink = {&r, record_reset, record_message};
    struct source *source;
    status s, closed;

    if (!args->out) return fault(ST_USAGE, "record: expected --out FOLDER");
    TRY(file_make_folder(args->out));
    TRY(file_join(r.path, sizeof r.path, args->out, "metrics.jsonl"));
    if (file_exists(r.path)) return fault(ST_INPUT, "%s: exists already, expected a new folder", r.path);
    s = source_open(args->rest[0], args->keys, &sink, &source);
    if (s == ST_OK) {
        s = record_until_stop(&r, source, args);
        source_close(&source);
    }
    closed = close_files(&r);
    mem_free(r.line);
    return s != ST_OK ? s : closed;
}

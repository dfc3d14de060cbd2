/* Every kept message is a private copy, unpacked again from its bytes: simple, and small beside what protobuf did
 * before. */
#include "cluster/watch/monitor/summary.h"

#include <math.h>
#include <string.h>

static const double WEIGHT = 0.05;

void summary_init(struct summary *s)
{
    memset(s, 0, sizeof *s);
}

static void drop(Mp2__Progress **m)
{
    if (*m) mp2__progress__free_unpacked(*m, NULL);
    *m = NULL;
}

void summary_clear(struct summary *s)
{
    Mp2__Progress **single[] = {&s->run, &s->first_run, &s->step, &s->eval, &s->checkpoint, &s->stream};

    for (size_t i = 0; i < sizeof single / sizeof *single; i++) drop(single[i]);
    for (size_t i = 0; i < s->task_count; i++) drop(&s->tasks[i]);
    for (size_t i = 0; i < s->worker_count; i++) drop(&s->workers[i]);
    for (size_t i = 0; i < s->event_count; i++) drop(&s->events[i]);
    summary_init(s);
}

void summary_fini(struct summary *s)
{
    summary_clear(s);
}

static void keep_message(Mp2__Progress **slot, const unsigned char *bytes, size_t size)
{
    Mp2__Progress *copy = mp2__progress__unpack(NULL, size, bytes);

    if (!copy) return;
    drop(slot);
    *slot = copy;
}

/* The slot of a task or worker: its own, a new one, NULL when there are too many. */
static Mp2__Progress **task_slot(struct summary *s, const char *task)
{
    for (size_t i = 0; i < s->task_count; i++)
        if (strcmp(s->tasks[i]->task->task, task) == 0) return &s->tasks[i];
    return s->task_count < SUMMARY_TASKS ? &s->tasks[s->task_count] : NULL;
}

static Mp2__Progress **worker_slot(struct summary *s, uint32_t rank)
{
    for (size_t i = 0; i < s->worker_count; i++)
        if (s->workers[i]->worker->rank == rank) return &s->workers[i];
    return s->worker_count < SUMMARY_WORKERS ? &s->workers[s->worker_count] : NULL;
}

static void mix(double *mean, double value, uint64_t count)
{
    if (!isfinite(value)) return;
    *mean += (value - *mean) * (count <= 1 ? 1 : fmax(WEIGHT, 1.0 / (double)count));
}

static void take_step(struct summary *s, const Mp2__Step *step)
{
    s->steps_seen++;
    s->skipped += step->skipped;
    if (!step->skipped) mix(&s->loss, step->loss, s->steps_seen);
    if (!(step->seconds > 0)) return;
    s->speed_steps++;
    mix(&s->tokens_per_second, (double)step->tokens / step->seconds, s->speed_steps);
    mix(&s->flops_per_second, step->flops / step->seconds, s->speed_steps);
    mix(&s->steps_per_second, 1 / step->seconds, s->speed_steps);
}

static void take_event(struct summary *s, const unsigned char *bytes, size_t size)
{
    if (s->event_count == SUMMARY_EVENTS) {
        drop(&s->events[0]);
        memmove(s->events, s->events + 1, (SUMMARY_EVENTS - 1) * sizeof *s->events);
        s->events[--s->event_count] = NULL;
    }
    keep_message(&s->events[s->event_count], bytes, size);
    s->event_count += s->events[s->event_count] != NULL;
}

status summary_take(struct summary *s, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    Mp2__Progress **slot;

    switch (m->body_case) {
    case MP2__PROGRESS__BODY_RUN:
        keep_message(&s->run, bytes, size);
        if (m->run->config[0] || m->run->n_tasks) keep_message(&s->first_run, bytes, size);
        break;
    case MP2__PROGRESS__BODY_STEP:
        take_step(s, m->step);
        keep_message(&s->step, bytes, size);
        break;
    case MP2__PROGRESS__BODY_TASK:
        slot = task_slot(s, m->task->task);
        if (!slot) break;
        keep_message(slot, bytes, size);
        s->task_count += *slot && slot == &s->tasks[s->task_count];
        break;
    case MP2__PROGRESS__BODY_WORKER:
        slot = worker_slot(s, m->worker->rank);
        if (!slot) break;
        keep_message(slot, bytes, size);
        s->worker_count += *slot && slot == &s->workers[s->worker_count];
        break;
    case MP2__PROGRESS__BODY_EVAL: keep_message(&s->eval, bytes, size); break;
    case MP2__PROGRESS__BODY_CHECKPOINT:
        if (m->checkpoint->state == MP2__CHECKPOINT__STATE__COMPLETE) keep_message(&s->checkpoint, bytes, size);
        break;
    case MP2__PROGRESS__BODY_EVENT: take_event(s, bytes, size); break;
    case MP2__PROGRESS__BODY_STREAM: keep_message(&s->stream, bytes, size); break;
    default: break;
    }
    return ST_OK;
}

const char *summary_name(const struct summary *s)
{
    return s->run ? s->run->name : s->step ? s->step->name : s->stream ? s->stream->name : "";
}

uint64_t summary_done(const struct summary *s)
{
    uint64_t done = s->run ? s->run->run->done : 0;
    int steps = !s->run || strcmp(s->run->run->unit, "steps") == 0 || !s->run->run->unit[0];

    return steps && s->step && s->step->step->step > done ? s->step->step->step : done;
}

uint64_t summary_total(const struct summary *s)
{
    return s->run ? s->run->run->total : 0;
}

double summary_remaining(const struct summary *s)
{
    uint64_t done = summary_done(s), total = summary_total(s);
    double worked;

    if (!s->run || total == 0 || done > total || s->run->run->state > MP2__RUN__STATE__EVALUATING) return NAN;
    if (strcmp(s->run->run->unit, "steps") == 0 && s->steps_per_second > 0)
        return (double)(total - done) / s->steps_per_second;
    worked = s->run->time - s->run->run->started;
    if (done <= s->run->run->resumed_from || !(worked > 0)) return NAN;
    return worked / (double)(done - s->run->run->resumed_from) * (double)(total - done);
}

const char *summary_run_state(const struct summary *s)
{
    static const char *const names[] = {"starting", "running", "evaluating", "finished", "stopped", "failed"};

    if (!s->run) return "unknown";
    return (unsigned)s->run->run->state < sizeof names / sizeof *names ? names[s->run->run->state] : "unknown";
}

const char *summary_worker_state(Mp2__Worker__State state)
{
    static const char *const names[] = {"joining", "working", "waiting", "late", "lost", "left"};

    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

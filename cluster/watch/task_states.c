/* A list of tasks in the order of their first mention; there are dozens. */
#include "cluster/watch/task_states.h"

#include <math.h>
#include <string.h>

#include "cluster/base/memory.h"

static const double WEIGHT = 0.1; /* of the newest visit, as proto/progress.proto says */

void task_states_fini(struct task_states *t)
{
    for (size_t i = 0; i < t->count; i++) mem_free(t->tasks[i].id);
    mem_free(t->tasks);
    memset(t, 0, sizeof *t);
}

static status find_task(struct task_states *t, const char *id, struct task_state **out)
{
    struct task_state *new;

    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->tasks[i].id, id) == 0) {
            *out = &t->tasks[i];
            return ST_OK;
        }
    TRY(mem_grow(&t->tasks, &t->room, t->count + 1, sizeof *t->tasks));
    new = &t->tasks[t->count];
    memset(new, 0, sizeof *new);
    TRY(mem_text(id, strlen(id), &new->id));
    mp2__task__init(&new->message);
    new->message.task = new->id;
    new->message.loss = new->message.accuracy = new->message.score = new->message.best_score = NAN;
    t->count++;
    *out = new;
    return ST_OK;
}

static void mix(double *mean, double value)
{
    if (!isfinite(value)) return;
    *mean = isnan(*mean) ? value : *mean + WEIGHT * (value - *mean);
}

static status take_group(struct task_states *t, const Mp2__Group *g, uint64_t step, int skipped)
{
    struct task_state *task;

    TRY(find_task(t, g->task, &task));
    task->moved = 1;
    task->message.steps++;
    task->message.examples += g->examples;
    task->message.last_step = step;
    if (skipped) return ST_OK;
    mix(&task->message.loss, g->loss);
    mix(&task->message.accuracy, g->accuracy);
    return ST_OK;
}

/* Better is higher, except for perplexity. */
static status take_score(struct task_states *t, const Mp2__Score *s)
{
    struct task_state *task;
    double *best;

    TRY(find_task(t, s->task, &task));
    task->moved = 1;
    task->message.score = s->score;
    best = &task->message.best_score;
    if (isnan(*best) || (strcmp(s->metric, "perplexity") == 0 ? s->score < *best : s->score > *best)) *best = s->score;
    return ST_OK;
}

static status take_task(struct task_states *t, const Mp2__Task *m)
{
    struct task_state *task;

    TRY(find_task(t, m->task, &task));
    task->message = *m;
    task->message.task = task->id;
    return ST_OK;
}

status task_states_take(struct task_states *t, const Mp2__Progress *m)
{
    if (m->body_case == MP2__PROGRESS__BODY_TASK) return take_task(t, m->task);
    if (m->body_case == MP2__PROGRESS__BODY_STEP)
        for (size_t i = 0; i < m->step->n_groups; i++)
            TRY(take_group(t, m->step->groups[i], m->step->step, m->step->skipped));
    if (m->body_case == MP2__PROGRESS__BODY_EVAL)
        for (size_t i = 0; i < m->eval->n_scores; i++) TRY(take_score(t, m->eval->scores[i]));
    return ST_OK;
}

#include "coordinator/tune/dev_curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static const double SHOW_EVERY = 0.2; /* seconds between step messages */

status dev_curve_open(struct dev_curve *c, const struct dev_curve_sizes *sizes, const char *folder)
{
    c->bank = (size_t)sizes->layers * (size_t)sizes->tokens * (size_t)sizes->hidden;
    c->head_count = 2 * (size_t)sizes->hidden;
    c->gate_count = (size_t)sizes->layers * (size_t)sizes->modules;
    c->count = 0;
    c->done = 0;
    c->untuned_dev = NAN;
    snprintf(c->phase, sizeof c->phase, "%.60s %.60s seed %lld", c->method, c->task, (long long)c->seed);
    TRY(file_join(c->curve_path, sizeof c->curve_path, folder, "curve.jsonl"));
    TRY(mem_alloc(c->bank, sizeof *c->best_prompts, &c->best_prompts));
    TRY(mem_alloc(c->head_count, sizeof *c->best_head, &c->best_head));
    return mem_alloc(c->gate_count, sizeof *c->best_gates, &c->best_gates);
}

void dev_curve_close(struct dev_curve *c)
{
    mem_free(c->best_prompts);
    mem_free(c->best_head);
    mem_free(c->best_gates);
    mem_free(c->points);
    c->best_prompts = c->best_head = NULL;
    c->best_gates = NULL;
    c->points = NULL;
}

/* ---- what is told ---- */

static void tell_step(struct dev_curve *c, double loss, int keep)
{
    Mp2__Step m = MP2__STEP__INIT;

    if (!c->watch.progress) return;
    m.step = (uint64_t)(c->watch.base + c->done);
    m.phase = c->phase;
    m.loss = loss;
    m.accuracy = NAN;
    m.examples = (uint64_t)oracle_examples(c->oracle);
    if (keep) progress_post(c->watch.progress, &m.base);
    else progress_show(c->watch.progress, &m.base);
}

static void tell_check(struct dev_curve *c, const struct dev_curve_point *p, int64_t rows)
{
    Mp2__Score score = MP2__SCORE__INIT, *scores[1] = {&score};
    Mp2__Eval m = MP2__EVAL__INIT;

    if (!c->watch.progress) return;
    tell_step(c, p->loss, 1);
    score.task = (char *)(uintptr_t)c->task;
    score.metric = (char *)(uintptr_t)c->metric;
    score.score = p->dev;
    score.loss = p->dev_loss;
    score.rows = (uint64_t)rows;
    m.step = (uint64_t)(c->watch.base + c->done);
    m.phase = c->phase;
    m.split = (char *)(uintptr_t) "dev";
    m.n_scores = 1;
    m.scores = scores;
    m.mean = p->dev;
    m.best_mean = c->best.dev;
    m.best_step = (uint64_t)(c->watch.base + c->best.step + c->best.evaluations);
    progress_post(c->watch.progress, &m.base);
}

void dev_curve_step(struct dev_curve *c, const char *stage, int64_t done, double loss, int replayed)
{
    double now = clock_now();

    c->done = done;
    if (c->watch.bar)
        bar_show(c->watch.bar, (uint64_t)(c->watch.base + done), "%s, %s: loss %.4f dev %.3f", c->phase, stage, loss,
                 c->count > 0 ? c->best.dev : NAN);
    if (replayed || now - c->told < SHOW_EVERY) return;
    c->told = now;
    tell_step(c, loss, 0);
}

int dev_curve_stopped(struct dev_curve *c)
{
    return run_folder_stop_asked(c->watch.folder);
}

/* ---- the curve ---- */

/* Numbers with all their digits; NaN, which JSON lacks, as null. */
static void put_number(FILE *to, const char *name, double x)
{
    if (isfinite(x)) fprintf(to, ",\"%s\":%.17g", name, x);
    else fprintf(to, ",\"%s\":null", name);
}

static status write_curve(const struct dev_curve *c)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    status s;

    if (!f) return fault(ST_MEMORY, "out of memory");
    for (size_t i = 0; i < c->count; i++) {
        const struct dev_curve_point *p = &c->points[i];

        fprintf(f, "{\"stage\":\"%s\",\"step\":%lld,\"evaluations\":%lld", p->stage, (long long)p->step,
                (long long)p->evaluations);
        put_number(f, "loss", p->loss);
        put_number(f, "dev", p->dev);
        put_number(f, "dev_loss", p->dev_loss);
        fprintf(f, ",\"best\":%s}\n", p->best ? "true" : "false");
    }
    if (fclose(f) != 0) s = fault(ST_MEMORY, "out of memory");
    else s = file_replace(c->curve_path, text, bytes);
    free(text);
    return s;
}

/* ---- checks ---- */

static int is_better(const struct dev_curve *c, const struct dev_curve_point *p)
{
    if (c->count == 0) return 1;
    return p->dev > c->best.dev || (p->dev == c->best.dev && p->loss < c->best.loss);
}

static void keep_point(struct dev_curve *c, const struct dev_curve_point *p, const struct dev_curve_state *state)
{
    c->best = *p;
    memcpy(c->best_prompts, state->prompts, c->bank * sizeof *c->best_prompts);
    memcpy(c->best_head, state->head, c->head_count * sizeof *c->best_head);
    if (state->gates) memcpy(c->best_gates, state->gates, c->gate_count * sizeof *c->best_gates);
}

static status check_finite(const struct dev_curve *c, const struct dev_curve_point *p)
{
    if (isfinite(p->loss) && isfinite(p->dev)) return ST_OK;
    return fault(ST_NUMBER, "%s: the %s is not finite at %s %lld of stage %s; a lower rate may help", c->phase,
                 isfinite(p->loss) ? "dev score" : "training loss", p->evaluations > 0 ? "evaluation" : "step",
                 (long long)(p->evaluations > 0 ? p->evaluations : p->step), p->stage);
}

status dev_curve_note(struct dev_curve *c, struct dev_curve_point *at, const struct dev_curve_state *state)
{
    TRY(check_finite(c, at));
    at->best = is_better(c, at);
    if (at->best) keep_point(c, at, state);
    if (c->count == 0) c->untuned_dev = at->dev;
    TRY(mem_grow(&c->points, &c->room, c->count + 1, sizeof *c->points));
    c->points[c->count++] = *at;
    return write_curve(c);
}

status dev_curve_check(struct dev_curve *c, struct dev_curve_point *at, const struct dev_curve_state *state)
{
    struct eval_result dev;

    at->dev = 0;
    TRY(check_finite(c, at));
    TRY(oracle_score(c->oracle, c->draw->split, c->draw->dev, c->draw->dev_count, state->prompts, state->head, NULL,
                     NULL, &dev));
    at->dev = dev.score;
    at->dev_loss = dev.loss;
    TRY(dev_curve_note(c, at, state));
    tell_check(c, at, dev.rows);
    return ST_OK;
}

status dev_curve_resume(struct dev_curve *c, const struct dev_curve_point *points, size_t count)
{
    TRY(mem_grow(&c->points, &c->room, count, sizeof *c->points));
    memcpy(c->points, points, count * sizeof *points);
    c->count = count;
    if (count > 0) c->untuned_dev = points[0].dev;
    for (size_t i = 0; i < count; i++)
        if (points[i].best) c->best = points[i];
    return write_curve(c);
}

void dev_curve_put_point(const struct dev_curve_point *p, int stage, double to[DEV_CURVE_NUMBERS])
{
    const double numbers[DEV_CURVE_NUMBERS] = {stage,       (double)p->step, (double)p->evaluations, p->loss, p->dev,
                                               p->dev_loss, p->best};

    memcpy(to, numbers, sizeof numbers);
}

/* Returns the stage's number; 0 where it is none that fits an int. */
int dev_curve_take_point(const double from[DEV_CURVE_NUMBERS], struct dev_curve_point *p)
{
    *p = (struct dev_curve_point){.step = (int64_t)from[1],
                                  .evaluations = (int64_t)from[2],
                                  .loss = from[3],
                                  .dev = from[4],
                                  .dev_loss = from[5],
                                  .best = from[6] != 0};
    return from[0] >= 0 && from[0] < 1024 ? (int)from[0] : 0;
}

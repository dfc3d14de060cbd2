#include "coordinator/tune/gradient.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static const double BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8;

/* ---- memory ---- */

static status group_open(struct gradient_group *x, size_t size, const float *value)
{
    x->size = size;
    TRY(mem_alloc(size, sizeof *x->value, &x->value));
    TRY(mem_alloc(size, sizeof *x->m, &x->m));
    TRY(mem_alloc(size, sizeof *x->v, &x->v));
    memcpy(x->value, value, size * sizeof *value);
    return ST_OK;
}

static void group_close(struct gradient_group *x)
{
    mem_free(x->value);
    mem_free(x->m);
    mem_free(x->v);
}

static status alloc(struct gradient *g, const float *theta, const float *modules, const float *head)
{
    const struct bank *b = g->bank;
    size_t gates = (size_t)b->layers * (size_t)b->modules, prompts = (size_t)b->layers * b->columns;

    TRY(group_open(&g->router, gates, theta));
    TRY(group_open(&g->modules, gates * b->columns, modules));
    TRY(group_open(&g->head, 2 * (size_t)b->hidden, head));
    TRY(mem_alloc(gates, sizeof *g->s, &g->s));
    TRY(mem_alloc(gates, sizeof *g->r, &g->r));
    TRY(mem_alloc(gates, sizeof *g->d_theta, &g->d_theta));
    TRY(mem_alloc(gates, sizeof *g->d_router, &g->d_router));
    TRY(mem_alloc(prompts, sizeof *g->prompts, &g->prompts));
    TRY(mem_alloc(prompts, sizeof *g->d_prompts, &g->d_prompts));
    TRY(mem_alloc(gates * b->columns, sizeof *g->d_modules, &g->d_modules));
    return mem_alloc(2 * (size_t)b->hidden, sizeof *g->d_head, &g->d_head);
}

status gradient_open(struct gradient *g, const float *theta, const float *modules, const float *head)
{
    status s = alloc(g, theta, modules, head);

    if (s != ST_OK) gradient_close(g);
    return s;
}

void gradient_close(struct gradient *g)
{
    void *owned[] = {g->s, g->r, g->d_theta, g->d_router, g->prompts, g->d_prompts, g->d_modules, g->d_head};

    group_close(&g->router);
    group_close(&g->modules);
    group_close(&g->head);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mem_free(owned[i]);
    memset(g, 0, sizeof *g);
}

/* ---- stages ---- */

int64_t gradient_steps(const struct gradient *g)
{
    int64_t sum = 0;

    for (int i = 0; i < g->stage_count; i++) sum += g->stages[i].epochs;
    return sum;
}

/* The stage that makes step `step` (from 1); 0: none yet. first: whether it is the stage's first. */
static const struct gradient_stage *stage_of(const struct gradient *g, int64_t step, int *first)
{
    int64_t before = 0;

    for (int i = 0; i < g->stage_count; before += g->stages[i++].epochs)
        if (step > before && step <= before + g->stages[i].epochs) {
            *first = step == before + 1;
            return &g->stages[i];
        }
    return NULL;
}

/* ---- a step ---- */

static void group_clear(struct gradient_group *x)
{
    memset(x->m, 0, x->size * sizeof *x->m);
    memset(x->v, 0, x->size * sizeof *x->v);
    x->applied = 0;
}

static void group_update(const struct gradient *g, struct gradient_group *x, double rate, const float *grad)
{
    const struct adamw_options o = {BETA1, BETA2, EPS, g->decay};
    struct adamw w;

    if (rate == 0 && !g->warm) return;
    x->applied++;
    x->moved = 1;
    w = adamw_at(rate, &o, x->applied);
    g->bank->kernels.adamw(&w, (int64_t)x->size, grad, x->value, x->m, x->v);
}

static void update(struct gradient *g, const struct gradient_stage *stage, int first)
{
    int router = stage->router > 0 || g->warm, modules = stage->prompts > 0 || g->warm;

    if (first && !g->warm) {
        group_clear(&g->router);
        group_clear(&g->modules);
        group_clear(&g->head);
    }
    bank_back(g->bank, g->modules.value, g->s, g->r, g->d_prompts, modules ? g->d_modules : NULL, router ? g->d_theta : NULL);
    for (size_t i = 0; router && i < g->router.size; i++) g->d_router[i] = (float)g->d_theta[i];
    group_update(g, &g->router, stage->router, g->d_router);
    group_update(g, &g->modules, stage->prompts, g->d_modules);
    group_update(g, &g->head, stage->head, g->d_head);
}

/* Loss and gradient of the state as it stands. */
static status look(struct gradient *g, double *loss)
{
    bank_gates(g->bank, g->router.value, g->s, g->r);
    bank_mix(g->bank, g->modules.value, g->r, g->prompts);
    TRY(oracle_gradient(g->oracle, g->prompts, g->head.value, loss, g->d_prompts, g->d_head));
    if (isfinite(*loss)) return ST_OK;
    return fault(ST_NUMBER, "%s: the training loss is not finite at step %lld; a lower rate may help", g->dev_curve->phase,
                 (long long)g->step);
}

static status check(struct gradient *g, double loss)
{
    struct dev_curve_state state = {g->prompts, g->head.value, g->bank->modules > 1 ? g->r : NULL};
    struct dev_curve_point point = {.step = g->step, .loss = loss};
    int first;
    const struct gradient_stage *stage = stage_of(g, g->step, &first);

    snprintf(point.stage, sizeof point.stage, "%s", stage ? stage->name : "start");
    return dev_curve_check(g->dev_curve, &point, &state);
}

status gradient_run(struct gradient *g)
{
    int64_t steps = gradient_steps(g);
    double started = clock_now(), before;
    int checked;

    TRY(gradient_load(g));
    before = g->seconds;
    checked = g->dev_curve->count > 0;   /* a snapshot is made behind a check */
    for (;; g->step++) {
        const struct gradient_stage *stage;
        double loss = 0;
        int first = 0;

        TRY(look(g, &loss));
        if (!checked && (g->step % g->check_every == 0 || g->step == steps)) {
            TRY(check(g, loss));
            g->seconds = before + clock_now() - started;
            if (g->step < steps) TRY(gradient_save(g, g->seconds));
        }
        checked = 0;
        stage = stage_of(g, g->step + 1, &first);
        dev_curve_step(g->dev_curve, stage ? stage->name : "end", g->step, loss, 0);
        if (!stage) break;
        if (dev_curve_stopped(g->dev_curve)) return ST_END;
        update(g, stage, first);
    }
    g->seconds = before + clock_now() - started;
    return ST_OK;
}

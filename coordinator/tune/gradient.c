#include "coordinator/tune/gradient.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "coordinator/tune/gradient_snapshot.h"

static const double BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8;

/* ---- memory ---- */

static status open_group(struct gradient *g, struct gradient_group *x, size_t size, const float *value)
{
    x->size = size;
    TRY(mem_keep_new(&g->keep, size, sizeof *x->value, &x->value));
    TRY(mem_keep_new(&g->keep, size, sizeof *x->m, &x->m));
    TRY(mem_keep_new(&g->keep, size, sizeof *x->v, &x->v));
    memcpy(x->value, value, size * sizeof *value);
    return ST_OK;
}

static status open_all(struct gradient *g, const float *theta, const float *modules, const float *head)
{
    const struct bank *b = g->bank;
    size_t gates = (size_t)b->layers * (size_t)b->modules, prompts = (size_t)b->layers * b->columns;

    TRY(open_group(g, &g->router, gates, theta));
    TRY(open_group(g, &g->modules, gates * b->columns, modules));
    TRY(open_group(g, &g->head, 2 * (size_t)b->hidden, head));
    TRY(mem_keep_new(&g->keep, gates, sizeof *g->s, &g->s));
    TRY(mem_keep_new(&g->keep, gates, sizeof *g->r, &g->r));
    TRY(mem_keep_new(&g->keep, gates, sizeof *g->d_theta, &g->d_theta));
    TRY(mem_keep_new(&g->keep, gates, sizeof *g->d_router, &g->d_router));
    TRY(mem_keep_new(&g->keep, prompts, sizeof *g->prompts, &g->prompts));
    TRY(mem_keep_new(&g->keep, prompts, sizeof *g->d_prompts, &g->d_prompts));
    TRY(mem_keep_new(&g->keep, gates * b->columns, sizeof *g->d_modules, &g->d_modules));
    return mem_keep_new(&g->keep, 2 * (size_t)b->hidden, sizeof *g->d_head, &g->d_head);
}

status gradient_open(struct gradient *g, const float *theta, const float *modules, const float *head)
{
    status s = open_all(g, theta, modules, head);

    if (s != ST_OK) gradient_close(g);
    return s;
}

void gradient_close(struct gradient *g)
{
    mem_keep_free(&g->keep);
    memset(g, 0, sizeof *g);
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

static void update(struct gradient *g, const struct stage *stage, int first)
{
    int router = stage->router > 0 || g->warm, modules = stage->prompts > 0 || g->warm;

    if (first && !g->warm) {
        group_clear(&g->router);
        group_clear(&g->modules);
        group_clear(&g->head);
    }
    bank_back(g->bank, g->modules.value, g->s, g->r, g->d_prompts, modules ? g->d_modules : NULL,
              router ? g->d_theta : NULL);
    for (size_t i = 0; router && i < g->router.size; i++) g->d_router[i] = (float)g->d_theta[i];
    group_update(g, &g->router, stage->router, g->d_router);
    group_update(g, &g->modules, stage->prompts, g->d_modules);
    group_update(g, &g->head, stage->head, g->d_head);
}

/* Loss and gradient of the state as it is. */
static status compute(struct gradient *g, double *loss)
{
    bank_gates(g->bank, g->router.value, g->s, g->r);
    bank_mix(g->bank, g->modules.value, g->r, g->prompts);
    TRY(oracle_gradient(g->oracle, g->prompts, g->head.value, loss, g->d_prompts, g->d_head));
    if (isfinite(*loss)) return ST_OK;
    return fault(ST_NUMBER, "%s: the training loss is not finite at step %lld; a lower rate may help",
                 g->dev_curve->phase, (long long)g->step);
}

static status check_dev(struct gradient *g, double loss)
{
    struct dev_curve_state state = {g->prompts, g->head.value, g->bank->modules > 1 ? g->r : NULL};
    struct dev_curve_point point = {.step = g->step, .loss = loss};
    int first;
    const struct stage *stage = stages_at(&g->stages, g->step, &first);

    snprintf(point.stage, sizeof point.stage, "%s", stage ? stage->name : "start");
    return dev_curve_check(g->dev_curve, &point, &state);
}

status gradient_run(struct gradient *g)
{
    int64_t steps = stages_steps(&g->stages);
    double started = clock_now(), before;
    int checked;

    TRY(gradient_load(g));
    before = g->seconds;
    checked = g->dev_curve->count > 0; /* a snapshot is made after a check */
    for (;; g->step++) {
        const struct stage *stage;
        double loss = 0;
        int first = 0;

        TRY(compute(g, &loss));
        if (!checked && (g->step % g->check_every == 0 || g->step == steps)) {
            TRY(check_dev(g, loss));
            g->seconds = before + clock_now() - started;
            if (g->step < steps) TRY(gradient_save(g, g->seconds));
        }
        checked = 0;
        stage = stages_at(&g->stages, g->step + 1, &first);
        dev_curve_step(g->dev_curve, stage ? stage->name : "end", g->step, loss, 0);
        if (!stage) break;
        if (dev_curve_stopped(g->dev_curve)) return ST_END;
        update(g, stage, first);
    }
    g->seconds = before + clock_now() - started;
    return ST_OK;
}

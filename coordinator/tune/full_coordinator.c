#include "coordinator/tune/full_coordinator.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/comm/tree.h"
#include "worker/full.h"

static const double SNAPSHOT_SHARE = 10; /* seconds of work for each one that snapshots take */

/* ---- opening ---- */

static status open_arrays(struct full_coordinator *c)
{
    size_t head = full_head(c->facts);

    TRY(mem_keep_new(&c->keep, head, sizeof *c->grad_head, &c->grad_head));
    TRY(mem_keep_new(&c->keep, head, sizeof *c->head_m, &c->head_m));
    TRY(mem_keep_new(&c->keep, head, sizeof *c->head_v, &c->head_v));
    TRY(mem_keep_new(&c->keep, (size_t)c->facts->examples, sizeof *c->leaves, &c->leaves));
    return mem_keep_new(&c->keep, (size_t)c->facts->flat.count, sizeof *c->whole, &c->whole);
}

status full_coordinator_open(const struct full_options *o, const struct full_facts *facts,
                             struct full_coordinator **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    **out = (struct full_coordinator){
        .facts = facts, .epochs = o->epochs, .check_every = o->check_every, .rate = o->rate, .decay = o->decay};
    s = open_arrays(*out);
    if (s != ST_OK) full_coordinator_close(out);
    return s;
}

void full_coordinator_close(struct full_coordinator **coordinator)
{
    struct full_coordinator *c = *coordinator;

    if (!c) return;
    mem_keep_free(&c->keep);
    mem_free(c);
    *coordinator = NULL;
}

/* ---- time ---- */

void full_coordinator_begin(struct full_coordinator *c)
{
    c->started = c->saved = clock_now();
}

void full_coordinator_resumed(struct full_coordinator *c)
{
    c->earlier = c->seconds;
    c->checked = c->dev_curve->count > 0; /* a snapshot is made after a check */
}

static void count_seconds(struct full_coordinator *c)
{
    c->seconds = c->earlier + clock_now() - c->started;
}

void full_coordinator_saved(struct full_coordinator *c, double began)
{
    c->saved = clock_now();
    c->saving = c->saved - began;
}

/* ---- a step ---- */

status full_coordinator_heard(struct full_coordinator *c, const double *losses, int64_t step, struct full_order *order)
{
    int32_t n = c->facts->examples;

    *order = (struct full_order){.check = !c->checked && (step % c->check_every == 0 || step == c->epochs)};
    c->checked = 0;
    memcpy(c->leaves, losses, (size_t)n * sizeof *losses);
    c->loss = tree_total(c->leaves, n) / n;
    if (isfinite(c->loss)) return ST_OK;
    return fault(ST_NUMBER, "%s: the training loss is not finite at step %lld; a lower rate may help",
                 c->dev_curve->phase, (long long)step);
}

/* A snapshot is several times the encoder: only when the work since the last one was worth it. */
static int save_is_due(const struct full_coordinator *c, int64_t step)
{
    return step > 0 && step < c->epochs && clock_now() - c->saved >= SNAPSHOT_SHARE * c->saving;
}

status full_coordinator_check(struct full_coordinator *c, const float *head, int64_t step, struct full_order *order)
{
    struct dev_curve_state state = {head, head, NULL}; /* of prompts, no float is read */
    struct dev_curve_point point = {.step = step, .loss = c->loss};

    snprintf(point.stage, sizeof point.stage, "%s", step > 0 ? "full" : "start");
    TRY(dev_curve_check(c->dev_curve, &point, &state));
    count_seconds(c);
    order->keep = point.best;
    order->save = save_is_due(c, step);
    return ST_OK;
}

status full_coordinator_conclude(struct full_coordinator *c, int64_t step, struct full_order *order)
{
    dev_curve_step(c->dev_curve, "full", step, c->loss, 0);
    count_seconds(c);
    order->update = step < c->epochs;
    order->rate = c->rate;
    order->decay = c->decay;
    return order->update && dev_curve_stopped(c->dev_curve) ? ST_END : ST_OK;
}

void full_coordinator_update(struct full_coordinator *c, const struct full_order *order, int64_t step, float *head)
{
    struct adamw w = full_adamw(order, step);

    c->kernels->adamw(&w, (int64_t)full_head(c->facts), c->grad_head, head, c->head_m, c->head_v);
}

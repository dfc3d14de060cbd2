/* A worker's phases of a step, in order. */
#include "worker/pretrain.h"

#include <string.h>

#include "cluster/base/random.h"

/* ---- opening ---- */

static status open_columns(struct pretrain_worker *w)
{
    const struct pretrain_worker_options *o = &w->o;
    const struct pretrain_shape *s = o->shape;
    int layers = (int)s->layers, d = (int)s->intrinsic;
    struct arena_part part = {"columns", columns_bytes(o->blocks, o->worker, layers, d), 4096};

    TRY(arena_new(&part, 1, &w->arena));
    TRY(columns_open(&o->replica->encoder->kernels, o->replica->pool, o->blocks, o->worker, layers, d, (int)s->groups,
                     arena_at(&w->arena, 0, NULL), &w->columns));
    columns_init(&w->columns, o->seed);
    return ST_OK;
}

static status open_encoder(struct pretrain_worker *w)
{
    const struct pretrain_shape *s = w->o.shape;
    const struct prompt_encoder_shape shape = {s->groups, s->layers, s->tokens, s->hidden};

    if (!s->encoder) return ST_OK;
    return prompt_encoder_new(&w->o.replica->encoder->kernels, &shape, w->o.seed, &w->encoder);
}

static status open_compute(struct pretrain_worker *w)
{
    const struct pretrain_worker_options *o = &w->o;
    const struct pretrain_shape *s = o->shape;
    struct compute_options co = {.groups = (int)s->groups,
                                 .batch = (int32_t)s->batch,
                                 .divide = o->divide,
                                 .unit_examples = o->unit_examples,
                                 .longest = (int32_t)s->longest,
                                 .layers = (int32_t)s->layers,
                                 .prompt_tokens = (int32_t)s->tokens,
                                 .memory = o->unit_memory,
                                 .threads = pool_threads(o->replica->pool),
                                 .use = UNIT_TRAIN,
                                 .loss = o->loss};

    return compute_open(o->replica->encoder, o->replica->pool, &co, &w->compute);
}

/* Allocate the largest possible messages, so that no step allocates. */
static status open_messages(struct pretrain_worker *w)
{
    const struct pretrain_shape *s = w->o.shape;

    TRY(assignment_reserve(&w->assignment, s->slots));
    TRY(mem_keep_new(&w->keep, pretrain_assignment_most(s), sizeof *w->message, &w->message));
    return mem_keep_new(&w->keep, pretrain_report_bytes(s), 1, &w->report);
}

static status open_all(struct pretrain_worker *w)
{
    const struct pretrain_shape *s = w->o.shape;
    size_t own;

    TRY(open_columns(w));
    TRY(open_encoder(w));
    TRY(open_compute(w));
    TRY(open_messages(w));
    own = s->groups * s->layers * w->columns.local;
    TRY(mem_keep_new(&w->keep, own, sizeof *w->own, &w->own));
    TRY(mem_keep_new(&w->keep, s->groups * s->bank, sizeof *w->prompts, &w->prompts));
    TRY(mem_keep_new(&w->keep, own, sizeof *w->grad, &w->grad));
    TRY(mem_keep_new(&w->keep, own, sizeof *w->pending.grad, &w->pending.grad));
    TRY(mem_keep_new(&w->keep, s->groups * s->u, sizeof *w->pending.u, &w->pending.u));
    return mem_keep_new(&w->keep, (size_t)s->groups, sizeof *w->dropout, &w->dropout);
}

status pretrain_worker_new(const struct pretrain_worker_options *o, struct pretrain_worker **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    (*out)->o = *o;
    s = open_all(*out);
    if (s != ST_OK) pretrain_worker_destroy(out);
    return s;
}

void pretrain_worker_destroy(struct pretrain_worker **out)
{
    struct pretrain_worker *w = *out;

    if (!w) return;
    assignment_fini(&w->assignment);
    compute_close(&w->compute);
    prompt_encoder_destroy(&w->encoder);
    columns_close(&w->columns);
    arena_close(&w->arena);
    mem_keep_free(&w->keep);
    mem_free(w);
    *out = NULL;
}

/* ---- receive ---- */

status pretrain_worker_receive(struct pretrain_worker *w, size_t words)
{
    return assignment_read(&w->assignment, w->message, words);
}

/* ---- compose ---- */

void pretrain_worker_compose(struct pretrain_worker *w, int groups, const float *u)
{
    struct pretrain_pending *p = &w->pending;

    if (p->waits) columns_update(&w->columns, &p->adamw, (int)w->o.shape->groups, p->u, p->grad, groups, u, w->own);
    else columns_compose(&w->columns, groups, u, w->own);
    p->waits = 0;
}

/* ---- compute ---- */

status pretrain_worker_compute(struct pretrain_worker *w, int64_t step, const float *head)
{
    const struct pretrain_shape *s = w->o.shape;
    struct random_key seed = random_seed(w->o.seed, RANDOM_DROPOUT);

    for (uint32_t g = 0; g < s->groups; g++)
        w->dropout[g] = (struct encoder_dropout){
            .on = w->o.dropout, .key = random_derive(seed, (uint32_t)step, (uint32_t)((uint64_t)step >> 32), g, 0)};
    return compute_assignment(&w->compute, &w->assignment, w->prompts, (int32_t)s->layers, (int32_t)s->tokens, head,
                              w->dropout);
}

status pretrain_worker_check_int8(struct pretrain_worker *w, const char *folder, const float *head,
                                  struct int8_check *out)
{
    const struct pretrain_shape *s = w->o.shape;
    size_t group = (size_t)w->assignment.examples[0].group;
    const struct int8_check_inputs in = {.replica = w->o.replica,
                                         .folder = folder,
                                         .compute = &w->compute,
                                         .assignment = &w->assignment,
                                         .layers = (int32_t)s->layers,
                                         .tokens = (int32_t)s->tokens,
                                         .prompts = w->prompts + group * s->bank,
                                         .head = head,
                                         .dropout = &w->dropout[group]};

    return int8_check(&in, out);
}

/* ---- report ---- */

void pretrain_worker_report(struct pretrain_worker *w, const struct member_report *member)
{
    const struct compute *c = &w->compute;

    w->report->member = *member;
    for (size_t i = 0; i < w->o.shape->slots; i++)
        w->report->slots[i] = (struct pretrain_slot){.loss = c->loss[i], .found = c->found[i]};
}

/* ---- grad_u ---- */

status pretrain_worker_grad_u(struct pretrain_worker *w)
{
    return columns_grad_u(&w->columns, (int)w->o.shape->groups, w->grad);
}

/* ---- update ---- */

void pretrain_worker_update(struct pretrain_worker *w, const float *u, const double *weights, const struct adamw *adamw)
{
    const struct pretrain_shape *s = w->o.shape;
    struct pretrain_pending *p = &w->pending;
    float *grad = w->grad;

    for (size_t i = 0; i < s->groups * s->u; i++) p->u[i] = (float)weights[i / s->u] * u[i];
    w->grad = p->grad;
    p->grad = grad;
    p->adamw = *adamw;
    p->waits = 1;
}

void pretrain_worker_flush(struct pretrain_worker *w)
{
    struct pretrain_pending *p = &w->pending;

    if (p->waits) columns_update(&w->columns, &p->adamw, (int)w->o.shape->groups, p->u, p->grad, 0, NULL, NULL);
    p->waits = 0;
}

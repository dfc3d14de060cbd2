/* What each method starts from and which stages it has. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "coordinator/tune/black_box.h"
#include "coordinator/tune/cell_state.h"
#include "coordinator/tune/gradient.h"

/* ---- what is tuned ---- */

/* A prompt that starts from nothing is a bank of one module: its router has nothing to choose. */
static status fresh_bank(struct cell_work *w, int32_t layers)
{
    const struct bank *b = &w->t->bank;

    w->fresh = (struct bank){.layers = layers,
                             .modules = 1,
                             .tokens = b->tokens,
                             .hidden = b->hidden,
                             .columns = b->columns,
                             .kernels = b->kernels};
    w->bank = &w->fresh;
    return ST_OK;
}

status cell_choose(struct cell_work *w)
{
    w->bank = &w->t->bank;
    switch (w->cell->method) {
    case METHOD_GRADIENT:
    case METHOD_BLACK_BOX:
    case METHOD_ROUTER:
    case METHOD_ZERO_SHOT: return ST_OK;
    case METHOD_PROMPT: return fresh_bank(w, 1);
    case METHOD_DEEP_PROMPT: return fresh_bank(w, (int32_t)w->t->replica.facts.config.layers);
    case METHOD_SINGLE: w->bank = &w->t->single; return ST_OK;
    case METHOD_FULL: return fresh_bank(w, 0);
    case METHOD_COUNT: break;
    }
    return fault(ST_USAGE, "no such method");
}

/* ---- first values ---- */

enum fresh { FRESH_ROUTER = 1, FRESH_PROMPT, FRESH_HEAD, FRESH_SEARCH };

/* A task's id keys what is drawn for it, as it does its examples. */
static struct random_key key_of(const struct cell_work *w, enum fresh what)
{
    struct random_key key = random_seed((uint64_t)w->cell->seed, RANDOM_INIT);

    for (const char *p = w->task->id; *p; p++) key = random_derive(key, (unsigned char)*p, 0, 0, 0);
    return random_derive(key, what, 0, 0, 0);
}

static void draw_normal(const struct cell_work *w, enum fresh what, double deviation, size_t n, float *out)
{
    struct random_key key = key_of(w, what);

    for (size_t i = 0; i < n; i++) out[i] = (float)(deviation * random_normal(key, i));
}

/* Which pre-trained router fits the training examples best, by the loss of its prompts. */
static status best_row(const struct cell_work *w, struct oracle *oracle, int *best)
{
    const struct bank *b = w->bank;
    size_t gates = (size_t)b->layers * (size_t)b->modules;
    double *s, *r, least = INFINITY;
    float *prompts = NULL;
    status done = mem_alloc(2 * gates, sizeof *s, &s);

    *best = -1;
    if (done == ST_OK) done = mem_alloc((size_t)b->layers * b->columns, sizeof *prompts, &prompts);
    r = s + gates;
    for (int row = 0; row < (int)b->state.task_count && done == ST_OK; row++) {
        double loss = INFINITY;

        bank_gates(b, b->router + (size_t)row * gates, s, r);
        bank_mix(b, b->values, r, prompts);
        done = oracle_loss(oracle, 1, prompts, bank_head(b, w->task->kind), &loss);
        if (!(loss < least)) continue;
        least = loss;
        *best = row;
    }
    mem_free(s);
    mem_free(prompts);
    return done;
}

/* The router's logits: a seen task's row, or near 0. Zero-shot takes the task's own row, or exactly 0: all modules
 * alike. */
static status start_router(const struct cell_work *w, struct oracle *oracle, float *theta)
{
    const struct bank *b = w->bank;
    const char *start = w->t->config->start;
    size_t gates = (size_t)b->layers * (size_t)b->modules;
    struct random_key key = key_of(w, FRESH_ROUTER);
    int own = w->cell->method == METHOD_ZERO_SHOT || strcmp(start, "seen") == 0, row = -1;

    memset(theta, 0, gates * sizeof *theta);
    if (b->modules == 1) return ST_OK;
    if (own) row = bank_task(b, w->task->id);
    else if (strcmp(start, "best") == 0) TRY(best_row(w, oracle, &row));
    else if (start[0]) row = bank_task(b, start);
    if (row >= 0) memcpy(theta, b->router + (size_t)row * gates, gates * sizeof *theta);
    else if (w->cell->method != METHOD_ZERO_SHOT)
        for (size_t i = 0; i < gates; i++) theta[i] = (float)(2e-3 * random_uniform(key, i) - 1e-3);
    return ST_OK;
}

struct start {
    float *theta, *modules, *head;
};

static void start_head(const struct cell_work *w, float *head)
{
    size_t count = 2 * (size_t)w->bank->hidden;
    int fresh = w->bank == &w->fresh;

    if (fresh && w->t->config->fresh_head) draw_normal(w, FRESH_HEAD, 0.02, count, head);
    else memcpy(head, bank_head(fresh ? &w->t->bank : w->bank, w->task->kind), count * sizeof *head);
}

static status start_values(const struct cell_work *w, struct oracle *oracle, struct start *s)
{
    const struct bank *b = w->bank;
    size_t gates = (size_t)b->layers * (size_t)b->modules, head = 2 * (size_t)b->hidden;
    int fresh = b == &w->fresh;

    TRY(mem_alloc(gates, sizeof *s->theta, &s->theta));
    TRY(mem_alloc(gates * b->columns, sizeof *s->modules, &s->modules));
    TRY(mem_alloc(head, sizeof *s->head, &s->head));
    TRY(start_router(w, oracle, s->theta));
    if (fresh) draw_normal(w, FRESH_PROMPT, 0.02, gates * b->columns, s->modules);
    else memcpy(s->modules, b->values, gates * b->columns * sizeof *s->modules);
    start_head(w, s->head);
    return ST_OK;
}

static void start_free(struct start *s)
{
    mem_free(s->theta);
    mem_free(s->modules);
    mem_free(s->head);
}

/* ---- stages ---- */

static double prompt_rate(const struct tuning *t, double rate)
{
    if (rate > 0) return rate;
    if (t->config->gradient.rate > 0) return t->config->gradient.rate;
    return t->bank.layers > 1 ? 2e-5 : 3e-4;
}

/* Of a gradient method. */
static struct stages stages_of(const struct tuning *t, enum method method)
{
    const struct tune_config *c = t->config;
    const struct stage_config *p = method == METHOD_PROMPT ? &c->prompt : &c->deep_prompt;
    double rate = prompt_rate(t, method == METHOD_SINGLE ? c->single.rate : 0);
    struct stages s = {.count = 0};

    if (method == METHOD_GRADIENT || method == METHOD_ROUTER)
        stages_add(&s, (struct stage){"router", c->router.epochs, c->router.rate, 0, 0});
    if (method == METHOD_GRADIENT) stages_add(&s, (struct stage){"prompt", c->gradient.epochs, 0, rate, rate});
    if (method == METHOD_SINGLE) stages_add(&s, (struct stage){"prompt", c->single.epochs, 0, rate, rate});
    if (method == METHOD_PROMPT || method == METHOD_DEEP_PROMPT)
        stages_add(&s, (struct stage){"prompt", p->epochs, 0, p->rate, p->rate});
    if (method == METHOD_FULL) stages_add(&s, (struct stage){"full", c->full.epochs, 0, c->full.rate, c->full.rate});
    return s;
}

int64_t cell_steps(const struct tuning *t, enum method method)
{
    struct stages s = stages_of(t, method);

    if (method == METHOD_BLACK_BOX) return black_box_evaluations(&t->config->black_box, t->bank.layers);
    return stages_steps(&s);
}

static int64_t tuned_numbers(const struct gradient *g)
{
    int64_t gates = (int64_t)g->bank->layers * g->bank->modules, sum = 0;
    int router = 0, prompts = 0;

    for (int i = 0; i < g->stages.count; i++) {
        const struct stage *stage = &g->stages.list[i];

        router |= stage->router > 0 && stage->epochs > 0;
        prompts |= stage->prompts > 0 && stage->epochs > 0;
    }
    if (router) sum += gates;
    if (prompts) sum += gates * (int64_t)g->bank->columns + 2 * (int64_t)g->bank->hidden;
    return sum;
}

static status tune_black_box(struct cell_work *w, struct oracle *oracle)
{
    const struct tune_config *c = w->t->config;
    struct black_box b = {.bank = w->bank,
                          .head = bank_head(w->bank, w->task->kind),
                          .oracle = oracle,
                          .dev_curve = &w->dev_curve,
                          .config = c->black_box,
                          .reference = c->reference.choice,
                          .key = key_of(w, FRESH_SEARCH)};
    float *theta;
    status s;

    snprintf(b.folder, sizeof b.folder, "%.4000s/journal", w->folder);
    snprintf(b.digest, sizeof b.digest, "%s", w->digest);
    TRY(mem_alloc((size_t)w->bank->layers * (size_t)w->bank->modules, sizeof *theta, &theta));
    s = start_router(w, oracle, theta);
    b.theta = theta;
    if (s == ST_OK) s = black_box_run(&b);
    w->result->evaluations = b.evaluations;
    w->result->seconds = b.seconds;
    w->result->parameters = b.parameters;
    mem_free(theta);
    return s;
}

static status tune_gradient(struct cell_work *w, struct oracle *oracle)
{
    const struct tune_config *c = w->t->config;
    struct gradient g = {.bank = w->bank,
                         .oracle = oracle,
                         .dev_curve = &w->dev_curve,
                         .warm = c->reference.moments,
                         .check_every = c->dev_every,
                         .decay = c->weight_decay};
    struct start start = {NULL, NULL, NULL};
    status s;

    g.stages = stages_of(w->t, w->cell->method);
    snprintf(g.snapshot, sizeof g.snapshot, "%.4000s/snapshot.safetensors", w->folder);
    snprintf(g.digest, sizeof g.digest, "%s", w->digest);
    s = start_values(w, oracle, &start);
    if (s == ST_OK) s = gradient_open(&g, start.theta, start.modules, start.head);
    start_free(&start);
    if (s != ST_OK) return s;
    s = gradient_run(&g);
    w->result->steps = g.step;
    w->result->seconds = g.seconds;
    w->result->parameters = tuned_numbers(&g);
    gradient_close(&g);
    return s;
}

status cell_tune(struct cell_work *w, struct oracle *oracle)
{
    return w->cell->method == METHOD_BLACK_BOX ? tune_black_box(w, oracle) : tune_gradient(w, oracle);
}

status cell_begin_full(struct cell_work *w)
{
    char snapshot[4096 + 16];
    struct full_start start = {
        .dev_curve = &w->dev_curve, .kernels = &w->t->bank.kernels, .snapshot = snapshot, .digest = w->digest};
    float *head;

    snprintf(snapshot, sizeof snapshot, "%.4000s/snapshot", w->folder);
    w->result->steps = w->t->config->full.epochs;
    w->result->parameters = full_parameters(w->full);
    TRY(mem_alloc(2 * (size_t)w->bank->hidden, sizeof *head, &head));
    start_head(w, head);
    start.head = head;
    full_begin(w->full, &start);
    mem_free(head);
    return ST_OK;
}

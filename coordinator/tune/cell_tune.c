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

    w->fresh = (struct bank){.layers = layers, .modules = 1, .tokens = b->tokens, .hidden = b->hidden, .columns = b->columns,
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
        done = oracle_loss(oracle, 1, prompts, b->head, &loss);
        if (!(loss < least)) continue;
        least = loss;
        *best = row;
    }
    mem_free(s);
    mem_free(prompts);
    return done;
}

/* The router's logits: a seen task's row, or near 0. Zero-shot takes the task's own row, or exactly 0: all modules alike. */
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

struct start { float *theta, *modules, *head; };

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
    if (fresh && w->t->config->fresh_head) draw_normal(w, FRESH_HEAD, 0.02, head, s->head);
    else memcpy(s->head, fresh ? w->t->bank.head : b->head, head * sizeof *s->head);
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

/* The stages of a gradient method; returns how many. */
static int stages_of(const struct tuning *t, enum method method, struct gradient_stage out[GRADIENT_STAGES_MOST])
{
    const struct tune_config *c = t->config;
    const struct gradient_stage router = {"router", c->router.epochs, c->router.rate, 0, 0};
    double rate = prompt_rate(t, method == METHOD_SINGLE ? c->single.rate : 0);

    switch (method) {
    case METHOD_GRADIENT:
        out[0] = router;
        out[1] = (struct gradient_stage){"prompt", c->gradient.epochs, 0, rate, rate};
        return 2;
    case METHOD_ROUTER: out[0] = router; return 1;
    case METHOD_SINGLE: out[0] = (struct gradient_stage){"prompt", c->single.epochs, 0, rate, rate}; return 1;
    case METHOD_PROMPT:
        out[0] = (struct gradient_stage){"prompt", c->prompt.epochs, 0, c->prompt.rate, c->prompt.rate};
        return 1;
    case METHOD_DEEP_PROMPT:
        out[0] = (struct gradient_stage){"prompt", c->deep_prompt.epochs, 0, c->deep_prompt.rate, c->deep_prompt.rate};
        return 1;
    case METHOD_FULL: out[0] = (struct gradient_stage){"full", c->full.epochs, 0, c->full.rate, c->full.rate}; return 1;
    case METHOD_BLACK_BOX:
    case METHOD_ZERO_SHOT:
    case METHOD_COUNT: break;
    }
    return 0;
}

int64_t cell_steps(const struct tuning *t, enum method method)
{
    struct gradient g = {.stage_count = 0};

    if (method == METHOD_BLACK_BOX) return black_box_evaluations(&t->config->black_box, t->bank.layers);
    g.stage_count = stages_of(t, method, g.stages);
    return gradient_steps(&g);
}

static int64_t tuned_numbers(const struct gradient *g)
{
    int64_t gates = (int64_t)g->bank->layers * g->bank->modules, sum = 0;
    int router = 0, prompts = 0;

    for (int i = 0; i < g->stage_count; i++) {
        router |= g->stages[i].router > 0 && g->stages[i].epochs > 0;
        prompts |= g->stages[i].prompts > 0 && g->stages[i].epochs > 0;
    }
    if (router) sum += gates;
    if (prompts) sum += gates * (int64_t)g->bank->columns + 2 * (int64_t)g->bank->hidden;
    return sum;
}

static status tune_black_box(struct cell_work *w, struct oracle *oracle)
{
    const struct tune_config *c = w->t->config;
    struct black_box b = {.bank = w->bank, .oracle = oracle, .dev_curve = &w->dev_curve, .config = c->black_box,
                          .reference = c->reference.choice, .key = key_of(w, FRESH_SEARCH)};
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
    struct gradient g = {.bank = w->bank, .oracle = oracle, .dev_curve = &w->dev_curve, .warm = c->reference.moments,
                         .check_every = c->dev_every, .decay = c->weight_decay};
    struct start start = {NULL, NULL, NULL};
    status s;

    g.stage_count = stages_of(w->t, w->cell->method, g.stages);
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

static status tune_full(struct cell_work *w, struct oracle *oracle)
{
    const struct tune_config *c = w->t->config;
    char snapshot[4096 + 16];
    const struct full_options o = {c->full.epochs, c->dev_every, c->full.rate, c->weight_decay, snapshot, w->digest};
    struct start start = {NULL, NULL, NULL};
    status s = start_values(w, oracle, &start);

    snprintf(snapshot, sizeof snapshot, "%.4000s/snapshot", w->folder);
    if (s == ST_OK) s = full_run(w->full, &w->dev_curve, &o, start.head, &w->result->seconds);
    w->result->steps = o.epochs;
    w->result->parameters = full_parameters(w->full);
    start_free(&start);
    return s;
}

status cell_tune(struct cell_work *w, struct oracle *oracle)
{
    if (w->cell->method == METHOD_BLACK_BOX) return tune_black_box(w, oracle);
    return w->full ? tune_full(w, oracle) : tune_gradient(w, oracle);
}

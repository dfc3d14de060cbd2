/* Both stages ask for losses through the ledger: what it knows is told, the rest is computed and kept. */
#include "coordinator/tune/black_box.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/search/bayes.h"
#include "coordinator/search/cma.h"
#include "coordinator/tune/ledger.h"

enum { STREAM_ROUTER = 1, STREAM_PROMPT };

static const double ROUTER_BOUND = 5, KAPPA = 2;

/* A search under way. */
struct black_box_search {
    struct black_box *b;
    struct ledger *ledger;
    struct black_box_config config; /* resolved */
    int32_t layers, gates, d;
    const char *stage;
    int replayed; /* the last losses were known */
    /* the state as it is */
    float *prompts; /* (layers,P,H) */
    double *r;      /* (layers,K) */
    double loss;
    /* of a request */
    double *points, *losses; /* (most,d or layers*K), (most) */
    float *x;                /* (population,d) */
    float *sets;             /* (most sets or candidates) */
    size_t set_room;
    double *s;    /* (layers,K) */
    float *theta; /* (layers,K) */
    int placed;   /* the oracle holds prompts */
    /* the last look at dev */
    double dev[2]; /* score, loss */
    int looked;    /* it was at the state as it is */
    struct mem_keep keep;
};

static struct black_box_config resolve(const struct black_box_config *config, int32_t layers)
{
    struct black_box_config c = *config;
    int deep = layers > 1;

    if (c.router_evaluations == 0) c.router_evaluations = deep ? 100 : 200;
    if (c.router_random > c.router_evaluations) c.router_random = c.router_evaluations;
    if (c.evaluations == 0) c.evaluations = deep ? 3000 : 7800;
    return c;
}

static int64_t rounds_of(const struct black_box_config *c, int32_t layers)
{
    return c->evaluations / (c->population * layers);
}

int64_t black_box_evaluations(const struct black_box_config *config, int32_t layers)
{
    struct black_box_config c = resolve(config, layers);

    return c.router_evaluations + rounds_of(&c, layers) * c.population * layers;
}

/* ---- losses and scores, known or computed -------------------------------------------------------------------- */

/* *found: the ledger knew. ST_END: it did not, and the run was asked to stop. */
static status known(struct black_box_search *s, enum ledger_kind kind, size_t count, double *values, int *found)
{
    status next = ledger_next(s->ledger, kind, count, values);

    *found = s->replayed = next == ST_OK;
    if (next != ST_END) return next;
    return dev_curve_stopped(s->b->dev_curve) ? ST_END : ST_OK;
}

/* Mean losses of n router logits, points (n,gates). */
static status router_losses(struct black_box_search *s, int32_t n)
{
    const struct bank *bank = s->b->bank;
    size_t whole = (size_t)bank->layers * bank->columns;
    int found;

    TRY(known(s, LEDGER_LOSSES, (size_t)n, s->losses, &found));
    if (found) return ST_OK;
    TRY(mem_grow(&s->sets, &s->set_room, (size_t)n * whole, sizeof *s->sets));
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < s->gates; j++) s->theta[j] = (float)s->points[i * s->gates + j];
        bank_gates(bank, s->theta, s->s, s->r);
        bank_mix(bank, bank->values, s->r, s->sets + (size_t)i * whole);
    }
    TRY(oracle_loss(s->b->oracle, n, s->sets, s->b->head, s->losses));
    return ledger_add(s->ledger, LEDGER_LOSSES, (size_t)n, s->losses);
}

/* Mean losses of the candidates x (population,d) for a layer's intrinsic vector, the other layers as they are. */
static status layer_losses(struct black_box_search *s, int32_t layer)
{
    struct black_box *b = s->b;
    int32_t n = (int32_t)s->config.population;
    int found;

    TRY(known(s, LEDGER_LOSSES, (size_t)n, s->losses, &found));
    if (found) return ST_OK;
    TRY(mem_grow(&s->sets, &s->set_room, (size_t)n * b->bank->columns, sizeof *s->sets));
    TRY(bank_compose(b->bank, layer, n, s->x, s->sets));
    if (!s->placed) TRY(oracle_place(b->oracle, s->prompts, b->head));
    s->placed = 1;
    TRY(oracle_losses(b->oracle, layer, n, s->sets, s->losses));
    return ledger_add(s->ledger, LEDGER_LOSSES, (size_t)n, s->losses);
}

static status check_dev(struct black_box_search *s, const float *prompts, double loss)
{
    const struct black_box *b = s->b;
    struct dev_curve_state state = {prompts, b->head, s->r};
    struct dev_curve_point point = {.evaluations = b->evaluations, .loss = loss};
    int found = s->looked;

    snprintf(point.stage, sizeof point.stage, "%s", s->stage);
    if (!found) TRY(known(s, LEDGER_DEV, 2, s->dev, &found));
    s->looked = 1;
    if (found) {
        point.dev = s->dev[0];
        point.dev_loss = s->dev[1];
        return dev_curve_note(b->dev_curve, &point, &state);
    }
    TRY(dev_curve_check(b->dev_curve, &point, &state));
    s->dev[0] = point.dev;
    s->dev[1] = point.dev_loss;
    return ledger_add(s->ledger, LEDGER_DEV, 2, s->dev);
}

/* ---- stage one ----------------------------------------------------------------------------------------------- */

/* Router, prompts and loss as they stand := those of logits. */
static void stand_at(struct black_box_search *s, const double *logits, double loss)
{
    const struct bank *bank = s->b->bank;

    for (int32_t j = 0; j < s->gates; j++) s->theta[j] = (float)logits[j];
    bank_gates(bank, s->theta, s->s, s->r);
    bank_mix(bank, bank->values, s->r, s->prompts);
    s->loss = loss;
    s->looked = 0;
}

/* After each loss: now and then a look at dev, at this point (reference) or at the best one so far, once. */
static status consider(struct black_box_search *s, struct bayes *bayes, int *checked)
{
    int64_t count = bayes_count(bayes);
    int at = s->b->reference ? (int)count - 1 : bayes_best(bayes);
    int last = !s->b->reference && count == s->config.router_evaluations;
    const double *logits;
    double loss;

    if (at < 0 || at == *checked || (count % s->config.router_check != 0 && !last)) return ST_OK;
    logits = bayes_point(bayes, at, &loss);
    if (!isfinite(loss)) return ST_OK;
    *checked = at;
    stand_at(s, logits, loss);
    return check_dev(s, s->prompts, loss);
}

/* The random points at once, as many as a generation; then one by one. */
static status evaluate_next(struct black_box_search *s, struct bayes *bayes, int *checked)
{
    int64_t told = bayes_count(bayes), left = s->config.router_random - told;
    int32_t n = (int32_t)(left > s->config.population ? s->config.population : left > 1 ? left : 1);

    if (left > 0)
        for (int32_t i = 0; i < n; i++) bayes_random(bayes, (int)told + i, s->points + (int64_t)i * s->gates);
    else TRY(bayes_ask(bayes, s->points));
    TRY(router_losses(s, n));
    for (int32_t i = 0; i < n; i++) {
        if (left > 0) TRY(bayes_ask(bayes, s->points));
        TRY(bayes_tell(bayes, s->losses[i]));
        s->b->evaluations++;
        dev_curve_step(s->b->dev_curve, s->stage, s->b->evaluations, s->losses[i], s->replayed);
        TRY(consider(s, bayes, checked));
    }
    return ST_OK;
}

static status search_router(struct black_box_search *s)
{
    struct bayes_options o = {.n = s->gates,
                              .lower = -ROUTER_BOUND,
                              .upper = ROUTER_BOUND,
                              .kappa = KAPPA,
                              .random = (int)s->config.router_random,
                              .key = random_derive(s->b->key, STREAM_ROUTER, 0, 0, 0)};
    const struct dev_curve *c = s->b->dev_curve;
    struct bayes *bayes;
    int checked = -1;
    double least = NAN;
    status done;

    s->stage = "router";
    TRY(bayes_new(&o, &bayes));
    for (done = ST_OK; done == ST_OK && bayes_count(bayes) < s->config.router_evaluations;)
        done = evaluate_next(s, bayes, &checked);
    if (bayes_best(bayes) >= 0) bayes_point(bayes, bayes_best(bayes), &least);
    if (done == ST_OK)
        log_info("black-box-router", "best-loss=%.6g evaluation=%d chosen-loss=%.6g evaluation=%lld dev=%.4f", least,
                 bayes_best(bayes) + 1, c->best.loss, (long long)c->best.evaluations, c->best.dev);
    bayes_destroy(&bayes);
    return done;
}

/* ---- stage two ----------------------------------------------------------------------------------------------- */

static double clamp(double x, double bound)
{
    return fmax(-bound, fmin(bound, x));
}

static status open_layers(struct black_box_search *s, struct cma **cma)
{
    const struct black_box_config *c = &s->config;
    double bound = s->layers > 1 && c->bound > 0 ? c->bound : INFINITY;

    for (int32_t l = 0; l < s->layers; l++) {
        struct cma_options o = {.n = s->d,
                                .population = (int)c->population,
                                .start = s->points,
                                .lower = -bound,
                                .upper = bound,
                                .key = random_derive(s->b->key, STREAM_PROMPT, (uint32_t)l, 0, 0)};

        o.sigma = c->sigma > 0 ? c->sigma : s->layers > 1 && l == 0 ? 0.5 : 0.1;
        bank_intrinsic(s->b->bank, l, s->r, s->points);
        for (int32_t i = 0; i < s->d; i++) s->points[i] = clamp(s->points[i], bound);
        TRY(cma_new(&o, &cma[l]));
    }
    return ST_OK;
}

/* The layer's prompt := x A, with this loss. */
static status accept(struct black_box_search *s, int32_t layer, const double *x, double loss)
{
    struct bank *bank = s->b->bank;
    float *prompt = s->prompts + (size_t)layer * bank->columns;

    for (int32_t i = 0; i < s->d; i++) s->x[i] = (float)x[i];
    TRY(bank_compose(bank, layer, 1, s->x, prompt));
    s->loss = loss;
    s->looked = 0;
    return s->placed ? oracle_fix(s->b->oracle, layer, prompt) : ST_OK;
}

/* Reference: the candidate that is evaluated when the count comes round is looked at. */
static status check_candidates(struct black_box_search *s, int32_t layer)
{
    const struct bank *bank = s->b->bank;
    int64_t before = s->b->evaluations - s->config.population;
    size_t whole = (size_t)bank->layers * bank->columns;

    for (int64_t i = 0; i < s->config.population; i++) {
        if ((before + i + 1) % s->config.check != 0 || !isfinite(s->losses[i])) continue;
        TRY(mem_grow(&s->sets, &s->set_room, whole, sizeof *s->sets));
        memcpy(s->sets, s->prompts, whole * sizeof *s->sets);
        for (int32_t j = 0; j < s->d; j++) s->x[j] = (float)s->points[i * s->d + j];
        TRY(bank_compose(s->b->bank, layer, 1, s->x, s->sets + (size_t)layer * bank->columns));
        s->looked = 0;
        TRY(check_dev(s, s->sets, s->losses[i]));
    }
    s->looked = 0;
    return ST_OK;
}

static status generation(struct black_box_search *s, struct cma *cma, int32_t layer)
{
    int64_t n = s->config.population, before = s->b->evaluations;
    int best = -1, reference = s->b->reference;
    const double *x;
    double loss;

    TRY(cma_ask(cma, s->points));
    for (int64_t i = 0; i < n * s->d; i++) s->x[i] = (float)s->points[i];
    TRY(layer_losses(s, layer));
    TRY(cma_tell(cma, s->losses));
    for (int i = 0; i < n; i++)
        if (isfinite(s->losses[i]) && (best < 0 || s->losses[i] < s->losses[best])) best = i;
    s->b->evaluations += n;
    dev_curve_step(s->b->dev_curve, s->stage, s->b->evaluations, best < 0 ? NAN : s->losses[best], s->replayed);
    if (reference) {
        TRY(check_candidates(s, layer));
        x = cma_best(cma, &loss);
        return x ? accept(s, layer, x, loss) : ST_OK;
    }
    if (best >= 0 && s->losses[best] < s->loss)
        TRY(accept(s, layer, s->points + (int64_t)best * s->d, s->losses[best]));
    return before / s->config.check < s->b->evaluations / s->config.check ? check_dev(s, s->prompts, s->loss) : ST_OK;
}

/* Begins where the dev_curve is best. */
static status search_prompts(struct black_box_search *s)
{
    const struct dev_curve *c = s->b->dev_curve;
    int64_t rounds = rounds_of(&s->config, s->layers);
    struct cma **cma;
    status done;

    s->stage = "prompt";
    memcpy(s->prompts, c->best_prompts, c->bank * sizeof *s->prompts);
    memcpy(s->r, c->best_gates, (size_t)s->gates * sizeof *s->r);
    s->loss = c->best.loss;
    s->dev[0] = c->best.dev;
    s->dev[1] = c->best.dev_loss;
    s->looked = 1;
    TRY(mem_alloc((size_t)s->layers, sizeof *cma, &cma));
    done = open_layers(s, cma);
    for (int64_t round = 0; round < rounds; round++)
        for (int32_t l = 0; l < s->layers && done == ST_OK; l++) done = generation(s, cma[l], l);
    if (done == ST_OK && !s->b->reference && !s->looked && rounds > 0) done = check_dev(s, s->prompts, s->loss);
    for (int32_t l = 0; l < s->layers; l++) cma_destroy(&cma[l]);
    mem_free(cma);
    return done;
}

/* ---- a run --------------------------------------------------------------------------------------------------- */

static status search_open(struct black_box_search *s)
{
    const struct bank *bank = s->b->bank;
    size_t most = (size_t)s->config.population, wide = (size_t)(s->gates > s->d ? s->gates : s->d);

    TRY(mem_keep_new(&s->keep, (size_t)bank->layers * bank->columns, sizeof *s->prompts, &s->prompts));
    TRY(mem_keep_new(&s->keep, (size_t)s->gates, sizeof *s->r, &s->r));
    TRY(mem_keep_new(&s->keep, (size_t)s->gates, sizeof *s->s, &s->s));
    TRY(mem_keep_new(&s->keep, (size_t)s->gates, sizeof *s->theta, &s->theta));
    TRY(mem_keep_new(&s->keep, most * wide, sizeof *s->points, &s->points));
    TRY(mem_keep_new(&s->keep, most, sizeof *s->losses, &s->losses));
    TRY(mem_keep_new(&s->keep, most * (size_t)s->d, sizeof *s->x, &s->x));
    return ledger_open(s->b->folder, s->b->digest, &s->ledger);
}

static void search_close(struct black_box_search *s)
{
    mem_free(s->sets);
    mem_keep_free(&s->keep);
}

/* The untuned state: the first point of the curve. */
static status check_start(struct black_box_search *s)
{
    s->stage = "start";
    for (int32_t j = 0; j < s->gates; j++) s->points[j] = s->b->theta[j];
    TRY(router_losses(s, 1));
    stand_at(s, s->points, s->losses[0]);
    return check_dev(s, s->prompts, s->loss);
}

status black_box_run(struct black_box *b)
{
    struct black_box_search s = {.b = b,
                                 .config = resolve(&b->config, b->bank->layers),
                                 .layers = b->bank->layers,
                                 .gates = b->bank->layers * b->bank->modules,
                                 .d = b->bank->intrinsic};
    status done, closed;

    b->evaluations = 0;
    b->parameters = s.gates + (int64_t)s.layers * s.d;
    done = search_open(&s);
    if (done == ST_OK) done = check_start(&s);
    if (done == ST_OK) done = search_router(&s);
    if (done == ST_OK) done = search_prompts(&s);
    if (s.ledger) b->seconds = ledger_seconds(s.ledger);
    closed = ledger_close(&s.ledger);
    search_close(&s);
    return done == ST_OK ? closed : done;
}

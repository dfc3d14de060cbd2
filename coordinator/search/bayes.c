#include "coordinator/search/bayes.h"

#include <math.h>
#include <string.h>

#include <nlopt.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/search/gp.h"

enum { LOOKS = 10000, STARTS = 10, REFINEMENTS = 300 };
enum { STREAM_RANDOM, STREAM_LOOKS };

static const double NOISE = 1e-6;

struct bayes {
    struct bayes_options o;
    int count;
    size_t x_room, loss_room;
    double *x;     /* (count,n) */
    double *loss;  /* (count) as told */
    double *asked; /* (n) */
    int waiting;
    double *looks, *mean, *deviation; /* (looks,n), (looks), (looks) */
    int *start;                       /* (starts) the best looks */
};

/* What NLopt maximises. */
struct promise {
    const struct gp *gp;
    double kappa;
    double *work, *d_mean, *d_deviation; /* (3 * points), (n), (n) */
};

static status check_options(const struct bayes_options *o)
{
    if (o->n < 1 || o->n > 10000)
        return fault(ST_USAGE, "Bayesian optimisation: %d dimensions, expected 1 to 10000", o->n);
    if (!(o->lower < o->upper) || !isfinite(o->lower) || !isfinite(o->upper))
        return fault(ST_USAGE, "Bayesian optimisation: bounds %g to %g", o->lower, o->upper);
    if (o->random < 1) return fault(ST_USAGE, "Bayesian optimisation: %d random points, expected 1 or more", o->random);
    if (!isfinite(o->kappa) || o->kappa < 0) return fault(ST_USAGE, "Bayesian optimisation: kappa %g", o->kappa);
    return ST_OK;
}

status bayes_new(const struct bayes_options *o, struct bayes **out)
{
    struct bayes *b;
    status s;

    *out = NULL;
    TRY(check_options(o));
    TRY(mem_alloc(1, sizeof *b, &b));
    b->o = *o;
    if (b->o.looks < 1) b->o.looks = LOOKS;
    if (b->o.starts < 1) b->o.starts = STARTS;
    if (b->o.starts > b->o.looks) b->o.starts = b->o.looks;
    s = mem_alloc((size_t)o->n, sizeof *b->asked, &b->asked);
    if (s == ST_OK) s = mem_alloc((size_t)b->o.looks * (size_t)o->n, sizeof *b->looks, &b->looks);
    if (s == ST_OK) s = mem_alloc((size_t)b->o.looks, sizeof *b->mean, &b->mean);
    if (s == ST_OK) s = mem_alloc((size_t)b->o.looks, sizeof *b->deviation, &b->deviation);
    if (s == ST_OK) s = mem_alloc((size_t)b->o.starts, sizeof *b->start, &b->start);
    if (s != ST_OK) {
        bayes_destroy(&b);
        return s;
    }
    *out = b;
    return ST_OK;
}

void bayes_destroy(struct bayes **out)
{
    struct bayes *b = *out;

    if (!b) return;
    mem_free(b->x);
    mem_free(b->loss);
    mem_free(b->asked);
    mem_free(b->looks);
    mem_free(b->mean);
    mem_free(b->deviation);
    mem_free(b->start);
    mem_free(b);
    *out = NULL;
}

/* ---- the model ----------------------------------------------------------------------------------------------- */

/* Of the negative losses. 0 points: no loss was finite. */
static status build_model(const struct bayes *b, struct gp *gp)
{
    double worst = -INFINITY;

    TRY(gp_init(gp, b->o.n, NOISE));
    for (int i = 0; i < b->count; i++)
        if (isfinite(b->loss[i])) worst = fmax(worst, b->loss[i]);
    for (int i = 0; i < b->count && isfinite(worst); i++)
        TRY(gp_add(gp, b->x + (int64_t)i * b->o.n, isfinite(b->loss[i]) ? -b->loss[i] : -worst));
    return gp->points > 0 ? gp_fit(gp) : ST_OK;
}

static double promise_at(unsigned n, const double *x, double *gradient, void *arg)
{
    const struct promise *p = arg;
    double mean, deviation;

    gp_slope(p->gp, x, p->work, &mean, &deviation, gradient ? gradient : p->d_mean, p->d_deviation);
    for (unsigned i = 0; i < n && gradient; i++) gradient[i] += p->kappa * p->d_deviation[i];
    return mean + p->kappa * deviation;
}

/* ---- the next point ------------------------------------------------------------------------------------------ */

static void random_point(const struct bayes *b, uint32_t stream, int count, uint64_t number, double *x)
{
    struct random_key key = random_derive(b->o.key, stream, (uint32_t)count, 0, 0);

    for (uint64_t i = 0; i < (uint64_t)b->o.n; i++)
        x[i] = b->o.lower + (b->o.upper - b->o.lower) * random_uniform(key, number * (uint64_t)b->o.n + i);
}

/* The best looks first in start, by insertion; the first of equals stays before. */
static status look_around(struct bayes *b, const struct gp *gp)
{
    int kept = 0;

    for (int i = 0; i < b->o.looks; i++)
        random_point(b, STREAM_LOOKS, b->count, (uint64_t)i, b->looks + (int64_t)i * b->o.n);
    TRY(gp_predict(gp, b->o.looks, b->looks, b->mean, b->deviation));
    for (int i = 0; i < b->o.looks; i++) {
        int at;

        b->mean[i] += b->o.kappa * b->deviation[i];
        if (kept == b->o.starts && b->mean[i] <= b->mean[b->start[kept - 1]]) continue;
        at = kept < b->o.starts ? kept++ : kept - 1;
        for (; at > 0 && b->mean[b->start[at - 1]] < b->mean[i]; at--) b->start[at] = b->start[at - 1];
        b->start[at] = i;
    }
    return ST_OK;
}

/* A refinement that fails leaves the look it started from. */
static status refine(struct bayes *b, nlopt_opt search)
{
    double most = b->mean[b->start[0]];

    memcpy(b->asked, b->looks + (int64_t)b->start[0] * b->o.n, (size_t)b->o.n * sizeof *b->asked);
    for (int i = 0; i < b->o.starts; i++) {
        double *x = b->looks + (int64_t)b->start[i] * b->o.n, value = -INFINITY;

        if (nlopt_optimize(search, x, &value) == NLOPT_OUT_OF_MEMORY) return fault(ST_MEMORY, "NLopt: out of memory");
        if (!isfinite(value) || value <= most) continue;
        most = value;
        for (int j = 0; j < b->o.n; j++) b->asked[j] = fmax(b->o.lower, fmin(b->o.upper, x[j]));
    }
    return ST_OK;
}

static status most_promising(struct bayes *b, const struct gp *gp)
{
    struct promise p = {.gp = gp, .kappa = b->o.kappa};
    nlopt_opt search = nlopt_create(NLOPT_LD_LBFGS, (unsigned)b->o.n);
    status s = search ? ST_OK : fault(ST_MEMORY, "NLopt: out of memory");

    if (s == ST_OK) s = mem_alloc(3 * (size_t)gp->points, sizeof *p.work, &p.work);
    if (s == ST_OK) s = mem_alloc((size_t)b->o.n, sizeof *p.d_mean, &p.d_mean);
    if (s == ST_OK) s = mem_alloc((size_t)b->o.n, sizeof *p.d_deviation, &p.d_deviation);
    if (s == ST_OK &&
        (nlopt_set_max_objective(search, promise_at, &p) < 0 || nlopt_set_lower_bounds1(search, b->o.lower) < 0 ||
         nlopt_set_upper_bounds1(search, b->o.upper) < 0 || nlopt_set_ftol_rel(search, 1e-9) < 0 ||
         nlopt_set_maxeval(search, REFINEMENTS) < 0))
        s = fault(ST_SYSTEM, "NLopt refused its options");
    if (s == ST_OK) s = look_around(b, gp);
    if (s == ST_OK) s = refine(b, search);
    mem_free(p.d_deviation);
    mem_free(p.d_mean);
    mem_free(p.work);
    nlopt_destroy(search);
    return s;
}

void bayes_random(const struct bayes *b, int i, double *x)
{
    random_point(b, STREAM_RANDOM, i, 0, x);
}

status bayes_ask(struct bayes *b, double *x)
{
    struct gp gp = {0};
    status s = ST_OK;

    if (!b->waiting) {
        if (b->count >= b->o.random) s = build_model(b, &gp);
        if (s == ST_OK && gp.points > 0) s = most_promising(b, &gp);
        else if (s == ST_OK) random_point(b, STREAM_RANDOM, b->count, 0, b->asked);
        gp_fini(&gp);
        TRY(s);
        b->waiting = 1;
    }
    memcpy(x, b->asked, (size_t)b->o.n * sizeof *x);
    return ST_OK;
}

status bayes_tell(struct bayes *b, double loss)
{
    if (!b->waiting) return fault(ST_SYSTEM, "internal error: Bayesian optimisation was told a loss of no point");
    TRY(mem_grow(&b->x, &b->x_room, ((size_t)b->count + 1) * (size_t)b->o.n, sizeof *b->x));
    TRY(mem_grow(&b->loss, &b->loss_room, (size_t)b->count + 1, sizeof *b->loss));
    memcpy(b->x + (int64_t)b->count * b->o.n, b->asked, (size_t)b->o.n * sizeof *b->x);
    b->loss[b->count++] = loss;
    b->waiting = 0;
    return ST_OK;
}

int bayes_count(const struct bayes *b)
{
    return b->count;
}

const double *bayes_point(const struct bayes *b, int i, double *loss)
{
    if (loss) *loss = b->loss[i];
    return b->x + (int64_t)i * b->o.n;
}

int bayes_best(const struct bayes *b)
{
    int best = -1;

    for (int i = 0; i < b->count; i++)
        if (isfinite(b->loss[i]) && (best < 0 || b->loss[i] < b->loss[best])) best = i;
    return best;
}

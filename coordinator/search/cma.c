/* Names follow the tutorial: m, sigma, C = B D^2 B', p_c, p_sigma; y = B D z; weights w. Matrices are column-major. */
#include "coordinator/search/cma.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/search/box.h"

enum { HISTORY = 64 }; /* generations that the stopping rule looks back, at most */

static const double CONDITION_LIMIT = 1e14;

struct cma_rates {
    double mueff, cs, damps, cc, c1, cmu;
};

struct ranked {
    double loss;
    int member;
};

struct cma {
    int n, population, parents;
    struct cma_rates rates;
    struct box box;
    struct random_key key;
    double sigma, first_sigma, chi; /* chi: the expected length of a standard normal vector */
    double *w;                      /* (population) descending; the first `parents` are positive and add up to 1 */
    double *mean;                   /* (n) where the box is unfolded */
    double *C, *B, *D;              /* (n,n), (n,n), (n): D the square roots of the eigenvalues */
    double *p_c, *p_sigma;          /* (n) */
    double *z, *y;                  /* (n,population) this generation */
    double *shift, *work;           /* (n), (n,max(n,population)) scratch */
    double *next;                   /* (n,n) scratch */
    struct ranked *order;           /* (population) */
    double *best, best_loss;        /* (n) within the box */
    int found;
    int64_t generation, decomposed;
    int asked;
    double bests[HISTORY]; /* best loss of the latest generations, a ring */
};

static double sum(const double *x, int n)
{
    double s = 0;

    for (int i = 0; i < n; i++) s += x[i];
    return s;
}

static double squares(const double *x, int n)
{
    double s = 0;

    for (int i = 0; i < n; i++) s += x[i] * x[i];
    return s;
}

/* ---- parameters (the tutorial's table 1) ------------------------------------------------------------------------- */

static void limit_negative(double *w, int count, double limit)
{
    double total = -sum(w, count);

    for (int i = 0; i < count && total > limit; i++) w[i] *= limit / total;
}

static void set_parameters(struct cma *c)
{
    struct cma_rates *r = &c->rates;
    double n = c->n, lambda = c->population, worse_eff, total;
    double *w = c->w, *worse;
    int rest;

    for (int i = 0; i < c->population; i++) w[i] = log((lambda + 1) / 2) - log(i + 1.0);
    for (c->parents = 0; c->parents < c->population && w[c->parents] > 0;) c->parents++;
    worse = w + c->parents;
    rest = c->population - c->parents;
    total = sum(w, c->parents);
    for (int i = 0; i < c->parents; i++) w[i] /= total;
    r->mueff = 1 / squares(w, c->parents);
    total = sum(worse, rest);
    worse_eff = total < 0 ? total * total / squares(worse, rest) : 0;

    r->cs = (r->mueff + 2) / (n + r->mueff + 3);
    /* The factor before the root is pycma's (version 4): populations that are large beside n shrink more slowly. */
    r->damps = 1 + 2 * fmax(0, fmax(1, 3 * (1 - pow(0.5, n / 9))) * sqrt((r->mueff - 1) / (n + 1)) - 1) + r->cs;
    r->cc = (4 + r->mueff / n) / (n + 4 + 2 * r->mueff / n);
    r->c1 = fmin(1, lambda / 6) * 2 / ((n + 1.3) * (n + 1.3) + r->mueff);
    r->cmu = fmin(1 - r->c1, 2 * (0.25 + r->mueff + 1 / r->mueff - 2) / ((n + 2) * (n + 2) + r->mueff));
    for (int i = 0; i < rest && total < 0; i++) worse[i] *= (1 + r->c1 / r->cmu) / -total;
    limit_negative(worse, rest, (1 - r->c1 - r->cmu) / r->cmu / n);
    limit_negative(worse, rest, 1 + 2 * worse_eff / (r->mueff + 2));
    c->chi = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
}

static status check_options(const struct cma_options *o)
{
    if (o->n < 2 || o->n > 20000) return fault(ST_USAGE, "CMA-ES: %d dimensions, expected 2 to 20000", o->n);
    if (o->population != 0 && (o->population < 4 || o->population > 100000))
        return fault(ST_USAGE, "CMA-ES: a population of %d, expected 4 to 100000", o->population);
    if (!(o->sigma > 0) || !isfinite(o->sigma))
        return fault(ST_USAGE, "CMA-ES: step size %g, expected above 0", o->sigma);
    if (!(o->lower < o->upper)) return fault(ST_USAGE, "CMA-ES: bounds %g to %g are none", o->lower, o->upper);
    for (int i = 0; i < o->n; i++)
        if (!isfinite(o->start[i]) || o->start[i] < o->lower || o->start[i] > o->upper)
            return fault(ST_USAGE, "CMA-ES: start %g in coordinate %d, expected %g to %g", o->start[i], i, o->lower,
                         o->upper);
    return ST_OK;
}

static status allocate(struct cma *c)
{
    size_t n = (size_t)c->n, all = (size_t)c->population, wide = n > all ? n : all;

    TRY(mem_alloc(all, sizeof *c->w, &c->w));
    TRY(mem_alloc(all, sizeof *c->order, &c->order));
    TRY(mem_alloc(n, sizeof *c->mean, &c->mean));
    TRY(mem_alloc(n, sizeof *c->D, &c->D));
    TRY(mem_alloc(n, sizeof *c->p_c, &c->p_c));
    TRY(mem_alloc(n, sizeof *c->p_sigma, &c->p_sigma));
    TRY(mem_alloc(n, sizeof *c->shift, &c->shift));
    TRY(mem_alloc(n, sizeof *c->best, &c->best));
    TRY(mem_alloc(n * n, sizeof *c->C, &c->C));
    TRY(mem_alloc(n * n, sizeof *c->B, &c->B));
    TRY(mem_alloc(n * n, sizeof *c->next, &c->next));
    TRY(mem_alloc(n * all, sizeof *c->z, &c->z));
    TRY(mem_alloc(n * all, sizeof *c->y, &c->y));
    return mem_alloc(n * wide, sizeof *c->work, &c->work);
}

status cma_new(const struct cma_options *o, struct cma **out)
{
    struct cma *c;
    status s;

    *out = NULL;
    TRY(check_options(o));
    openblas_set_num_threads(1);
    TRY(mem_alloc(1, sizeof *c, &c));
    c->n = o->n;
    c->population = o->population ? o->population : 4 + (int)floor(3 * log(o->n));
    s = allocate(c);
    if (s != ST_OK) {
        cma_destroy(&c);
        return s;
    }
    box_init(&c->box, o->lower, o->upper);
    c->key = o->key;
    c->sigma = c->first_sigma = o->sigma;
    set_parameters(c);
    for (int i = 0; i < c->n; i++) {
        c->mean[i] = box_unfold(&c->box, o->start[i]);
        c->C[i + (int64_t)i * c->n] = c->B[i + (int64_t)i * c->n] = c->D[i] = 1;
    }
    *out = c;
    return ST_OK;
}

void cma_destroy(struct cma **out)
{
    struct cma *c = *out;

    if (!c) return;
    mem_free(c->w);
    mem_free(c->order);
    mem_free(c->mean);
    mem_free(c->D);
    mem_free(c->p_c);
    mem_free(c->p_sigma);
    mem_free(c->shift);
    mem_free(c->best);
    mem_free(c->C);
    mem_free(c->B);
    mem_free(c->next);
    mem_free(c->z);
    mem_free(c->y);
    mem_free(c->work);
    mem_free(c);
    *out = NULL;
}

/* ---- ask --------------------------------------------------------------------------------------------------------- */

/* Eigenvalues below the limit are raised to it: C gets the same multiple of the identity. */
static void limit_condition(struct cma *c, double *values)
{
    double least = values[c->n - 1] / CONDITION_LIMIT, more = least - values[0];

    if (more <= 0) return;
    for (int i = 0; i < c->n; i++) {
        values[i] += more;
        c->C[i + (int64_t)i * c->n] += more;
    }
}

/* C = B D^2 B' of the last good decomposition. */
static void restore(struct cma *c)
{
    int n = c->n;

    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < n; i++) c->next[i + j * n] = c->B[i + j * n] * c->D[j];
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, n, 1.0, c->next, n, 0.0, c->C, n);
}

/* LAPACK reads the lower triangle, which is all that is kept up to date. A matrix that cannot be decomposed is
 * forgotten. */
static void decompose(struct cma *c)
{
    int n = c->n;
    int ok = 1;

    for (int64_t i = 0; i < (int64_t)n * n && ok; i++) ok = isfinite(c->C[i]);
    if (ok) {
        memcpy(c->next, c->C, (size_t)n * (size_t)n * sizeof *c->next);
        ok = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', n, c->next, n, c->shift) == 0 && c->shift[n - 1] > 0;
    }
    if (ok) {
        double *swap = c->B;

        limit_condition(c, c->shift);
        for (int i = 0; i < n; i++) c->D[i] = sqrt(c->shift[i]);
        c->B = c->next;
        c->next = swap;
    } else restore(c);
    c->decomposed = c->generation;
}

status cma_ask(struct cma *c, double *x)
{
    int n = c->n, all = c->population;
    double gap = 1 / ((c->rates.c1 + c->rates.cmu) * n * 10); /* the tutorial's appendix B.2: O(n^2) on average */

    if (!c->asked) {
        struct random_key key = random_derive(c->key, (uint32_t)c->generation, (uint32_t)(c->generation >> 32), 0, 0);

        if ((double)(c->generation - c->decomposed) > gap) decompose(c);
        for (int64_t i = 0; i < (int64_t)n * all; i++) {
            c->z[i] = random_normal(key, (uint64_t)i);
            c->work[i] = c->D[i % n] * c->z[i];
        }
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, all, n, 1.0, c->B, n, c->work, n, 0.0, c->y, n);
        c->asked = 1;
    }
    for (int64_t k = 0; k < all; k++)
        for (int64_t i = 0; i < n; i++) x[k * n + i] = box_fold(&c->box, c->mean[i] + c->sigma * c->y[k * n + i]);
    return ST_OK;
}

/* ---- tell -------------------------------------------------------------------------------------------------------- */

/* Not finite is worse than anything; equal losses keep the order of members. */
static int by_loss(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int bad_x = !isfinite(x->loss), bad_y = !isfinite(y->loss);

    if (bad_x != bad_y) return bad_x - bad_y;
    if (!bad_x && x->loss != y->loss) return x->loss < y->loss ? -1 : 1;
    return x->member - y->member;
}

static int rank_members(struct cma *c, const double *losses)
{
    int finite = 0;

    for (int k = 0; k < c->population; k++) {
        c->order[k] = (struct ranked){losses[k], k};
        finite += isfinite(losses[k]) != 0;
    }
    qsort(c->order, (size_t)c->population, sizeof *c->order, by_loss);
    return finite;
}

static void keep_best(struct cma *c)
{
    const double *y = c->y + (int64_t)c->order[0].member * c->n;
    double loss = c->order[0].loss;

    c->bests[c->generation % HISTORY] = loss;
    if (c->found && loss >= c->best_loss) return;
    for (int i = 0; i < c->n; i++) c->best[i] = box_fold(&c->box, c->mean[i] + c->sigma * y[i]);
    c->best_loss = loss;
    c->found = 1;
}

/* The mean moves by sigma * shift; returns the sum of the weights used (1 unless losses were not finite). */
static void move_mean(struct cma *c, int finite)
{
    int parents = finite < c->parents ? finite : c->parents;
    double total = sum(c->w, parents);

    memset(c->shift, 0, (size_t)c->n * sizeof *c->shift);
    for (int i = 0; i < parents; i++)
        cblas_daxpy(c->n, c->w[i] / total, c->y + (int64_t)c->order[i].member * c->n, 1, c->shift, 1);
    cblas_daxpy(c->n, c->sigma, c->shift, 1, c->mean, 1);
}

/* Both evolution paths; returns 1 unless p_c stalls because p_sigma is long. */
static int follow_paths(struct cma *c)
{
    const struct cma_rates *r = &c->rates;
    int n = c->n, goes;
    double expected, gain = sqrt(r->cs * (2 - r->cs) * r->mueff);

    cblas_dgemv(CblasColMajor, CblasTrans, n, n, 1.0, c->B, n, c->shift, 1, 0.0, c->work, 1);
    for (int i = 0; i < n; i++) c->work[i] /= c->D[i];
    cblas_dgemv(CblasColMajor, CblasNoTrans, n, n, gain, c->B, n, c->work, 1, 1 - r->cs, c->p_sigma, 1);
    expected = 1 - pow(1 - r->cs, 2.0 * (double)(c->generation + 1));
    goes = squares(c->p_sigma, n) / expected / n < 2 + 4.0 / (n + 1);
    gain = goes ? sqrt(r->cc * (2 - r->cc) * r->mueff) : 0;
    for (int i = 0; i < n; i++) c->p_c[i] = (1 - r->cc) * c->p_c[i] + gain * c->shift[i];
    return goes;
}

/* Columns of work: the members of ranks first … last - 1 by the square roots of their weights. Those with negative
 * weights are cut to length sqrt(n) where C is the unit ball, so that C stays positive. */
static int weigh(struct cma *c, int first, int last)
{
    int count = 0, n = c->n;

    for (int i = first; i < last; i++) {
        int64_t at = (int64_t)c->order[i].member * n;
        double weight = c->rates.cmu * c->w[i];

        if (weight < 0) weight *= -n / fmax(squares(c->z + at, n), 1e-18);
        for (int64_t j = 0; j < n; j++) c->work[(int64_t)count * n + j] = sqrt(weight) * c->y[at + j];
        count++;
    }
    return count;
}

static void adapt_covariance(struct cma *c, int finite, int goes)
{
    const struct cma_rates *r = &c->rates;
    int n = c->n, parents = finite < c->parents ? finite : c->parents;
    double c1a = r->c1 * (goes ? 1 : 1 - r->cc * (2 - r->cc));
    double keep = 1 - c1a - r->cmu * (sum(c->w, parents) + sum(c->w + parents, finite - parents));
    int count = weigh(c, 0, parents);

    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, count, 1.0, c->work, n, keep, c->C, n);
    count = weigh(c, parents, finite);
    if (count > 0) cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, count, -1.0, c->work, n, 1.0, c->C, n);
    cblas_dsyr(CblasColMajor, CblasLower, n, r->c1, c->p_c, 1, c->C, n);
}

/* At most a factor e a generation; in a box no standard deviation above a third of it. */
static void adapt_step(struct cma *c)
{
    double change = c->rates.cs / c->rates.damps * (sqrt(squares(c->p_sigma, c->n)) / c->chi - 1);
    double widest = 0;

    c->sigma *= exp(fmax(-1, fmin(1, change)));
    for (int64_t i = 0; i < c->n; i++) widest = fmax(widest, c->C[i + i * c->n]);
    widest = sqrt(widest) * c->sigma;
    if (box_bounded(&c->box) && widest > (c->box.upper - c->box.lower) / 3)
        c->sigma *= (c->box.upper - c->box.lower) / 3 / widest;
}

status cma_tell(struct cma *c, const double *losses)
{
    int finite;

    if (!c->asked) return fault(ST_SYSTEM, "internal error: CMA-ES was told losses of no population");
    finite = rank_members(c, losses);
    if (finite == 0) {
        c->sigma /= 2;
        c->bests[c->generation % HISTORY] = INFINITY;
    } else {
        int goes;

        keep_best(c);
        move_mean(c, finite);
        goes = follow_paths(c);
        adapt_covariance(c, finite, goes);
        adapt_step(c);
    }
    c->generation++;
    c->asked = 0;
    return ST_OK;
}

/* ---- what it knows ----------------------------------------------------------------------------------------------- */

int cma_population(const struct cma *c)
{
    return c->population;
}

const double *cma_best(const struct cma *c, double *loss)
{
    if (loss) *loss = c->found ? c->best_loss : INFINITY;
    return c->found ? c->best : NULL;
}

void cma_mean(const struct cma *c, double *x)
{
    for (int i = 0; i < c->n; i++) x[i] = box_fold(&c->box, c->mean[i]);
}

double cma_sigma(const struct cma *c)
{
    return c->sigma;
}

double cma_condition(const struct cma *c)
{
    double least = c->D[0], most = c->D[0];

    for (int i = 1; i < c->n; i++) {
        least = fmin(least, c->D[i]);
        most = fmax(most, c->D[i]);
    }
    return most / least * (most / least);
}

/* The tutorial's appendix B.3, with the window cut to HISTORY. */
enum cma_stop cma_stop(const struct cma *c)
{
    int64_t window = 10 + (int64_t)ceil(30.0 * c->n / c->population);
    double least = INFINITY, most = -INFINITY, widest = 0;

    if (window > HISTORY) window = HISTORY;
    for (int64_t i = 0; i < c->n; i++) widest = fmax(widest, fmax(sqrt(fmax(0, c->C[i + i * c->n])), fabs(c->p_c[i])));
    if (c->sigma * widest < 1e-12 * c->first_sigma) return CMA_TINY_STEPS;
    if (cma_condition(c) >= CONDITION_LIMIT * 0.999) return CMA_ILL_CONDITIONED;
    if (c->generation < window) return CMA_GOES_ON;
    for (int64_t i = c->generation - window; i < c->generation; i++) {
        least = fmin(least, c->bests[i % HISTORY]);
        most = fmax(most, c->bests[i % HISTORY]);
    }
    return most - least < 1e-12 ? CMA_NO_PROGRESS : CMA_GOES_ON;
}

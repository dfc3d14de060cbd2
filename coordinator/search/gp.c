/* k(d) = (1 + a + a^2/3) exp(-a) with a = sqrt(5) d / scale. */
#include "coordinator/search/gp.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { SCAN = 24, REFINE = 40, CHUNK = 256 };

static const double SCALE_LEAST = 1e-5, SCALE_MOST = 1e5, SQRT5 = 2.23606797749978969641;
static const double TWO_PI = 6.28318530717958647693;
/* Least pivot, squared, of a factorisation that is trusted: rounding errors of about n * DBL_EPSILON / PIVOT_LEAST
 * remain in the mean, so that every BLAS kernel gives the same to about 1e-7. A noise above it (the search's is 1e-6)
 * never meets it. */
static const double PIVOT_LEAST = 1e-7;

static double kernel(double distance, double scale)
{
    double a = SQRT5 * distance / scale;

    return (1 + a + a * a / 3) * exp(-a);
}

/* Four running sums, so that the additions of one point do not wait for each other. */
static double distance_between(const double *x, const double *y, int n)
{
    double s[4] = {0};
    int i = 0;

    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++) s[j] += (x[i + j] - y[i + j]) * (x[i + j] - y[i + j]);
    for (; i < n; i++) s[0] += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(s[0] + s[1] + (s[2] + s[3]));
}

status gp_init(struct gp *g, int dimensions, double noise)
{
    *g = (struct gp){.dimensions = dimensions, .noise = noise, .jitter = noise, .scale = 1};
    openblas_set_num_threads(1);
    if (dimensions < 1 || !(noise > 0) || !isfinite(noise))
        return fault(ST_USAGE, "Gaussian process: %d dimensions, noise %g", dimensions, noise);
    return ST_OK;
}

void gp_fini(struct gp *g)
{
    mem_free(g->x);
    mem_free(g->y);
    mem_free(g->distance);
    mem_free(g->L);
    mem_free(g->alpha);
    *g = (struct gp){0};
}

static status grow(struct gp *g)
{
    size_t n = (size_t)g->points + 1;

    TRY(mem_grow(&g->x, &g->x_room, n * (size_t)g->dimensions, sizeof *g->x));
    TRY(mem_grow(&g->y, &g->y_room, n, sizeof *g->y));
    TRY(mem_grow(&g->alpha, &g->alpha_room, n, sizeof *g->alpha));
    TRY(mem_grow(&g->distance, &g->distance_room, n * n, sizeof *g->distance));
    return mem_grow(&g->L, &g->L_room, n * n, sizeof *g->L);
}

status gp_add(struct gp *g, const double *x, double y)
{
    int d = g->dimensions, finite = isfinite(y);

    for (int i = 0; i < d; i++) finite = finite && isfinite(x[i]);
    if (!finite) return fault(ST_NUMBER, "Gaussian process: an observation that is not finite");
    TRY(grow(g));
    memcpy(g->x + (int64_t)g->points * d, x, (size_t)d * sizeof *x);
    g->y[g->points++] = y;
    return ST_OK;
}

/* ---- posterior --------------------------------------------------------------------------------------------------- */

static void normalise(struct gp *g)
{
    double s = 0;

    g->mean = 0;
    for (int i = 0; i < g->points; i++) g->mean += g->y[i];
    g->mean /= g->points;
    for (int i = 0; i < g->points; i++) s += (g->y[i] - g->mean) * (g->y[i] - g->mean);
    g->deviation = sqrt(s / g->points);
    if (!(g->deviation > 10 * DBL_EPSILON * fabs(g->mean)) || !isfinite(g->deviation)) g->deviation = 1;
}

/* Lower triangle. */
static void measure_distances(struct gp *g)
{
    int64_t n = g->points, d = g->dimensions;

    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j; i < n; i++) g->distance[i + j * n] = distance_between(g->x + i * d, g->x + j * d, (int)d);
}

/* L, alpha and the likelihood of a scale; -INFINITY where the matrix is not positive. */
static double factorise(struct gp *g, double scale, double jitter)
{
    int n = g->points;
    double fit = 0, log_root = 0, least = 1;

    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j; i < n; i++) g->L[i + j * n] = kernel(g->distance[i + j * n], scale);
    for (int64_t i = 0; i < n; i++) {
        g->L[i + i * n] += jitter;
        g->alpha[i] = (g->y[i] - g->mean) / g->deviation;
    }
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', n, g->L, n) != 0) return -INFINITY;
    for (int64_t i = 0; i < n; i++) least = fmin(least, g->L[i + i * n]);
    if (least * least < PIVOT_LEAST) return -INFINITY; /* what is left is too much rounding error */
    if (LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'L', n, 1, g->L, n, g->alpha, n) != 0) return -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        fit += (g->y[i] - g->mean) / g->deviation * g->alpha[i];
        log_root += log(g->L[i + i * n]);
    }
    fit = -0.5 * fit - log_root - 0.5 * n * log(TWO_PI);
    return isfinite(fit) ? fit : -INFINITY;
}

static status measure_points(struct gp *g)
{
    if (g->points == 0) return fault(ST_USAGE, "Gaussian process: no observations");
    normalise(g);
    measure_distances(g);
    return ST_OK;
}

/* More on the diagonal, tenfold each time, until the matrix can be factorised. */
static status settle(struct gp *g, double scale)
{
    g->scale = scale;
    for (g->jitter = g->noise; g->jitter <= 1; g->jitter *= 10) {
        g->likelihood = factorise(g, scale, g->jitter);
        if (isfinite(g->likelihood)) return ST_OK;
    }
    return fault(ST_NUMBER, "Gaussian process: the kernel matrix of %d points is singular", g->points);
}

status gp_condition(struct gp *g, double scale)
{
    TRY(measure_points(g));
    return settle(g, scale);
}

/* The best of SCAN places, then the golden section between its neighbours. Of equal places (a plateau where the
 * points do not see each other) the smoothest wins. */
status gp_fit(struct gp *g)
{
    const double golden = 0.61803398874989484820;
    const double first = log(SCALE_LEAST), step = log(SCALE_MOST / SCALE_LEAST) / (SCAN - 1);
    double best = -INFINITY, left, right, a, b, at_a, at_b;
    int where = -1;

    TRY(measure_points(g));
    for (int i = 0; i < SCAN; i++) {
        double value = factorise(g, exp(first + i * step), g->noise);

        if (isfinite(value) && value >= best) {
            best = value;
            where = i;
        }
    }
    if (where < 0) return settle(g, SCALE_LEAST);
    left = first + (where > 0 ? where - 1 : where) * step;
    right = first + (where < SCAN - 1 ? where + 1 : where) * step;
    a = right - golden * (right - left);
    b = left + golden * (right - left);
    at_a = factorise(g, exp(a), g->noise);
    at_b = factorise(g, exp(b), g->noise);
    for (int i = 0; i < REFINE && right - left > 1e-7; i++) {
        if (at_a > at_b) {
            right = b;
            b = a;
            at_b = at_a;
            a = right - golden * (right - left);
            at_a = factorise(g, exp(a), g->noise);
        } else {
            left = a;
            a = b;
            at_a = at_b;
            b = left + golden * (right - left);
            at_b = factorise(g, exp(b), g->noise);
        }
    }
    if (fmax(at_a, at_b) < best) return settle(g, exp(first + where * step));
    return settle(g, exp(at_a > at_b ? a : b));
}

/* ---- prediction -------------------------------------------------------------------------------------------------- */

/* At most CHUNK points at a time; k (points,CHUNK) column-major. */
static void predict_chunk(const struct gp *g, int count, const double *x, double *k, double *mean, double *deviation)
{
    int n = g->points, d = g->dimensions;

    for (int64_t j = 0; j < count; j++) {
        for (int64_t i = 0; i < n; i++) k[i + j * n] = kernel(distance_between(g->x + i * d, x + j * d, d), g->scale);
        mean[j] = g->mean + g->deviation * cblas_ddot(n, k + j * n, 1, g->alpha, 1);
    }
    if (!deviation) return;
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, count, 1.0, g->L, n, k, n);
    for (int64_t j = 0; j < count; j++)
        deviation[j] = g->deviation * sqrt(fmax(0, 1 - cblas_ddot(n, k + j * n, 1, k + j * n, 1)));
}

status gp_predict(const struct gp *g, int count, const double *x, double *mean, double *deviation)
{
    double *k;

    TRY(mem_alloc((size_t)g->points * CHUNK, sizeof *k, &k));
    for (int first = 0; first < count; first += CHUNK) {
        int left = count - first < CHUNK ? count - first : CHUNK;

        predict_chunk(g, left, x + (int64_t)first * g->dimensions, k, mean + first,
                      deviation ? deviation + first : NULL);
    }
    mem_free(k);
    return ST_OK;
}

/* dk/dx = -5/(3 scale^2) (1 + a) exp(-a) (x - x_i). */
void gp_slope(const struct gp *g, const double *x, double *work, double *mean, double *deviation, double *d_mean,
              double *d_deviation)
{
    int n = g->points, d = g->dimensions;
    double *k = work, *solved = work + n, *slope = work + 2 * (int64_t)n, variance;

    for (int64_t i = 0; i < n; i++) {
        double far = distance_between(g->x + i * d, x, d), a = SQRT5 * far / g->scale;

        k[i] = solved[i] = kernel(far, g->scale);
        slope[i] = -5 / (3 * g->scale * g->scale) * (1 + a) * exp(-a);
    }
    cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, g->L, n, solved, 1);
    variance = fmax(0, 1 - cblas_ddot(n, solved, 1, solved, 1));
    cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, g->L, n, solved, 1);
    *mean = g->mean + g->deviation * cblas_ddot(n, k, 1, g->alpha, 1);
    *deviation = g->deviation * sqrt(variance);
    memset(d_mean, 0, (size_t)d * sizeof *d_mean);
    memset(d_deviation, 0, (size_t)d * sizeof *d_deviation);
    for (int64_t i = 0; i < n; i++) {
        double to_mean = g->deviation * g->alpha[i] * slope[i];
        double to_deviation = variance > 1e-14 ? -g->deviation * solved[i] * slope[i] / sqrt(variance) : 0;

        for (int j = 0; j < d; j++) {
            double apart = x[j] - g->x[i * d + j];

            d_mean[j] += to_mean * apart;
            d_deviation[j] += to_deviation * apart;
        }
    }
}

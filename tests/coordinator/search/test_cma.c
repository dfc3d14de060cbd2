/* CMA-ES on functions with known minima, replayed, in a box, and with losses and shapes that could break it. How many
 * evaluations it needs beside pycma is measured by tests/bench/compare_search.py. */
#include "coordinator/search/cma.h"

#include <math.h>
#include <string.h>

#include "coordinator/search/box.h"
#include "tests/support/functions.h"
#include "tests/support/support.h"

enum { N = 8, MOST = 64 };

static struct cma *start(const double *mean, double sigma, double lower, double upper, uint64_t seed)
{
    struct cma_options o = {
        .n = N, .sigma = sigma, .start = mean, .lower = lower, .upper = upper, .key = random_seed(seed, RANDOM_SEARCH)};
    struct cma *c;

    assert_int_equal(cma_new(&o, &c), ST_OK);
    assert_in_range(cma_population(c), 4, MOST);
    return c;
}

/* Evaluations until target; fails the test after limit. */
static int minimise(struct cma *c, const char *function, double target, int limit)
{
    static double x[MOST][N];
    double loss[MOST], best = INFINITY;
    int used = 0;

    while (best > target) {
        if (used > limit) fail_msg("%s: %g after %d evaluations", function, best, used);
        assert_int_equal(cma_ask(c, &x[0][0]), ST_OK);
        for (int k = 0; k < cma_population(c); k++) {
            loss[k] = function_value(function, N, x[k]);
            if (loss[k] < best) best = loss[k];
        }
        used += cma_population(c);
        assert_int_equal(cma_tell(c, loss), ST_OK);
    }
    return used;
}

static void finds_minima(void **state)
{
    static const struct {
        const char *function;
        double at, sigma;
        int limit;
    } CASES[] = {{"sphere", 1, 0.5, 2600}, {"ellipsoid", 3, 1, 6000}, {"rosenbrock", 0, 0.1, 9000}};

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        double mean[N], loss;
        struct cma *c;

        for (int j = 0; j < N; j++) mean[j] = CASES[i].at;
        c = start(mean, CASES[i].sigma, -INFINITY, INFINITY, 8);
        minimise(c, CASES[i].function, 1e-10, CASES[i].limit);
        assert_true(function_value(CASES[i].function, N, cma_best(c, &loss)) == loss && loss <= 1e-10);
        cma_destroy(&c);
    }
}

/* Told the same losses, another object asks for the same points, bit for bit. */
static void replays(void **state)
{
    double mean[N] = {1, 2, 3}, x[2][MOST][N], loss[MOST];
    struct cma *a = start(mean, 0.7, -5, 5, 13), *b = start(mean, 0.7, -5, 5, 13), *other = start(mean, 0.7, -5, 5, 14);

    (void)state;
    for (int g = 0; g < 60; g++) {
        assert_int_equal(cma_ask(a, &x[0][0][0]), ST_OK);
        assert_int_equal(cma_ask(a, &x[0][0][0]), ST_OK);
        assert_int_equal(cma_ask(b, &x[1][0][0]), ST_OK);
        assert_memory_equal(x[0], x[1], (size_t)cma_population(a) * sizeof x[0][0]);
        if (g == 0) {
            assert_int_equal(cma_ask(other, &x[1][0][0]), ST_OK);
            assert_memory_not_equal(x[0], x[1], sizeof x[0][0]);
        }
        for (int k = 0; k < cma_population(a); k++) loss[k] = function_value("rastrigin", N, x[0][k]);
        assert_int_equal(cma_tell(a, loss), ST_OK);
        assert_int_equal(cma_tell(b, loss), ST_OK);
    }
    assert_true(cma_sigma(a) == cma_sigma(b));
    cma_destroy(&a);
    cma_destroy(&b);
    cma_destroy(&other);
}

/* The minimum of the sphere lies outside the box: the corner is found, and no point ever leaves. */
static void stays_in_the_box(void **state)
{
    double mean[N], x[MOST][N], loss[MOST], best;
    struct cma *c;

    (void)state;
    for (int i = 0; i < N; i++) mean[i] = 1 + 0.25 * i;
    c = start(mean, 2, 1, 3, 21);
    for (int g = 0; g < 300; g++) {
        assert_int_equal(cma_ask(c, &x[0][0]), ST_OK);
        for (int k = 0; k < cma_population(c); k++) {
            for (int i = 0; i < N; i++) assert_true(x[k][i] >= 1 && x[k][i] <= 3);
            loss[k] = function_value("sphere", N, x[k]);
        }
        assert_int_equal(cma_tell(c, loss), ST_OK);
    }
    cma_best(c, &best);
    assert_true(fabs(best - N) < 1e-6);
    cma_mean(c, mean);
    for (int i = 0; i < N; i++) assert_true(fabs(mean[i] - 1) < 1e-3);
    cma_destroy(&c);
}

static void box_folds(void **state)
{
    static const double BOXES[][2] = {{-5, 5}, {1, 3}, {0, 0.01}, {-INFINITY, 2}, {0, INFINITY}};

    (void)state;
    for (size_t i = 0; i < sizeof BOXES / sizeof *BOXES; i++) {
        struct box b;

        box_init(&b, BOXES[i][0], BOXES[i][1]);
        for (double x = -40; x < 40; x += 0.37) {
            double folded = box_fold(&b, x), again = box_fold(&b, box_unfold(&b, folded));

            assert_true(folded >= BOXES[i][0] && folded <= BOXES[i][1]);
            assert_true(fabs(again - folded) < 1e-9);
            assert_true(fabs(box_fold(&b, x + 1e-7) - folded) < 1.5e-7);
        }
    }
}

/* Losses that are not numbers, now and then or for whole generations, never reach the mean. */
static void losses_that_are_none(void **state)
{
    double mean[N], x[MOST][N], loss[MOST], best, sigma;
    struct cma *c;

    (void)state;
    for (int i = 0; i < N; i++) mean[i] = 1;
    c = start(mean, 0.5, -INFINITY, INFINITY, 42);
    sigma = cma_sigma(c);
    assert_int_equal(cma_ask(c, &x[0][0]), ST_OK);
    for (int k = 0; k < cma_population(c); k++) loss[k] = k % 2 ? NAN : -INFINITY;
    assert_int_equal(cma_tell(c, loss), ST_OK);
    assert_null(cma_best(c, NULL));
    assert_true(cma_sigma(c) == sigma / 2);
    for (int g = 0; g < 400; g++) {
        assert_int_equal(cma_ask(c, &x[0][0]), ST_OK);
        for (int k = 0; k < cma_population(c); k++)
            loss[k] = (g + k) % 4 == 0 ? NAN : (g + k) % 7 == 0 ? INFINITY : function_value("sphere", N, x[k]);
        if (g % 50 == 3)
            for (int k = 1; k < cma_population(c); k++) loss[k] = NAN;
        assert_int_equal(cma_tell(c, loss), ST_OK);
    }
    cma_best(c, &best);
    assert_true(best >= 0 && best < 1e-8);
    cma_destroy(&c);
}

/* A sharp ridge, then a flat function, then one that overflows: the covariance stays positive and samples stay
 * finite. */
static void shapes_that_break_matrices(void **state)
{
    double mean[N], x[MOST][N], loss[MOST];
    struct cma *c;

    (void)state;
    for (int i = 0; i < N; i++) mean[i] = 1;
    c = start(mean, 1, -INFINITY, INFINITY, 100);
    for (int g = 0; g < 3000; g++) {
        assert_int_equal(cma_ask(c, &x[0][0]), ST_OK);
        for (int k = 0; k < cma_population(c); k++) {
            assert_true(isfinite(x[k][0]));
            loss[k] = g < 1500 ? x[k][0] + 1e12 * fabs(x[k][1]) : g < 2000 ? 7 : -x[k][2] * x[k][2];
        }
        assert_int_equal(cma_tell(c, loss), ST_OK);
        assert_true(cma_condition(c) <= 1.0001e14);
        if (cma_sigma(c) > 1e100) break;
    }
    cma_destroy(&c);
}

static void says_when_to_stop(void **state)
{
    double mean[N], x[MOST][N], loss[MOST];
    struct cma *c;
    int g;

    (void)state;
    for (int i = 0; i < N; i++) mean[i] = 1;
    c = start(mean, 1, -INFINITY, INFINITY, 5);
    for (g = 0; g < 1000 && cma_stop(c) == CMA_GOES_ON; g++) {
        assert_int_equal(cma_ask(c, &x[0][0]), ST_OK);
        for (int k = 0; k < cma_population(c); k++) loss[k] = 1;
        assert_int_equal(cma_tell(c, loss), ST_OK);
    }
    assert_in_range(g, 10, 60);
    assert_int_equal(cma_stop(c), CMA_NO_PROGRESS);
    cma_destroy(&c);
}

static void refusals(void **state)
{
    double mean[N] = {0}, loss[MOST] = {0};
    struct cma_options good = {.n = N, .sigma = 1, .start = mean, .lower = -1, .upper = 1}, o;
    struct cma *c;

    (void)state;
    o = good;
    o.n = 1;
    assert_int_equal(cma_new(&o, &c), ST_USAGE);
    o = good;
    o.sigma = NAN;
    assert_int_equal(cma_new(&o, &c), ST_USAGE);
    o = good;
    o.population = 2;
    assert_int_equal(cma_new(&o, &c), ST_USAGE);
    o = good;
    o.lower = 0.5;
    assert_int_equal(cma_new(&o, &c), ST_USAGE);
    o = good;
    o.upper = -2;
    assert_int_equal(cma_new(&o, &c), ST_USAGE);
    assert_null(c);
    assert_int_equal(cma_new(&good, &c), ST_OK);
    assert_int_equal(cma_tell(c, loss), ST_SYSTEM);
    cma_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_minima),         cmocka_unit_test(replays),
        cmocka_unit_test(stays_in_the_box),     cmocka_unit_test(box_folds),
        cmocka_unit_test(losses_that_are_none), cmocka_unit_test(shapes_that_break_matrices),
        cmocka_unit_test(says_when_to_stop),    cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The Gaussian process beside stored results of scikit-learn (tests/reference/search/make_gp.py), and what must not
 * break it. */
#include "coordinator/search/gp.h"

#include <math.h>
#include <stdio.h>

#include "cluster/base/random.h"
#include "tests/support/support.h"

enum { MOST = 32 };

static void close_to(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance * fmax(1, fabs(expected))))
        fail_msg("found %.17g, expected %.17g (%g apart)", got, expected, fabs(got - expected));
}

static double number(FILE *f)
{
    double x;

    assert_int_equal(fscanf(f, "%lf", &x), 1);
    return x;
}

/* 0: no more cases. */
static int next_case(FILE *f)
{
    int points, n, places, fitted;
    double scale, likelihood, x[MOST], mean, deviation;
    struct gp g;

    if (fscanf(f, "%d %d %lf %lf %d %d", &points, &n, &scale, &likelihood, &places, &fitted) != 6) return 0;
    assert_in_range(n, 1, MOST);
    assert_int_equal(gp_init(&g, n, 1e-6), ST_OK);
    for (int i = 0; i < points; i++) {
        for (int j = 0; j < n; j++) x[j] = number(f);
        assert_int_equal(gp_add(&g, x, number(f)), ST_OK);
    }
    if (fitted) {
        assert_int_equal(gp_fit(&g), ST_OK);
        assert_true(g.likelihood >= likelihood - 1e-8);
        close_to(g.scale, scale, 1e-3);
    }
    assert_int_equal(gp_condition(&g, scale), ST_OK);
    close_to(g.likelihood, likelihood, 1e-8);
    for (int i = 0; i < places; i++) {
        for (int j = 0; j < n; j++) x[j] = number(f);
        assert_int_equal(gp_predict(&g, 1, x, &mean, &deviation), ST_OK);
        close_to(mean, number(f), 1e-8);
        close_to(deviation, number(f), 1e-8);
    }
    gp_fini(&g);
    return 1;
}

static void beside_scikit_learn(void **state)
{
    FILE *f = fopen(TEST_SOURCE_DIR "/tests/reference/search/gp.txt", "r");
    int cases = 0;

    (void)state;
    assert_non_null(f);
    while (next_case(f)) cases++;
    fclose(f);
    assert_int_equal(cases, 6);
}

static void some_points(struct gp *g, int points, int n)
{
    struct random_key key = random_seed(3, RANDOM_SEARCH);

    assert_int_equal(gp_init(g, n, 1e-6), ST_OK);
    for (int i = 0; i < points; i++) {
        double x[MOST], y = 0;

        for (int j = 0; j < n; j++) {
            x[j] = 4 * random_uniform(key, (uint64_t)(i * n + j)) - 2;
            y += sin(x[j]) * (j + 1);
        }
        assert_int_equal(gp_add(g, x, y), ST_OK);
    }
}

static void slopes_are_those_of_differences(void **state)
{
    double x[3] = {0.3, -0.8, 1.1}, work[3 * 20], mean, deviation, d_mean[3], d_deviation[3], h = 1e-6;
    struct gp g;

    (void)state;
    some_points(&g, 20, 3);
    assert_int_equal(gp_condition(&g, 1.7), ST_OK);
    gp_slope(&g, x, work, &mean, &deviation, d_mean, d_deviation);
    for (int i = 0; i < 3; i++) {
        double low[2], high[2], at = x[i];

        x[i] = at - h;
        assert_int_equal(gp_predict(&g, 1, x, &low[0], &low[1]), ST_OK);
        x[i] = at + h;
        assert_int_equal(gp_predict(&g, 1, x, &high[0], &high[1]), ST_OK);
        x[i] = at;
        close_to(d_mean[i], (high[0] - low[0]) / (2 * h), 1e-6);
        close_to(d_deviation[i], (high[1] - low[1]) / (2 * h), 1e-6);
    }
    gp_fini(&g);
}

/* More places than a chunk holds: the same bits as one by one. */
static void many_places_at_once(void **state)
{
    enum { PLACES = 300 };
    static double x[PLACES][2], mean[PLACES], deviation[PLACES];
    struct random_key key = random_seed(4, RANDOM_SEARCH);
    struct gp g;

    (void)state;
    some_points(&g, 30, 2);
    assert_int_equal(gp_fit(&g), ST_OK);
    for (uint64_t i = 0; i < 2 * PLACES; i++) x[i / 2][i % 2] = random_normal(key, i);
    assert_int_equal(gp_predict(&g, PLACES, &x[0][0], mean, deviation), ST_OK);
    for (int i = 0; i < PLACES; i += 37) {
        double one, spread;

        assert_int_equal(gp_predict(&g, 1, x[i], &one, &spread), ST_OK);
        close_to(one, mean[i], 1e-12);
        close_to(spread, deviation[i], 1e-7);
    }
    gp_fini(&g);
}

/* The same point over and over: the kernel matrix is singular to rounding, more so with no noise to speak of. The way
 * out must not depend on how the BLAS at hand rounds. */
static void repeated_points(void **state)
{
    double x[2] = {0.5, -0.5}, far[2] = {4, 4}, mean, deviation;
    struct gp g;

    (void)state;
    assert_int_equal(gp_init(&g, 2, 1e-18), ST_OK);
    for (int i = 0; i < 50; i++) assert_int_equal(gp_add(&g, x, i % 2), ST_OK);
    assert_int_equal(gp_fit(&g), ST_OK);
    assert_int_equal(gp_condition(&g, 1.0), ST_OK);
    assert_true(g.jitter > g.noise);
    assert_int_equal(gp_predict(&g, 1, x, &mean, &deviation), ST_OK);
    close_to(mean, 0.5, 1e-6);
    assert_int_equal(gp_predict(&g, 1, far, &mean, &deviation), ST_OK);
    assert_true(isfinite(mean) && deviation > 0);
    gp_fini(&g);
}

/* One value everywhere: nothing to normalise by. */
static void constant_values(void **state)
{
    double x[1], mean, deviation;
    struct gp g;

    (void)state;
    assert_int_equal(gp_init(&g, 1, 1e-6), ST_OK);
    for (int i = 0; i < 5; i++) {
        x[0] = i;
        assert_int_equal(gp_add(&g, x, 1e9), ST_OK);
    }
    assert_int_equal(gp_fit(&g), ST_OK);
    assert_int_equal(gp_predict(&g, 1, x, &mean, &deviation), ST_OK);
    close_to(mean, 1e9, 1e-9);
    assert_true(isfinite(deviation));
    gp_fini(&g);
}

static void refusals(void **state)
{
    double x[2] = {0, NAN};
    struct gp g;

    (void)state;
    assert_int_equal(gp_init(&g, 0, 1e-6), ST_USAGE);
    assert_int_equal(gp_init(&g, 2, 0), ST_USAGE);
    assert_int_equal(gp_init(&g, 2, 1e-6), ST_OK);
    assert_int_equal(gp_fit(&g), ST_USAGE);
    assert_int_equal(gp_add(&g, x, 0), ST_NUMBER);
    x[1] = 0;
    assert_int_equal(gp_add(&g, x, INFINITY), ST_NUMBER);
    assert_int_equal(g.points, 0);
    gp_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beside_scikit_learn), cmocka_unit_test(slopes_are_those_of_differences),
        cmocka_unit_test(many_places_at_once), cmocka_unit_test(repeated_points),
        cmocka_unit_test(constant_values),     cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Bayesian optimisation finds known minima, is replayed from its losses, and bears losses that are no numbers.
 * Beside the Python package it is measured by tests/bench/compare_search.py. */
#include "coordinator/search/bayes.h"

#include <math.h>

#include "tests/support/functions.h"
#include "tests/support/support.h"

static struct bayes *start(int n, int random, uint64_t seed)
{
    struct bayes_options o = {.n = n,
                              .lower = 0,
                              .upper = 1,
                              .random = random,
                              .kappa = 2,
                              .looks = 1000,
                              .starts = 4,
                              .key = random_seed(seed, RANDOM_SEARCH)};
    struct bayes *b;

    assert_int_equal(bayes_new(&o, &b), ST_OK);
    return b;
}

static void finds_branin(void **state)
{
    struct bayes *b = start(2, 5, 8);
    double x[2], loss;

    (void)state;
    for (int i = 0; i < 35; i++) {
        assert_int_equal(bayes_ask(b, x), ST_OK);
        assert_true(x[0] >= 0 && x[0] <= 1 && x[1] >= 0 && x[1] <= 1);
        assert_int_equal(bayes_tell(b, function_value("branin", 2, x)), ST_OK);
    }
    bayes_point(b, bayes_best(b), &loss);
    assert_true(loss < 0.3979 + 0.01);
    assert_int_equal(bayes_count(b), 35);
    bayes_destroy(&b);
}

/* More dimensions than it can learn anything about, as with a deep router: still points of the box, all different. */
static void many_dimensions(void **state)
{
    struct bayes *b = start(192, 20, 13);
    double x[192];

    (void)state;
    for (int i = 0; i < 24; i++) {
        double loss = 0;

        assert_int_equal(bayes_ask(b, x), ST_OK);
        for (int j = 0; j < 192; j++) loss += (x[j] - 0.3) * (x[j] - 0.3);
        for (int k = 0; k < i; k++) {
            const double *before = bayes_point(b, k, NULL);
            int same = 1;

            for (int j = 0; j < 192; j++) same = same && before[j] == x[j];
            assert_false(same);
        }
        assert_int_equal(bayes_tell(b, loss), ST_OK);
    }
    bayes_destroy(&b);
}

static void replays(void **state)
{
    struct bayes *a = start(2, 4, 21), *b = start(2, 4, 21);
    double x[2], y[2], losses[10];

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(bayes_ask(a, x), ST_OK);
        bayes_random(b, i, y);
        if (i < 4) assert_memory_equal(x, y, sizeof x);
        else assert_memory_not_equal(x, y, sizeof x);
        losses[i] = i == 6 ? NAN : function_value("branin", 2, x);
        assert_int_equal(bayes_tell(a, losses[i]), ST_OK);
    }
    for (int i = 0; i < 10; i++) {
        assert_int_equal(bayes_ask(b, y), ST_OK);
        assert_memory_equal(y, bayes_point(a, i, NULL), sizeof y);
        assert_int_equal(bayes_tell(b, losses[i]), ST_OK);
    }
    bayes_destroy(&a);
    bayes_destroy(&b);
}

static void losses_that_are_none(void **state)
{
    struct bayes *b = start(2, 2, 42);
    double x[2], loss;

    (void)state;
    assert_int_equal(bayes_best(b), -1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(bayes_ask(b, x), ST_OK);
        assert_int_equal(bayes_tell(b, i % 2 ? NAN : INFINITY), ST_OK);
    }
    assert_int_equal(bayes_best(b), -1);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(bayes_ask(b, x), ST_OK);
        assert_int_equal(bayes_tell(b, i == 3 ? NAN : i < 6 ? 1.0 : 0.5), ST_OK);
    }
    assert_int_equal(bayes_best(b), 10);
    bayes_point(b, 10, &loss);
    assert_true(loss == 0.5);
    assert_int_equal(bayes_tell(b, 0), ST_SYSTEM);
    bayes_destroy(&b);
}

static void refusals(void **state)
{
    struct bayes_options good = {.n = 2, .lower = 0, .upper = 1, .random = 1, .kappa = 2}, o = good;
    struct bayes *b;

    (void)state;
    o.n = 0;
    assert_int_equal(bayes_new(&o, &b), ST_USAGE);
    o = good;
    o.upper = INFINITY;
    assert_int_equal(bayes_new(&o, &b), ST_USAGE);
    o = good;
    o.random = 0;
    assert_int_equal(bayes_new(&o, &b), ST_USAGE);
    o = good;
    o.kappa = NAN;
    assert_int_equal(bayes_new(&o, &b), ST_USAGE);
    assert_null(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_branin),         cmocka_unit_test(many_dimensions), cmocka_unit_test(replays),
        cmocka_unit_test(losses_that_are_none), cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

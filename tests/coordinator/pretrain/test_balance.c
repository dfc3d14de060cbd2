/* The factor is one over the root of the running mean of a task's own squares, the first visit included; tasks do not
 * see one another, and looking changes nothing. */
#include "coordinator/pretrain/balance.h"

#include <math.h>

#include "tests/support/support.h"

static void test_weight(void **state)
{
    struct balance *b;
    double mean;

    (void)state;
    assert_int_equal(balance_new(2, &b), ST_OK);
    for (int i = 0; i < 2; i++) assert_true(fabs(balance_weight(b, 0, 16.0) - 0.25) < 1e-12);
    balance_add(b, 0, 16.0);
    assert_true(fabs(balance_weight(b, 0, 16.0) - 0.25) < 1e-12);
    mean = (0.95 * 0.05 * 16.0 + 0.05 * 4.0) / (1.0 - 0.95 * 0.95);
    assert_true(fabs(balance_weight(b, 0, 4.0) - 1.0 / sqrt(mean)) < 1e-12);
    assert_true(fabs(balance_weight(b, 1, 4.0) - 0.5) < 1e-12);
    assert_true(balance_weight(b, 1, 0.0) == 1.0);
    balance_destroy(&b);
    assert_null(b);
}

/* What a task's size was is forgotten in some fifty visits. */
static void test_follows(void **state)
{
    struct balance *b;

    (void)state;
    assert_int_equal(balance_new(1, &b), ST_OK);
    for (int i = 0; i < 100; i++) balance_add(b, 0, 1.0);
    for (int i = 0; i < 100; i++) balance_add(b, 0, 100.0);
    assert_true(fabs(balance_weight(b, 0, 100.0) - 0.1) < 1e-3);
    balance_destroy(&b);
}

static void test_square(void **state)
{
    float x[21];

    (void)state;
    for (int i = 0; i < 21; i++) x[i] = (float)i;
    assert_true(balance_square(x, 21) == 20.0 * 21.0 * 41.0 / 6.0);
    assert_true(balance_square(x, 0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weight), cmocka_unit_test(test_follows),
                                       cmocka_unit_test(test_square)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

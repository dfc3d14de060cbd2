/* A rate that steps exceed is measured again, and is what they reach when that does not help. */
#include "tests/support/support.h"

#include "coordinator/pretrain/rate_watch.h"

/* Steps of one second until it is to be measured again; how many. */
static int steps_until(struct rate_watch *w, double flops, int most)
{
    for (int i = 1; i <= most; i++)
        if (rate_watch_step(w, flops, 1)) return i;
    return 0;
}

static void test_below(void **state)
{
    struct rate_watch w = {.limit = 100}, unknown = {0};

    (void)state;
    assert_int_equal(steps_until(&w, 99, 1000), 0);
    assert_int_equal(steps_until(&unknown, 99, 1000), 0);
    assert_int_equal(rate_watch_step(&w, 99, 0), 0); /* a clock that stood still */
}

/* One quick step is noise; many are not. The next measurement, without the other work, is right. */
static void test_busy_start(void **state)
{
    struct rate_watch w = {.limit = 100};

    (void)state;
    steps_until(&w, 90, 100);
    assert_int_equal(rate_watch_step(&w, 200, 1), 0);
    assert_in_range(steps_until(&w, 157, 1000), 2, 30);
    assert_true(rate_watch_measured(&w, 200) == 200);
    assert_int_equal(steps_until(&w, 157, 1000), 0);
}

static void test_vain(void **state)
{
    struct rate_watch w = {.limit = 100};
    double limit = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        int steps = steps_until(&w, 150, 1000);

        assert_true(i == 0 ? steps == 1 : steps == 50); /* not in every step */
        limit = rate_watch_measured(&w, 90);            /* a lower figure is no news */
        assert_true(i < 2 ? limit == 100 : limit == 150);
    }
    assert_int_equal(steps_until(&w, 150, 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_below), cmocka_unit_test(test_busy_start),
                                       cmocka_unit_test(test_vain)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

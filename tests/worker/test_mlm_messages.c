/* Notes of several ranks, added up as MPI does it: every score and report arrives with its bits, whoever wrote it. */
#include "worker/mlm_messages.h"

#include <math.h>

#include "tests/support/support.h"

enum { RANKS = 3, ITEMS = 5 };

static void adding_up_keeps_bits(void **state)
{
    struct mlm_reports ranks[RANKS] = {{0}}, sum = {0};
    double expected = 0, seconds, sent, memory;
    struct mlm_score total;

    (void)state;
    assert_int_equal(mlm_reports_begin(&sum, ITEMS, RANKS - 1), ST_OK);
    for (int r = 0; r < RANKS; r++) assert_int_equal(mlm_reports_begin(&ranks[r], ITEMS, RANKS - 1), ST_OK);
    for (int i = 0; i < ITEMS; i++) {
        struct mlm_score score = {-exp(i) / 3, 10 + i, i};

        mlm_reports_put_score(&ranks[1 + i % 2], i, &score);
        expected += score.loss;
    }
    for (int w = 0; w < RANKS - 1; w++) mlm_reports_put_worker(&ranks[w + 1], w, 0.25 + w, 1e6 * (w + 1), 3e9);
    for (int r = 0; r < RANKS; r++)
        for (int j = 0; j < mlm_reports_count(&sum); j++) sum.values[j] += ranks[r].values[j];
    total = mlm_reports_total(&sum);
    assert_true(total.loss == expected);
    assert_int_equal(total.targets, 10 + 11 + 12 + 13 + 14);
    assert_int_equal(total.correct, 10);
    for (int w = 0; w < RANKS - 1; w++) {
        mlm_reports_worker(&sum, w, &seconds, &sent, &memory);
        assert_true(fabs(seconds - 0.25 - w) < 1e-9 && sent == 1e6 * (w + 1) && memory == 3e9);
    }
    for (int r = 0; r < RANKS; r++) mlm_reports_fini(&ranks[r]);
    mlm_reports_fini(&sum);
}

/* The second use is as empty as the first, and needs no memory where it is no larger. */
static void beginning_again(void **state)
{
    struct mlm_reports n = {0};
    const int64_t *before;

    (void)state;
    assert_int_equal(mlm_reports_begin(&n, ITEMS, 1), ST_OK);
    mlm_reports_put_score(&n, 4, &(struct mlm_score){1, 2, 3});
    before = n.values;
    assert_int_equal(mlm_reports_begin(&n, ITEMS, 1), ST_OK);
    assert_ptr_equal(n.values, before);
    assert_int_equal(mlm_reports_total(&n).targets, 0);
    mlm_reports_fini(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(adding_up_keeps_bits), cmocka_unit_test(beginning_again)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Token-bag F1 on cases worked out by hand. */
#include "tests/support/support.h"

#include <math.h>

#include "coordinator/data/answer.h"

static void test_bags(void **state)
{
    static const int32_t one[] = {5, 6, 7}, two[] = {7, 5, 9, 5}, three[] = {8};
    const struct gold gold[] = {{one, 3}, {three, 1}};

    (void)state;
    assert_true(answer_f1(one, 3, gold, 2) == 1.0);
    assert_true(fabs(answer_f1(two, 4, gold, 1) - 4.0 / 7.0) < 1e-12);   /* 5 and 7 are common, the second 5 is not */
    assert_true(answer_f1(three, 1, gold, 1) == 0.0);
    assert_true(answer_f1(three, 1, gold, 2) == 1.0);
    assert_true(answer_f1(one, 0, gold, 2) == 0.0);
    assert_true(answer_f1(one, 0, gold, 0) == 1.0);
    assert_true(answer_f1(one, 1, gold, 0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bags)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

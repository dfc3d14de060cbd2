/* Token-bag F1 against values worked out by hand. */
#include "tests/support/support.h"

#include "coordinator/data/answer.h"

static void test_f1(void **state)
{
    const int32_t a[] = {1, 2, 2, 3}, b[] = {2, 2, 2}, c[] = {7};
    const struct gold one = {b, 3}, two[] = {{c, 1}, {b, 3}}, empty = {a, 0};

    (void)state;
    assert_float_equal(answer_f1(a, 4, &one, 1), 4.0 / 7, 1e-15);   /* 2 in common: precision 2/4, recall 2/3 */
    assert_float_equal(answer_f1(a, 4, two, 2), 4.0 / 7, 1e-15);
    assert_float_equal(answer_f1(a, 4, two, 1), 0, 1e-15);
    assert_float_equal(answer_f1(b, 3, two, 2), 1, 1e-15);
    assert_float_equal(answer_f1(b, 2, &one, 1), 0.8, 1e-15);
    assert_float_equal(answer_f1(NULL, 0, &one, 1), 0, 1e-15);
    assert_float_equal(answer_f1(NULL, 0, NULL, 0), 1, 1e-15);
    assert_float_equal(answer_f1(a, 1, NULL, 0), 0, 1e-15);
    assert_float_equal(answer_f1(a, 1, &empty, 1), 0, 1e-15);
}

static void test_exact(void **state)
{
    const int32_t a[] = {1, 2}, b[] = {2, 1};
    const struct gold gold[] = {{b, 2}, {a, 2}};

    (void)state;
    assert_int_equal(answer_exact(a, 2, gold, 2), 1);
    assert_int_equal(answer_exact(a, 2, gold, 1), 0);
    assert_int_equal(answer_exact(a, 1, gold, 2), 0);
    assert_int_equal(answer_exact(NULL, 0, NULL, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f1), cmocka_unit_test(test_exact)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

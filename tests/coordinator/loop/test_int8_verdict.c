/* What is made of int8 on the first examples: taken, warned of, refused. */
#include "tests/support/support.h"

#include <math.h>

#include "coordinator/loop/int8_verdict.h"

static status verdict(double cosine, double head)
{
    const struct int8_check found = {
        .loss = 1.5, .float_loss = 1.25, .cosine = cosine, .layer = 3, .head = head, .examples = 4};

    return int8_verdict(&found, "bf16", NULL, 1);
}

static void test_verdict(void **state)
{
    (void)state;
    assert_int_equal(verdict(.999, .9995), ST_OK);
    assert_int_equal(verdict(.95, .999), ST_OK);
    assert_int_equal(verdict(.999, .95), ST_OK);
    assert_int_equal(verdict(.89, .999), ST_NUMBER);
    assert_int_equal(verdict(.999, .5), ST_NUMBER);
    assert_int_equal(verdict(NAN, .999), ST_NUMBER);
    assert_int_equal(verdict(.999, NAN), ST_NUMBER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdict)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Stages one after the other, one of them empty. */
#include "coordinator/tune/stages.h"

#include "tests/support/support.h"

static void test_steps(void **state)
{
    struct stages s = {.count = 0};
    int first = -1;

    (void)state;
    assert_int_equal(stages_steps(&s), 0);
    assert_null(stages_at(&s, 1, &first));
    stages_add(&s, (struct stage){"router", 3, 1e-3, 0, 0});
    stages_add(&s, (struct stage){"nothing", 0, 0, 0, 0});
    stages_add(&s, (struct stage){"prompt", 2, 0, 1e-2, 1e-2});
    assert_int_equal(stages_steps(&s), 5);
    assert_null(stages_at(&s, 0, &first));
    for (int step = 1; step <= 5; step++) {
        const struct stage *at = stages_at(&s, step, &first);

        assert_string_equal(at->name, step <= 3 ? "router" : "prompt");
        assert_int_equal(first, step == 1 || step == 4);
    }
    assert_null(stages_at(&s, 6, &first));
}

static void test_names(void **state)
{
    struct stages s = {.count = 0};

    (void)state;
    stages_add(&s, (struct stage){"router", 1, 0, 0, 0});
    stages_add(&s, (struct stage){"prompt", 1, 0, 0, 0});
    for (int i = 1; i <= 2; i++) assert_int_equal(stages_number(&s, stages_name(&s, i)), i);
    assert_string_equal(stages_name(&s, 2), "prompt");
    assert_string_equal(stages_name(&s, 0), "start");
    assert_string_equal(stages_name(&s, 3), "start");
    assert_string_equal(stages_name(&s, -1), "start");
    assert_int_equal(stages_number(&s, "start"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

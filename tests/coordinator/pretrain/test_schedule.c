/* The schedule is a function of (seed, step, group): seeking gives what walking gave; epochs cover every row once. */
#include "tests/support/support.h"

#include <string.h>

#include "coordinator/pretrain/schedule.h"

enum { TASKS = 3, GROUPS = 2, BATCH = 5 };

static void test_epochs_are_whole(void **state)
{
    static const int64_t rows[TASKS] = {7, 3, 12};
    struct schedule *s;
    int64_t stream[TASKS][4000];
    int length[TASKS] = {0};

    (void)state;
    assert_int_equal(schedule_new(1, TASKS, GROUPS, BATCH, rows, &s), ST_OK);
    for (int64_t step = 0; step < 300; step++) {
        schedule_seek(s, step);
        for (int g = 0; g < GROUPS; g++) {
            int64_t got[BATCH];
            int t = schedule_rows(s, g, got);

            assert_int_equal(t, schedule_task(s, step, g));
            memcpy(&stream[t][length[t]], got, sizeof got);
            length[t] += BATCH;
        }
    }
    for (int t = 0; t < TASKS; t++) {
        assert_true(length[t] > 600);
        for (int i = 0; i + rows[t] <= length[t]; i += (int)rows[t]) {
            int seen = 0;
            for (int k = 0; k < rows[t]; k++) seen |= 1 << stream[t][i + k];
            assert_int_equal(seen, (1 << rows[t]) - 1);
        }
    }
    schedule_destroy(&s);
}

static void test_seek(void **state)
{
    static const int64_t rows[TASKS] = {50, 50, 50};
    struct schedule *walked, *jumped;
    int64_t a[BATCH], b[BATCH];
    double noise[6], again[6];

    (void)state;
    assert_int_equal(schedule_new(8, TASKS, GROUPS, BATCH, rows, &walked), ST_OK);
    assert_int_equal(schedule_new(8, TASKS, GROUPS, BATCH, rows, &jumped), ST_OK);
    for (int64_t step = 0; step <= 40; step++) schedule_seek(walked, step);
    schedule_seek(jumped, 70);
    schedule_seek(jumped, 40);
    for (int g = 0; g < GROUPS; g++) {
        assert_int_equal(schedule_rows(walked, g, a), schedule_rows(jumped, g, b));
        assert_memory_equal(a, b, sizeof a);
    }
    schedule_noise(walked, 40, 1, 2, 3, noise);
    schedule_noise(jumped, 40, 1, 2, 3, again);
    assert_memory_equal(noise, again, sizeof noise);
    schedule_noise(jumped, 40, 0, 2, 3, again);
    assert_memory_not_equal(noise, again, sizeof noise);
    schedule_destroy(&walked);
    schedule_destroy(&jumped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_epochs_are_whole), cmocka_unit_test(test_seek)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

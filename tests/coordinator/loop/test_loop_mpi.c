/* When the loop steps, evaluates, writes checkpoints and ends: the same order on every rank. The trainer is a stand-in
 * (adder.h). */
#include "tests/support/adder.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <unistd.h>

#include "cluster/base/log.h"

static struct comm comm;

static void open_folder(char *folder, size_t room)
{
    if (comm_is_coordinator(&comm)) test_folder(folder, room);
    assert_int_equal(comm_broadcast(&comm, folder, room, 0), ST_OK);
}

static void close_folder(const char *folder)
{
    assert_int_equal(comm_barrier(&comm), ST_OK);
    if (comm_is_coordinator(&comm)) test_folder_remove(folder);
}

static int has_checkpoint(const char *folder, const char *name)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s/state.pb", folder, name);
    return access(path, R_OK) == 0;
}

static double rises_to_four(int64_t step)
{
    return step <= 4 ? (double)step : 1;
}

/* Evaluations and checkpoints fall due by the step's number alone; the best one gets a checkpoint of its own, and keeps
 * it; a full evaluation ends a run whose others were of some rows. */
static void test_schedule(void **unused)
{
    const struct loop_options options = {
        .steps = 7, .checkpoint_every = 3, .eval_every = 2, .eval_final = 1, .eval_subset = 1, .skips = 1};
    struct loop_result result;
    struct adder a;
    char folder[256];

    (void)unused;
    open_folder(folder, sizeof folder);
    adder_init(&a, &comm);
    a.score = rises_to_four;
    assert_int_equal(adder_run(&a, folder, &options, &result), ST_OK);
    assert_string_equal(a.done, "1 2 e2 3 4 e4 5 6 e6 7 E7");
    assert_int_equal(a.sum, 28);
    assert_int_equal(result.step, 7);
    assert_int_equal(result.stopped, 0);
    if (comm_is_coordinator(&comm)) {
        assert_int_equal(result.best_step, 4);
        assert_true(result.best == 4);
        assert_true(has_checkpoint(folder, "best"));
        assert_true(has_checkpoint(folder, "step-4")); /* the best */
        assert_true(has_checkpoint(folder, "step-6"));
        assert_true(has_checkpoint(folder, "step-7"));
        assert_false(has_checkpoint(folder, "step-2")); /* was the best, and is older than the two that are kept */
        assert_false(has_checkpoint(folder, "step-3"));
    }
    adder_check_in_step(&a);
    close_folder(folder);
}

/* Skipped steps count and change nothing; too many in a row end the run, which keeps its last good state. */
static void test_skipped(void **unused)
{
    const struct loop_options options = {.steps = 6, .checkpoint_every = 100, .skips = 3};
    struct loop_result result;
    struct adder a;
    char folder[256];

    (void)unused;
    open_folder(folder, sizeof folder);
    adder_init(&a, &comm);
    a.skip_first = 2;
    a.skip_last = 3;
    assert_int_equal(adder_run(&a, folder, &options, &result), ST_OK);
    assert_string_equal(a.done, "1 (2) (3) 4 5 6");
    assert_int_equal(a.sum, 16);
    close_folder(folder);
    open_folder(folder, sizeof folder);
    adder_init(&a, &comm);
    a.skip_first = 2;
    a.skip_last = 6;
    assert_int_equal(adder_run(&a, folder, &options, &result), ST_NUMBER);
    assert_string_equal(a.done, "1 (2) (3) (4)");
    assert_int_equal(a.sum, 1);
    adder_check_in_step(&a);
    close_folder(folder);
}

/* Nothing is left to do: the run ends at once, and nothing is evaluated twice. */
static void test_nothing_left(void **unused)
{
    const struct loop_options options = {
        .steps = 4, .checkpoint_every = 4, .eval_every = 2, .eval_final = 1, .skips = 1};
    struct loop_result result;
    struct adder a;
    char folder[256];

    (void)unused;
    open_folder(folder, sizeof folder);
    adder_init(&a, &comm);
    assert_int_equal(adder_run(&a, folder, &options, &result), ST_OK);
    assert_string_equal(a.done, "1 2 e2 3 4 e4");
    adder_init(&a, &comm);
    assert_int_equal(adder_run(&a, folder, &options, &result), ST_OK);
    assert_string_equal(a.done, "");
    assert_int_equal(result.step, 4);
    adder_check_in_step(&a);
    close_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedule), cmocka_unit_test(test_skipped),
                                       cmocka_unit_test(test_nothing_left)};
    int failed;

    alarm(600); /* ranks that wait for each other for ever */
    if (comm_init(&comm) != ST_OK) return 1;
    log_init('T', comm.rank, LOG_SILENT);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

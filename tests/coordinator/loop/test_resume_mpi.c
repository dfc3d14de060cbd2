/* Where a run goes on: from its journal, to the same state; and how a replay that fails ends: on all ranks alike, with
 * no order left that nobody takes. The trainer is a stand-in (adder.h). */
#include "tests/support/adder.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/stop.h"

static struct comm comm;

static status run(struct adder *a, const char *folder, int64_t steps, int64_t checkpoint_every,
                  struct loop_result *result)
{
    const struct loop_options options = {.steps = steps, .checkpoint_every = checkpoint_every, .skips = 1};

    return adder_run(a, folder, &options, result);
}

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

/* A run whose step 5 fails: no checkpoint, steps 1 to 4 in the journal. */
static void interrupt(const char *folder)
{
    struct loop_result result;
    struct adder a;

    adder_init(&a, &comm);
    a.step_fails = 5;
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_NUMBER);
    assert_int_equal(result.step, 4);
    adder_check_in_step(&a);
}

static void test_journal_is_replayed(void **unused)
{
    struct loop_result result;
    struct adder a;
    char folder[256];

    (void)unused;
    open_folder(folder, sizeof folder);
    interrupt(folder);
    adder_init(&a, &comm);
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_OK);
    assert_int_equal(result.step, 9);
    assert_int_equal(a.replayed, 4);
    assert_int_equal(a.sum, 45);
    /* From the checkpoint of the end, nothing is replayed. */
    adder_init(&a, &comm);
    assert_int_equal(run(&a, folder, 10, 100, &result), ST_OK);
    assert_int_equal(a.replayed, 0);
    assert_int_equal(a.sum, 55);
    adder_check_in_step(&a);
    close_folder(folder);
}

/* A replayed step that fails on one rank, first or last: all ranks leave, and the next start goes on. */
static void test_replay_fails(void **unused)
{
    (void)unused;
    for (int failing = 0; failing<comm.size; failing += comm.size> 1 ? comm.size - 1 : 1) {
        struct loop_result result;
        struct adder a;
        char folder[256];

        open_folder(folder, sizeof folder);
        interrupt(folder);
        adder_init(&a, &comm);
        a.replay_fails = 3;
        a.failing = failing;
        assert_int_equal(run(&a, folder, 9, 100, &result), ST_NUMBER);
        assert_int_equal(a.replayed, 2);
        adder_check_in_step(&a);
        adder_init(&a, &comm);
        assert_int_equal(run(&a, folder, 9, 100, &result), ST_OK);
        assert_int_equal(a.sum, 45);
        close_folder(folder);
    }
}

/* The coordinator alone finds out that the journal is another configuration's. */
static void test_journal_is_refused(void **unused)
{
    struct loop_result result;
    struct adder a;
    char folder[256];

    (void)unused;
    open_folder(folder, sizeof folder);
    interrupt(folder);
    adder_init(&a, &comm);
    a.digest = "00000000000000000000000000000002";
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_INPUT);
    assert_int_equal(a.replayed, 0);
    adder_check_in_step(&a);
    close_folder(folder);
}

static int64_t steps_in_journal(const char *run)
{
    struct journal_reader *reader;
    struct journal_record record;
    int64_t steps = 0;
    char folder[300];

    snprintf(folder, sizeof folder, "%s/journal", run);
    assert_int_equal(journal_reader_open(folder, 1, &reader), ST_OK);
    while (journal_reader_next(reader, &record) == ST_OK) steps += record.kind == RECORD_STEP;
    journal_reader_close(&reader);
    return steps;
}

/* A replay may take minutes: a stop ends it, and the journal keeps all it had. The last test: a stop stays asked for.
 */
static void test_stop_in_a_replay(void **unused)
{
    struct loop_result result;
    struct adder a;
    char folder[256];

    (void)unused;
    open_folder(folder, sizeof folder);
    interrupt(folder);
    assert_int_equal(stop_install(), ST_OK);
    adder_init(&a, &comm);
    a.signal = 2;
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_OK);
    assert_int_equal(result.stopped, 1);
    assert_int_equal(a.replayed, 2);
    adder_check_in_step(&a);
    if (comm_is_coordinator(&comm)) assert_int_equal(steps_in_journal(folder), 4);
    close_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_journal_is_replayed), cmocka_unit_test(test_replay_fails),
                                       cmocka_unit_test(test_journal_is_refused),
                                       cmocka_unit_test(test_stop_in_a_replay)};
    int failed;

    alarm(600); /* ranks that wait for each other for ever */
    if (comm_init(&comm) != ST_OK) return 1;
    log_init('T', comm.rank, LOG_SILENT);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

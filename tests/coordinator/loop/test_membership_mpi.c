/* Who does not come is shown as late, who waits for it as waiting, and the ranks agree all the same: where they meet
 * before a checkpoint and in a round of an evaluation. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/loop/membership.h"

static struct comm comm;
static struct membership membership;
static struct progress *progress;
static char folder[256], file[512];

/* How often the file has a worker in a state. */
static int told(int rank, const char *state)
{
    char line[8192], what[64];
    FILE *f = fopen(file, "re");
    int n = 0;

    snprintf(what, sizeof what, "\"rank\":%d,\"state\":\"%s\"", rank, state);
    while (f && fgets(line, sizeof line, f)) n += strstr(line, what) != NULL;
    if (f) fclose(f);
    return n;
}

static void begin(void)
{
    struct worker_info card = {.threads = 1};

    if (comm_is_coordinator(&comm)) test_folder(folder, sizeof folder);
    assert_int_equal(comm_broadcast(&comm, folder, sizeof folder, 0), ST_OK);
    snprintf(file, sizeof file, "%s/metrics.jsonl", folder);
    assert_int_equal(membership_open(&comm, &card, &membership), ST_OK);
    if (comm_is_coordinator(&comm)) {
        assert_int_equal(progress_new(&(struct progress_options){.folder = folder}, &progress), ST_OK);
        assert_int_equal(membership_show(&membership, "started", 0, progress), ST_OK);
    }
}

/* One step, so that it is known how long they take. */
static void step(int64_t number)
{
    struct member_report reports[8] = {{0}};
    int64_t units[8] = {0};

    membership_begin_step(&membership);
    for (int w = 0; w < comm.workers; w++) reports[w].seconds = 1e-3;
    if (comm_is_coordinator(&comm)) membership_step(&membership, reports, units, number);
    membership_end_step(&membership);
}

/* The last worker comes when the file says for the n-th time that it is late and that the first one waits for it: on a
 * busy machine the first one may be late itself for a while. */
static void come_late(int n)
{
    const struct timespec pause = {0, 20000000};

    if (comm.rank < comm.size - 1) return;
    while (told(comm.rank, "LATE") < n || told(1, "WAITING") < n) nanosleep(&pause, NULL);
}

/* The next LATE is a change of state, however seldom the watching thread ran in between. */
static void show_working(void)
{
    if (comm_is_coordinator(&comm)) membership_publish(&membership, MP2__WORKER__STATE__WORKING, "", 2);
}

static void test_agreement(void **unused)
{
    (void)unused;
    assert_int_equal(membership_agree(&membership, ST_OK), ST_OK);
    assert_int_equal(membership_agree(&membership, comm.rank == comm.size - 1 ? ST_INPUT : ST_OK), ST_INPUT);
    membership_begin_step(&membership);
    assert_int_equal(membership_agree(&membership, ST_OK), ST_OK);
    if (comm_is_coordinator(&comm)) assert_true(membership.asked > 0); /* until the step is done */
    step(1);
    if (comm_is_coordinator(&comm)) assert_true(membership.asked == 0);
}

/* Of three ranks. */
static void test_late(void **unused)
{
    (void)unused;
    step(1);
    come_late(1);
    assert_int_equal(membership_agree(&membership, ST_OK), ST_OK);
    step(2);
    show_working();
    membership_begin_round(&membership);
    assert_int_equal(membership_agree(&membership, ST_OK), ST_OK);
    show_working();
    membership_begin_round(&membership);
    come_late(2);
    assert_int_equal(membership_agree(&membership, ST_OK), ST_OK);
    if (!comm_is_coordinator(&comm)) return;
    assert_int_equal(progress_flush(progress), ST_OK);
    assert_true(told(2, "LATE") >= 2);
    assert_true(told(1, "WAITING") >= 2);
    assert_true(told(2, "WAITING") == 0); /* whoever is missing does not wait */
}

static void end(void)
{
    membership_close(&membership);
    progress_destroy(&progress);
    if (comm_is_coordinator(&comm)) test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest any[] = {cmocka_unit_test(test_agreement)};
    const struct CMUnitTest three[] = {cmocka_unit_test(test_agreement), cmocka_unit_test(test_late)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    begin();
    failed = comm.size == 3 ? cmocka_run_group_tests(three, NULL, NULL) : cmocka_run_group_tests(any, NULL, NULL);
    end();
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

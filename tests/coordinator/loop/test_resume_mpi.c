/* Where a run goes on: from its journal, to the same state; and how a replay that fails ends: on all ranks alike, with
 * no order left that nobody takes. The trainer is a stand-in whose state is one number. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/stop.h"
#include "coordinator/loop/loop.h"

static struct comm comm;

/* A step adds its number; its record is the number that was added. */
struct adder {
    struct checkpoint_tensor tensor;
    int64_t sum, added, replayed;
    int64_t step_fails, replay_fails; /* at this step, 0: never; */
    int failing;                      /* on this rank */
    int64_t signal;                   /* the last rank is asked to stop when this step is replayed */
    const char *digest;               /* of its configuration */
    Mp2__Step message;
    struct member_report reports[8];
    int64_t units[8];
    int64_t record;
};

static void introduce(void *self, struct worker_info *card)
{
    (void)self, (void)card;
}

static status fail_at(struct adder *a, int64_t step, int64_t fails)
{
    status s = ST_OK;

    if (step == fails && comm.rank == a->failing) s = fault(ST_NUMBER, "step %lld fails by intent", (long long)step);
    return comm_agree(&comm, s);
}

static status step(void *self, int64_t step, struct membership *membership, struct job_step *out)
{
    struct adder *a = self;

    (void)membership;
    TRY(fail_at(a, step, a->step_fails));
    a->record = a->added = step;
    *out = (struct job_step){.record = &a->record,
                             .record_bytes = sizeof a->record,
                             .message = &a->message,
                             .reports = a->reports,
                             .units = a->units};
    return ST_OK;
}

static status commit(void *self, int64_t step, int apply)
{
    struct adder *a = self;

    (void)step;
    if (apply) a->sum += a->added;
    return ST_OK;
}

static status flush(void *self)
{
    (void)self;
    return ST_OK;
}

static status replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message)
{
    struct adder *a = self;

    if (step == a->signal && comm.rank == comm.size - 1) raise(SIGUSR1);
    TRY(fail_at(a, step, a->replay_fails));
    if (record) memcpy(&a->added, record->payload, sizeof a->added);
    if (record) *message = &a->message;
    TRY(comm_broadcast(&comm, &a->added, sizeof a->added, 0));
    a->replayed++;
    return commit(a, step, 1);
}

static status tensors(void *self, const struct checkpoint_tensor **list, size_t *count)
{
    struct adder *a = self;

    a->tensor = (struct checkpoint_tensor){.file = "sum.safetensors",
                                           .spec = {.name = "sum", .type = TENSOR_I64, .rank = 1},
                                           .part = comm_is_coordinator(&comm) ? part_whole(1, &a->sum) : part_none(1)};
    a->tensor.spec.shape[0] = 1;
    *list = &a->tensor;
    *count = 1;
    return ST_OK;
}

static status state(void *self, struct state *out)
{
    struct adder *a = self;

    *out = (struct state){.kind = "adder",
                          .config_digest = a->digest,
                          .precision = "f32",
                          .instruction_set = "none",
                          .libraries = "none"};
    return ST_OK;
}

static status restore(void *self, const struct state *state)
{
    (void)state;
    return comm_broadcast(&comm, &((struct adder *)self)->sum, sizeof(int64_t), 0);
}

static void describe(void *self, Mp2__Run *run)
{
    (void)self, (void)run;
}

static void adder_init(struct adder *a)
{
    memset(a, 0, sizeof *a);
    a->digest = "00000000000000000000000000000001";
    mp2__step__init(&a->message);
}

/* As far as step `steps`. */
static status run(struct adder *a, const char *folder, int64_t steps, int64_t checkpoint_every,
                  struct loop_result *result)
{
    struct run_folder taken;
    const struct job job = {.command = "adder",
                            .self = a,
                            .introduce = introduce,
                            .step = step,
                            .commit = commit,
                            .flush = flush,
                            .replay = replay,
                            .tensors = tensors,
                            .state = state,
                            .restore = restore,
                            .describe = describe};
    const struct loop_options options = {.run = folder,
                                         .folder = &taken,
                                         .config = "{}\n",
                                         .config_digest = a->digest,
                                         .steps = steps,
                                         .checkpoint_every = checkpoint_every,
                                         .checkpoints_kept = 2,
                                         .skips = 1,
                                         .record_bytes = 8,
                                         .watch = {.listen = ""}};
    status s;

    assert_int_equal(loop_take_folder(&comm, folder, -1, &taken), ST_OK);
    s = loop_run(&comm, &job, &options, result);
    run_folder_close(&taken);
    return s;
}

/* All ranks are at the same place: what is broadcast next is what arrives. As large as an order, to be mistaken for
 * one. */
static void check_in_step(void)
{
    int64_t sent[3] = {17, 18, 19}, got[3] = {0};

    if (comm_is_coordinator(&comm)) memcpy(got, sent, sizeof got);
    assert_int_equal(comm_broadcast(&comm, got, sizeof got, 0), ST_OK);
    assert_memory_equal(got, sent, sizeof got);
    assert_int_equal(comm_barrier(&comm), ST_OK);
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

    adder_init(&a);
    a.step_fails = 5;
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_NUMBER);
    assert_int_equal(result.step, 4);
    check_in_step();
}

static void test_journal_is_replayed(void **unused)
{
    struct loop_result result;
    struct adder a;
    char folder[256];

    (void)unused;
    open_folder(folder, sizeof folder);
    interrupt(folder);
    adder_init(&a);
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_OK);
    assert_int_equal(result.step, 9);
    assert_int_equal(a.replayed, 4);
    assert_int_equal(a.sum, 45);
    /* From the checkpoint of the end, nothing is replayed. */
    adder_init(&a);
    assert_int_equal(run(&a, folder, 10, 100, &result), ST_OK);
    assert_int_equal(a.replayed, 0);
    assert_int_equal(a.sum, 55);
    check_in_step();
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
        adder_init(&a);
        a.replay_fails = 3;
        a.failing = failing;
        assert_int_equal(run(&a, folder, 9, 100, &result), ST_NUMBER);
        assert_int_equal(a.replayed, 2);
        check_in_step();
        adder_init(&a);
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
    adder_init(&a);
    a.digest = "00000000000000000000000000000002";
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_INPUT);
    assert_int_equal(a.replayed, 0);
    check_in_step();
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
    adder_init(&a);
    a.signal = 2;
    assert_int_equal(run(&a, folder, 9, 100, &result), ST_OK);
    assert_int_equal(result.stopped, 1);
    assert_int_equal(a.replayed, 2);
    check_in_step();
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

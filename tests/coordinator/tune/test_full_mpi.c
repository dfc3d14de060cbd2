/* Full tuning on all ranks, on one alone, and gone on with from a snapshot: the same weights, head and curve, to the
 * bit. The training loss falls; a loss that is not finite is everybody's. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "coordinator/tune/full.h"
#include "tests/support/oracle.h"
#include "worker/model/folder.h"

enum { HEAD = 2 * ORACLE_HIDDEN, EPOCHS = 6, CHECK_EVERY = 2, POINTS = 4 };

static struct comm comm;

/* What came of a run; the coordinator's. */
struct outcome {
    char digest[33]; /* of the weights */
    float head[HEAD];
    double loss[POINTS], dev[POINTS];
    size_t points;
    int64_t parameters;
};

static void open_curve(struct oracle_world *w, const char *folder, struct dev_curve *c)
{
    const struct dev_curve_sizes sizes = {0, ORACLE_TOKENS, ORACLE_HIDDEN, 1};

    *c = (struct dev_curve){.oracle = w->oracle, .task = "x", .method = "full", .metric = "accuracy", .draw = &w->draw};
    assert_int_equal(file_make_folder(folder), ST_OK);
    assert_int_equal(dev_curve_open(c, &sizes, folder), ST_OK);
}

static void note(const struct dev_curve *c, struct outcome *out)
{
    assert_in_range(c->count, 1, POINTS);
    out->points = c->count;
    for (size_t i = 0; i < c->count; i++) {
        out->loss[i] = c->points[i].loss;
        out->dev[i] = c->points[i].dev;
    }
    memcpy(out->head, c->best_head, sizeof out->head);
}

/* All in one: a world, full tuning in it with a folder of its own. kernels_choose: of the head's update. */
static status run(struct comm *c, double rate, const char *run_folder, struct outcome *out)
{
    struct oracle_world w;
    struct full_options o = {.comm = c, .epochs = EPOCHS, .check_every = CHECK_EVERY, .rate = rate, .decay = 0.01};
    struct dev_curve curve = {.oracle = NULL};
    struct kernels kernels;
    struct full *full;
    float head[HEAD];
    char snapshot[600], encoder[600];
    status s;

    memset(out, 0, sizeof *out);
    oracle_world_open(&w, c, 0, 1, 0);
    o.replica = &w.replica;
    o.model = w.model;
    o.oracle = w.oracle;
    assert_int_equal(full_open(&o, &full), ST_OK);
    if (comm_is_coordinator(c)) {
        snprintf(snapshot, sizeof snapshot, "%s/snapshot", run_folder);
        snprintf(encoder, sizeof encoder, "%s/encoder", run_folder);
        assert_int_equal(kernels_choose(ISA_AUTO, &kernels), ST_OK);
        oracle_floats(head, HEAD, 2);
        open_curve(&w, run_folder, &curve);
        full_begin(full, &(struct full_start){&curve, &kernels, head, snapshot, "digest of the cell"});
    }
    s = full_run(full);
    if (s == ST_OK) assert_int_equal(full_collect(full), ST_OK);
    if (s == ST_OK && comm_is_coordinator(c)) {
        note(&curve, out);
        out->parameters = full_parameters(full);
        assert_true(full_seconds(full) > 0);
        assert_int_equal(full_write(full, encoder, out->digest), ST_OK);
    }
    dev_curve_close(&curve);
    full_close(&full);
    oracle_world_close(&w);
    return s;
}

static void folder_open(char out[256])
{
    if (comm_is_coordinator(&comm)) test_folder(out, 256);
}

static void folder_remove(const char *folder)
{
    if (comm_is_coordinator(&comm)) test_folder_remove(folder);
}

static void test_same(void **state)
{
    struct comm alone = {.all = MPI_COMM_SELF, .node = MPI_COMM_SELF, .size = 1, .node_size = 1, .workers = 1};
    struct outcome all, one, resumed;
    char folder[256], other[256];
    int64_t parameters = HEAD;

    (void)state;
    folder_open(folder);
    folder_open(other);
    assert_int_equal(run(&comm, 1e-3, folder, &all), ST_OK);
    assert_int_equal(run(&comm, 1e-3, folder, &resumed), ST_OK); /* the snapshot of step 2 or 4 is there */
    if (comm_is_coordinator(&comm)) {
        assert_int_equal(run(&alone, 1e-3, other, &one), ST_OK);
        assert_int_equal(all.points, EPOCHS / CHECK_EVERY + 1);
        assert_memory_equal(&all, &one, sizeof all);
        assert_memory_equal(&all, &resumed, sizeof all);
        assert_true(all.loss[all.points - 1] < all.loss[0]);
        for (int i = 0; i < ORACLE_LAYERS; i++) parameters += 4 * 16 * 16 + 2 * 16 * 24 + 4 * 16 + 24 + 16 + 4 * 16;
        parameters += (60 + ORACLE_LONGEST + 2) * 16 + 2 * 16;
        assert_int_equal(all.parameters, parameters);
    }
    assert_int_equal(comm_barrier(&comm), ST_OK);
    folder_remove(folder);
    folder_remove(other);
}

/* A rate that throws the weights out of all bounds. */
static void test_failure(void **state)
{
    struct outcome out;
    char folder[256];

    (void)state;
    folder_open(folder);
    assert_int_equal(run(&comm, 1e30, folder, &out), ST_NUMBER);
    folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same), cmocka_unit_test(test_failure)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

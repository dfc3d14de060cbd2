/* Tuning by gradient descent on any number of ranks, alone, and gone on with from a snapshot: the same state and curve,
 * to the bit. The training loss falls. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "coordinator/tune/gradient.h"
#include "coordinator/tune/gradient_snapshot.h"
#include "tests/support/oracle.h"

enum { MODULES = 2, GATES = ORACLE_LAYERS * MODULES, HEAD = 2 * ORACLE_HIDDEN, POINTS = 8 };

static struct comm comm;

/* What came of a run; the coordinator's. */
struct outcome {
    float prompts[ORACLE_BANK], head[HEAD];
    double gates[GATES], loss[POINTS], dev[POINTS];
    size_t points;
};

static void note(const struct dev_curve *c, struct outcome *out)
{
    assert_in_range(c->count, 1, POINTS);
    memset(out, 0, sizeof *out);
    out->points = c->count;
    for (size_t i = 0; i < c->count; i++) {
        out->loss[i] = c->points[i].loss;
        out->dev[i] = c->points[i].dev;
    }
    memcpy(out->prompts, c->best_prompts, sizeof out->prompts);
    memcpy(out->head, c->best_head, sizeof out->head);
    memcpy(out->gates, c->best_gates, sizeof out->gates);
}

/* Inside a dialogue: two stages of three steps, a check after every second step. */
static void tune(struct oracle_world *w, const char *folder, struct outcome *out)
{
    const struct dev_curve_sizes sizes = {ORACLE_LAYERS, ORACLE_TOKENS, ORACLE_HIDDEN, MODULES};
    struct bank bank = {.layers = ORACLE_LAYERS,
                        .modules = MODULES,
                        .tokens = ORACLE_TOKENS,
                        .hidden = ORACLE_HIDDEN,
                        .columns = ORACLE_COLUMNS};
    struct dev_curve curve = {
        .oracle = w->oracle, .task = "x", .method = "gradient", .metric = "accuracy", .draw = &w->draw};
    struct gradient g = {.bank = &bank,
                         .oracle = w->oracle,
                         .dev_curve = &curve,
                         .check_every = 2,
                         .decay = 0.01,
                         .digest = "digest of the cell"};
    float theta[GATES] = {0}, modules[MODULES * ORACLE_BANK], head[HEAD];

    assert_int_equal(kernels_choose(ISA_AUTO, &bank.kernels), ST_OK);
    oracle_floats(modules, MODULES * ORACLE_BANK, 1);
    oracle_floats(head, HEAD, 2);
    stages_add(&g.stages, (struct stage){"router", 3, 0.1, 0, 0});
    stages_add(&g.stages, (struct stage){"prompt", 3, 0, 1e-2, 1e-2});
    snprintf(g.snapshot, sizeof g.snapshot, "%s/snapshot.safetensors", folder);
    assert_int_equal(dev_curve_open(&curve, &sizes, folder), ST_OK);
    assert_int_equal(gradient_open(&g, theta, modules, head), ST_OK);
    assert_int_equal(gradient_run(&g), ST_OK);
    assert_int_equal(g.step, 6);
    assert_true(g.router.moved && g.modules.moved && g.head.moved);
    note(&curve, out);
    gradient_close(&g);
    dev_curve_close(&curve);
}

static void run(struct comm *c, const char *folder, struct outcome *out)
{
    struct oracle_world w;

    oracle_world_open(&w, c, ORACLE_LAYERS, 1, 0);
    if (comm_is_coordinator(c)) {
        tune(&w, folder, out);
        assert_int_equal(oracle_dismiss(w.oracle, ST_OK), ST_OK);
    } else {
        assert_int_equal(oracle_serve(w.oracle), ST_OK);
    }
    oracle_world_close(&w);
}

static void test_same(void **state)
{
    struct comm alone = {.all = MPI_COMM_SELF, .node = MPI_COMM_SELF, .size = 1, .node_size = 1, .workers = 1};
    struct outcome all, one, resumed;
    char folder[256], other[256];

    (void)state;
    if (comm_is_coordinator(&comm)) test_folder(folder, sizeof folder);
    run(&comm, folder, &all);
    run(&comm, folder, &resumed); /* the snapshot of step 4 is there */
    if (comm_is_coordinator(&comm)) {
        test_folder(other, sizeof other);
        run(&alone, other, &one);
        assert_int_equal(all.points, 4);
        assert_true(all.loss[3] < all.loss[1] && all.loss[1] < all.loss[0]);
        assert_memory_equal(&all, &one, sizeof all);
        assert_memory_equal(&all, &resumed, sizeof all);
        test_folder_remove(folder);
        test_folder_remove(other);
    }
    assert_int_equal(comm_barrier(&comm), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

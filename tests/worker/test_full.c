/* A worker's part of full tuning: its gradients agree with finite differences of its losses, fillers change nothing, an
 * update is AdamW, the best state comes back, and in the end the encoder has its frozen weights again. */
#include "worker/full.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/oracle.h"
#include "tests/support/support.h"

enum { EXAMPLES = 6, HEAD = 2 * ORACLE_HIDDEN }; /* a whole micro-batch and a half one */

static struct comm comm;

struct world {
    char folder[256], model[512];
    struct replica replica;
    struct oracle_facts examples;
    struct full_facts facts;
    struct blocks blocks;
    struct ranges ranges;
    struct full_worker *worker;
    float head[HEAD];
};

static void open_world(struct world *w)
{
    struct ranges_part whole = {0, 0};

    memset(w, 0, sizeof *w);
    test_folder(w->folder, sizeof w->folder);
    snprintf(w->model, sizeof w->model, "%s/model", w->folder);
    oracle_model_write(w->model);
    oracle_replica_open(&w->replica, w->model, 2);
    oracle_examples_make(&w->examples, EXAMPLES, 1);
    assert_int_equal(full_facts_open(&w->facts, &w->replica.facts.config, &w->examples.assignment, 1), ST_OK);
    w->blocks = blocks_make(w->facts.flat.count, 1);
    whole.last = w->facts.flat.count;
    ranges_init(&w->ranges, &comm, &w->blocks);
    assert_int_equal(ranges_plan(&w->ranges, &w->facts.deal, &whole, 1, w->replica.pool), ST_OK);
    assert_int_equal(full_worker_open(&w->facts, &w->replica, w->model, &w->blocks, 0, &w->worker), ST_OK);
    oracle_floats(w->head, HEAD, 2);
}

static void close_world(struct world *w)
{
    full_worker_close(&w->worker);
    ranges_fini(&w->ranges);
    full_facts_fini(&w->facts);
    oracle_facts_fini(&w->examples);
    replica_close(&w->replica);
    test_folder_remove(w->folder);
}

/* Mean loss of the weights as they are, and their gradient. */
static double compute(struct world *w, const float **grad)
{
    double losses[EXAMPLES];

    assert_int_equal(full_worker_pack(w->worker), ST_OK);
    assert_int_equal(full_worker_compute(w->worker, w->head, &w->ranges, losses), ST_OK);
    assert_int_equal(ranges_sum(&w->ranges, grad), ST_OK);
    return tree_total(losses, EXAMPLES) / EXAMPLES;
}

static void test_facts(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    assert_int_equal(w.facts.micros, 2);
    assert_int_equal(full_micro_size(&w.facts, 0), FULL_MICRO);
    assert_int_equal(full_micro_size(&w.facts, 1), EXAMPLES - FULL_MICRO);
    close_world(&w);
}

/* Weights of every kind of tensor. */
static void test_gradient(void **state)
{
    const double step = 1.0 / 128;
    const float *sum;
    float *grad, *head;
    double worst = 0;
    struct world w;

    (void)state;
    open_world(&w);
    assert_int_equal(mem_alloc((size_t)w.facts.flat.count, sizeof *grad, &grad), ST_OK);
    compute(&w, &sum);
    memcpy(grad, sum, (size_t)w.facts.flat.count * sizeof *grad);
    head = (float *)(uintptr_t)tree_sum_root(&w.worker->heads);
    assert_non_null(head);
    for (int64_t i = 0; i < names_encoder(w.facts.flat.config.layers); i++) {
        int64_t at = w.facts.flat.offset[i] + (i == NAME_WORD ? 5 * ORACLE_HIDDEN : 0) + 3; /* a word that occurs */
        float *value = w.worker->values + at, was = *value;
        double up, down, slope;

        *value = was + (float)step;
        up = compute(&w, &sum);
        *value = was - (float)step;
        down = compute(&w, &sum);
        *value = was;
        slope = (up - down) / (2 * step);
        worst = fmax(worst, fabs(slope - (double)grad[at]) / (fabs(slope) + 1e-3));
    }
    print_message("worst difference %g of the slope\n", worst);
    assert_true(worst < 0.05);
    mem_free(grad);
    close_world(&w);
}

/* The same losses as the oracle's worker finds, whose units have no fillers, with a prompt of no tokens. */
static void test_losses(void **state)
{
    struct world w;
    double full[EXAMPLES], alone;

    (void)state;
    open_world(&w);
    assert_int_equal(full_worker_pack(w.worker), ST_OK);
    assert_int_equal(full_worker_compute(w.worker, w.head, &w.ranges, full), ST_OK);
    for (int slot = 0; slot < EXAMPLES; slot++) {
        const struct assignment_example *e = &w.examples.assignment.examples[slot];
        int32_t align = encoder_row_align(w.replica.encoder), rows = unit_batch_rows(e->length, align);
        struct unit_batch b;
        struct unit_inputs in = {.batch = &b, .head = w.head, .batch_examples = 1};
        struct unit_outputs out = {.loss = &alone};
        struct unit *u;

        assert_int_equal(unit_batch_init(&b, 1, rows, align), ST_OK);
        unit_batch_clear(&b, slot);
        assert_true(unit_batch_add(&b, e->ids, e->length, 0, e->start, e->end));
        assert_int_equal(unit_new(w.replica.encoder, rows, 1, 0, 2, UNIT_EVALUATE, &u), ST_OK);
        assert_int_equal(unit_evaluate(u, w.replica.encoder, w.replica.pool, &in, &out), ST_OK);
        assert_true(alone == full[slot]);
        unit_destroy(&u);
        unit_batch_fini(&b);
    }
    close_world(&w);
}

/* Two steps against the formula in double. */
static void test_update(void **state)
{
    const struct full_order order = {.update = 1, .rate = 1e-2, .decay = 0.1};
    struct world w;
    float *grad;
    int64_t at;
    double p, m = 0, v = 0;

    (void)state;
    open_world(&w);
    at = w.facts.flat.offset[NAME_EMBEDDINGS] + 7; /* of a matrix: it decays */
    p = (double)w.worker->values[at];
    assert_int_equal(mem_alloc((size_t)w.facts.flat.count, sizeof *grad, &grad), ST_OK);
    for (int step = 1; step <= 2; step++) {
        double g = step == 1 ? 0.5 : -0.25;

        grad[at] = (float)g;
        full_worker_update(w.worker, &order, step, grad);
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        p -= order.rate * order.decay * p;
        p -= order.rate / (1 - pow(0.9, step)) * m / (sqrt(v / (1 - pow(0.999, step))) + 1e-8);
        assert_true(fabs(p - (double)w.worker->values[at]) < 1e-6);
    }
    mem_free(grad);
    close_world(&w);
}

static void test_best(void **state)
{
    const struct full_order order = {.update = 1, .rate = 1e-2};
    const float *grad;
    struct world w;
    double first, later;

    (void)state;
    open_world(&w);
    first = compute(&w, &grad);
    full_worker_keep(w.worker);
    full_worker_update(w.worker, &order, 1, grad);
    later = compute(&w, &grad);
    assert_true(later < first);
    full_worker_restore(w.worker);
    assert_true(compute(&w, &grad) == first);
    full_worker_update(w.worker, &order, 2, grad);
    assert_true(compute(&w, &grad) != first);
    close_world(&w);
}

/* After the close the encoder computes what it did before: a new worker that has not packed its weights. */
static void test_frozen(void **state)
{
    double losses[EXAMPLES], before, after;
    const float *grad;
    struct world w;

    (void)state;
    open_world(&w);
    before = compute(&w, &grad);
    full_worker_update(w.worker, &(struct full_order){.rate = 1e-2}, 1, grad);
    assert_true(compute(&w, &grad) != before);
    full_worker_close(&w.worker);
    assert_int_equal(full_worker_open(&w.facts, &w.replica, w.model, &w.blocks, 0, &w.worker), ST_OK);
    assert_int_equal(full_worker_compute(w.worker, w.head, &w.ranges, losses), ST_OK);
    assert_int_equal(ranges_sum(&w.ranges, &grad), ST_OK);
    after = tree_total(losses, EXAMPLES) / EXAMPLES;
    assert_true(after == before);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_facts),  cmocka_unit_test(test_gradient),
                                       cmocka_unit_test(test_losses), cmocka_unit_test(test_update),
                                       cmocka_unit_test(test_best),   cmocka_unit_test(test_frozen)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

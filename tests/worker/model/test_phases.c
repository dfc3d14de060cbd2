/* Measuring phases: no bit moves, every product's work is counted whole, and no thread's laps are longer than the time
 * that has passed. */
#include "worker/model/phases.h"

#include <math.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "tests/support/support.h"
#include "worker/train/unit.h"

enum { LAYERS = 2, HIDDEN = 64, FORWARD = 128, TOKENS = 3, EXAMPLES = 4, LENGTH = 40, THREADS = 2 };
enum { BANK = LAYERS * TOKENS * HIDDEN };

struct machine {
    struct pool *pool;
    struct encoder *encoder;
    void *weights;
    struct unit *unit;
    struct unit_batch batch;
};

static void machine_open(struct machine *m, int int8)
{
    const struct model_config config = {.layers = LAYERS,
                                        .hidden = HIDDEN,
                                        .heads = 4,
                                        .feed_forward = FORWARD,
                                        .positions = LENGTH,
                                        .vocab = 100,
                                        .types = 2,
                                        .eps = 1e-12};
    const struct encoder_options options = {
        .precision = NUMBER_F32, .isa = ISA_AUTO, .engine = ENGINE_ONEDNN, .threads = THREADS, .int8 = int8};
    const struct random_key key = random_seed(3, RANDOM_INIT);
    const struct packed_weights_source source = packed_weights_from_random(&key);
    int32_t ids[LENGTH];

    assert_int_equal(pool_new(THREADS, &m->pool), ST_OK);
    assert_int_equal(encoder_new(&config, &options, m->pool, &m->encoder), ST_OK);
    assert_int_equal(mem_alloc(encoder_weights_bytes(m->encoder), 1, &m->weights), ST_OK);
    assert_int_equal(encoder_weights_pack(m->encoder, &source, NULL, m->weights), ST_OK);
    assert_int_equal(encoder_attach(m->encoder, m->weights), ST_OK);
    assert_int_equal(unit_new(m->encoder, EXAMPLES * LENGTH, EXAMPLES, TOKENS, THREADS, UNIT_TRAIN, &m->unit), ST_OK);
    assert_int_equal(unit_batch_init(&m->batch, EXAMPLES, EXAMPLES * LENGTH, 1), ST_OK);
    unit_batch_clear(&m->batch, 0);
    for (int i = 0; i < LENGTH; i++) ids[i] = i * 17 % 100;
    for (int e = 0; e < EXAMPLES; e++) assert_true(unit_batch_add(&m->batch, ids, LENGTH, 0, LENGTH - 2, LENGTH - 1));
}

static void machine_close(struct machine *m)
{
    unit_batch_fini(&m->batch);
    unit_destroy(&m->unit);
    encoder_destroy(&m->encoder);
    mem_free(m->weights);
    pool_destroy(&m->pool);
}

static void run(struct machine *m, float prompts[BANK], float head[2 * HIDDEN])
{
    static float values[BANK], start[2 * HIDDEN];
    const struct unit_inputs in = {
        .batch = &m->batch, .prompts = {LAYERS, TOKENS, values}, .head = start, .batch_examples = EXAMPLES};
    const struct unit_outputs out = {.grad_prompts = prompts, .grad_head = head};

    for (int i = 0; i < BANK; i++) values[i] = (float)(i % 7 - 3) * .1f;
    for (int i = 0; i < 2 * HIDDEN; i++) start[i] = (float)(i % 5 - 2) * .1f;
    assert_int_equal(unit_train(m->unit, m->encoder, m->pool, &in, &out), ST_OK);
}

static double work_of(const struct phase_times times[THREADS], int product)
{
    double sum = 0;

    for (int t = 0; t < THREADS; t++) sum += times[t].flops[product];
    return sum;
}

static void check(int int8)
{
    static float prompts[2][BANK], heads[2][2 * HIDDEN];
    struct phase_times times[THREADS];
    const double rows = EXAMPLES * LENGTH, all = 2.0 * LAYERS * rows * HIDDEN;
    double started, passed;
    struct machine m;

    machine_open(&m, int8);
    run(&m, prompts[0], heads[0]);
    started = clock_now();
    phases_begin(times, THREADS);
    unit_measure(m.unit, times);
    run(&m, prompts[1], heads[1]);
    passed = clock_now() - started;
    assert_memory_equal(prompts[0], prompts[1], sizeof prompts[0]);
    assert_memory_equal(heads[0], heads[1], sizeof heads[0]);
    assert_true(work_of(times, PRODUCT_QKV) == all * 3 * HIDDEN);
    assert_true(work_of(times, PRODUCT_QKV_BACK) == all * 3 * HIDDEN);
    assert_true(work_of(times, PRODUCT_OUT) == all * HIDDEN);
    assert_true(work_of(times, PRODUCT_UP) == all * FORWARD);
    assert_true(work_of(times, PRODUCT_DOWN_BACK) == all * FORWARD);
    for (int t = 0; t < THREADS; t++) {
        double sum = 0;

        for (int i = 0; i < PHASE_COUNT; i++) {
            assert_true(times[t].seconds[i] >= 0);
            sum += times[t].seconds[i];
        }
        assert_true(sum > 0 && sum <= passed);
    }
    for (int i = 0; i < PHASE_COUNT; i++) {
        int unused = i == PHASE_SCALE && !int8;

        assert_true((times[0].seconds[i] + times[1].seconds[i] > 0) != unused);
        assert_non_null(phase_name(i));
    }
    unit_measure(m.unit, NULL);
    started = work_of(times, PRODUCT_QKV);
    run(&m, prompts[1], heads[1]);
    assert_true(work_of(times, PRODUCT_QKV) == started);
    machine_close(&m);
}

static void test_floats(void **state)
{
    (void)state;
    check(0);
}

static void test_int8(void **state)
{
    (void)state;
    if (!matmul_has_int8()) skip();
    check(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_floats), cmocka_unit_test(test_int8)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Gradients of every tensor of the masked language model against finite differences, and the same bits for 1 and 2
 * threads. */
#include <math.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "tests/support/support.h"
#include "worker/train/mlm_unit.h"

enum { LENGTH = 32, EXAMPLES = 3, ROWS = LENGTH * EXAMPLES, TARGETS = 15 };

static const struct model_config sizes_of_all = {.layers = 2,
                                                 .hidden = 32,
                                                 .heads = 2,
                                                 .feed_forward = 48,
                                                 .positions = LENGTH,
                                                 .vocab = 70,
                                                 .types = 2,
                                                 .eps = 1e-12,
                                                 .hidden_dropout = .1,
                                                 .attention_dropout = .1};

struct world {
    struct pool *pool;
    struct encoder *encoder;
    struct flat flat;
    struct mlm_unit *unit;
    struct unit_batch batch;
    struct mlm_inputs in;
    int32_t rows[TARGETS], targets[TARGETS];
    float *values, *grad;
    void *packed;
};

static void open_batch(struct world *w)
{
    int32_t ids[LENGTH];

    assert_int_equal(unit_batch_init(&w->batch, EXAMPLES, ROWS, encoder_row_align(w->encoder)), ST_OK);
    unit_batch_clear(&w->batch, 0);
    for (int e = 0; e < EXAMPLES; e++) {
        for (int i = 0; i < LENGTH; i++) ids[i] = (e * 37 + i * 11) % 70;
        assert_true(unit_batch_add(&w->batch, ids, LENGTH, 0, -1, -1));
    }
    for (int i = 0; i < TARGETS; i++) {
        w->rows[i] = i * 6 + 1;
        w->targets[i] = (i * 29 + 3) % 70;
    }
    w->in = (struct mlm_inputs){.batch = &w->batch,
                                .rows = w->rows,
                                .targets = w->targets,
                                .count = TARGETS,
                                .token_type = 0,
                                .divide = TARGETS,
                                .dropout = {1, random_seed(5, RANDOM_DROPOUT)}};
}

static void open_world(struct world *w, enum number precision, int threads, int untied)
{
    struct model_config config = sizes_of_all;

    struct encoder_options o = {.precision = precision, .threads = threads, .check = 1};
    struct mlm_sizes sizes = {ROWS, EXAMPLES, TARGETS, threads, 1, 0};
    struct random_key key = random_seed(9, RANDOM_INIT);

    memset(w, 0, sizeof *w);
    config.untied = untied;
    assert_int_equal(pool_new(threads, &w->pool), ST_OK);
    assert_int_equal(encoder_new(&config, &o, w->pool, &w->encoder), ST_OK);
    assert_int_equal(flat_init(&w->flat, &config), ST_OK);
    assert_int_equal(mem_alloc((size_t)w->flat.count, sizeof(float), &w->values), ST_OK);
    assert_int_equal(mem_alloc((size_t)w->flat.count, sizeof(float), &w->grad), ST_OK);
    assert_int_equal(mem_alloc(encoder_weights_bytes(w->encoder), 1, &w->packed), ST_OK);
    for (int64_t i = 0; i < w->flat.slots; i++) /* LayerNorms near 1, all else near 0, nothing symmetric */
        for (int64_t j = 0; j < w->flat.size[i]; j++) {
            char name[80];
            int one = strstr(names_text(i, config.layers, name, sizeof name), "LayerNorm.weight") != NULL;

            w->values[w->flat.offset[i] + j] = (one ? 1.0f : 0.0f) +
                                               0.2f * (float)random_normal(key, (uint64_t)(i * 100000 + j));
        }
    assert_int_equal(mlm_unit_new(w->encoder, &w->flat, &sizes, &w->unit), ST_OK);
    open_batch(w);
}

static void close_world(struct world *w)
{
    mlm_unit_destroy(&w->unit);
    unit_batch_fini(&w->batch);
    encoder_destroy(&w->encoder);
    flat_fini(&w->flat);
    mem_free(w->values);
    mem_free(w->grad);
    mem_free(w->packed);
    pool_destroy(&w->pool);
}

static double run(struct world *w, int train)
{
    struct mlm_score score;

    assert_int_equal(mlm_attach(w->unit, w->pool, w->values, w->packed), ST_OK);
    if (train) assert_int_equal(mlm_train(w->unit, w->pool, &w->in, w->grad, &score), ST_OK);
    else assert_int_equal(mlm_evaluate(w->unit, w->pool, &w->in, NULL, &score), ST_OK);
    assert_int_equal(score.targets, TARGETS);
    return score.loss / w->in.divide;
}

/* Along a tensor's own gradient the loss must change as its length says. */
static void check_differences(int untied)
{
    struct world w;

    open_world(&w, NUMBER_F32, 1, untied);
    run(&w, 1);
    for (int64_t i = 0; i < w.flat.slots; i++) {
        float *v = w.values + w.flat.offset[i], *g = w.grad + w.flat.offset[i], *kept;
        double norm = 0, step, up, down, slope;
        char name[80];

        assert_int_equal(mem_alloc((size_t)w.flat.size[i], sizeof *kept, &kept), ST_OK);
        memcpy(kept, v, (size_t)w.flat.size[i] * sizeof *kept);
        for (int64_t j = 0; j < w.flat.size[i]; j++) norm += (double)g[j] * g[j];
        norm = sqrt(norm);
        step = 0.004 / (norm > 0.4 ? norm : 0.4);
        for (int64_t j = 0; j < w.flat.size[i]; j++) v[j] = (float)(kept[j] + step * g[j] / (norm + 1e-30));
        up = run(&w, 0);
        for (int64_t j = 0; j < w.flat.size[i]; j++) v[j] = (float)(kept[j] - step * g[j] / (norm + 1e-30));
        down = run(&w, 0);
        memcpy(v, kept, (size_t)w.flat.size[i] * sizeof *kept);
        slope = (up - down) / (2 * step);
        names_text(i, w.flat.config.layers, name, sizeof name);
        if (fabs(slope - norm) > 0.01 * norm + 3e-4) fail_msg("%s: slope %.6g, gradient %.6g", name, slope, norm);
        if (!strstr(name, "key.bias") && norm < 1e-4) fail_msg("%s: gradient %.3g", name, norm);
        mem_free(kept);
    }
    close_world(&w);
}

static void test_differences(void **state)
{
    (void)state;
    check_differences(0);
    check_differences(1); /* the decoder has a table of its own */
}

static void test_threads(void **state)
{
    struct world one, two;
    int last = matmul_has_bf16() ? NUMBER_BF16 : NUMBER_F32;

    (void)state;
    if (last == NUMBER_F32) test_skip_part("this CPU has no AVX-512 BF16");
    for (int i = 0; i < 2 * (last - NUMBER_F32 + 1); i++) {
        open_world(&one, (enum number)(NUMBER_F32 + i / 2), 1, i % 2);
        open_world(&two, (enum number)(NUMBER_F32 + i / 2), 2, i % 2);
        assert_true(run(&one, 1) == run(&two, 1));
        assert_memory_equal(one.grad, two.grad, (size_t)one.flat.count * sizeof(float));
        close_world(&one);
        close_world(&two);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differences), cmocka_unit_test(test_threads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

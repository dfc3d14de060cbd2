/* Loss and the gradient of every parameter as transformers' BertForMaskedLM has them in float64
 * (tests/reference/make_masked.py): relative error at most 1e-5 in f32, for both token types; in bf16 nearly the same
 * direction. */
#include <math.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/store/safetensors.h"
#include "tests/support/support.h"
#include "worker/model/source.h"
#include "worker/train/mlm_unit.h"

static const char folder[] = TEST_SOURCE_DIR "/tests/reference/masked";

enum { BATCH = 3, LENGTH = 32, TARGETS = 14 };

struct world {
    struct safetensors expected;
    struct model_source *model;
    struct pool *pool;
    struct encoder *encoder;
    struct flat flat;
    struct mlm_unit *unit;
    struct unit_batch batch;
    float *values, *grad;
    void *packed;
};

static void open_world(struct world *w, enum number precision)
{
    const struct encoder_options o = {.precision = precision, .threads = 2, .check = 1};
    const struct mlm_sizes sizes = {BATCH * LENGTH, BATCH, TARGETS, 2, 1, 0};
    struct packed_weights_source source;
    int head;

    memset(w, 0, sizeof *w);
    assert_int_equal(safetensors_open(TEST_SOURCE_DIR "/tests/reference/masked/expected.safetensors", &w->expected),
                     ST_OK);
    assert_int_equal(model_source_open(folder, &w->model), ST_OK);
    assert_int_equal(model_source_head(w->model, &head), ST_OK);
    assert_true(head);
    assert_int_equal(pool_new(2, &w->pool), ST_OK);
    assert_int_equal(encoder_new(model_source_config(w->model), &o, w->pool, &w->encoder), ST_OK);
    assert_int_equal(flat_init(&w->flat, model_source_config(w->model)), ST_OK);
    assert_int_equal(mem_alloc((size_t)w->flat.count, sizeof(float), &w->values), ST_OK);
    assert_int_equal(mem_alloc((size_t)w->flat.count, sizeof(float), &w->grad), ST_OK);
    assert_int_equal(mem_alloc(encoder_weights_bytes(w->encoder), 1, &w->packed), ST_OK);
    assert_int_equal(mlm_unit_new(w->encoder, &w->flat, &sizes, &w->unit), ST_OK);
    assert_int_equal(unit_batch_init(&w->batch, BATCH, BATCH * LENGTH, encoder_row_align(w->encoder)), ST_OK);
    source = packed_weights_from_model(w->model);
    assert_int_equal(flat_read(&w->flat, &source, 1, w->values), ST_OK);
    assert_int_equal(mlm_attach(w->unit, w->pool, w->values, w->packed), ST_OK);
}

static void close_world(struct world *w)
{
    mlm_unit_destroy(&w->unit);
    unit_batch_fini(&w->batch);
    encoder_destroy(&w->encoder);
    pool_destroy(&w->pool);
    flat_fini(&w->flat);
    model_source_close(&w->model);
    safetensors_close(&w->expected);
    mem_free(w->values);
    mem_free(w->grad);
    mem_free(w->packed);
}

static const struct tensor *find(const struct world *w, int type, const char *name)
{
    char whole[128];
    const struct tensor *t;

    snprintf(whole, sizeof whole, "%d.%s", type, name);
    t = safetensors_find(&w->expected, whole);
    if (!t) fail_msg("%s is missing", whole);
    return t;
}

static void read_ids(const struct world *w, int type, const char *name, int64_t count, int32_t *out)
{
    int64_t wide[BATCH * LENGTH];

    assert_int_equal(tensor_read_i64("expected", find(w, type, name), 0, count, wide), ST_OK);
    for (int64_t i = 0; i < count; i++) out[i] = (int32_t)wide[i];
}

static double train(struct world *w, int type)
{
    int32_t ids[BATCH * LENGTH], rows[TARGETS], targets[TARGETS];
    struct mlm_inputs in = {
        .batch = &w->batch, .rows = rows, .targets = targets, .count = TARGETS, .token_type = type, .divide = TARGETS};
    struct mlm_score score;

    read_ids(w, type, "input_ids", BATCH * LENGTH, ids);
    read_ids(w, type, "rows", TARGETS, rows);
    read_ids(w, type, "targets", TARGETS, targets);
    unit_batch_clear(&w->batch, 0);
    for (int i = 0; i < BATCH; i++) assert_true(unit_batch_add(&w->batch, ids + i * LENGTH, LENGTH, 0, -1, -1));
    assert_int_equal(mlm_train(w->unit, w->pool, &in, w->grad, &score), ST_OK);
    return score.loss / TARGETS;
}

/* f32: the largest difference over the tensor's largest value. bf16: the cosine. A key's bias has no gradient but
 * rounding's: it is measured against its layer's query's. */
static void check_tensor(const struct world *w, int type, int64_t slot, double most)
{
    char name[80], key[96];
    const float *g = w->grad + w->flat.offset[slot];
    double largest = 0, error = 0, dot = 0, a = 0, b = 0;
    float *expected;

    names_text(slot, w->flat.config.layers, name, sizeof name);
    snprintf(key, sizeof key, "grad.%s", name);
    assert_int_equal(mem_alloc((size_t)w->flat.size[slot], sizeof *expected, &expected), ST_OK);
    assert_int_equal(tensor_read_f32("expected", find(w, type, key), 0, w->flat.size[slot], expected), ST_OK);
    for (int64_t i = 0; i < w->flat.size[slot]; i++) {
        double e = expected[i];

        if (fabs(e) > largest) largest = fabs(e);
        if (fabs(e - g[i]) > error) error = fabs(e - g[i]);
        dot += e * g[i];
        a += e * e;
        b += (double)g[i] * g[i];
    }
    if (strstr(name, "key.bias")) {
        assert_true(largest < 1e-12);
        assert_true(error < (most > 0 ? 1e-6 : 1e-2));
    } else if (most > 0 && error > most * largest) {
        fail_msg("token type %d, %s: error %.3g of %.3g", type, name, error, largest);
    } else if (most == 0 && !(dot > 0.995 * sqrt(a * b))) {
        fail_msg("token type %d, %s: cosine %.5f", type, name, dot / sqrt(a * b));
    }
    mem_free(expected);
}

static void check(enum number precision, double most)
{
    struct world w;

    open_world(&w, precision);
    for (int type = 0; type < 2; type++) {
        double found = train(&w, type);
        float expected;

        assert_int_equal(tensor_read_f32("expected", find(&w, type, "loss"), 0, 1, &expected), ST_OK);
        assert_true(fabs(found - (double)expected) <= (most > 0 ? 1e-6 : 1e-2) * (double)expected);
        for (int64_t slot = 0; slot < w.flat.slots; slot++) check_tensor(&w, type, slot, most);
    }
    close_world(&w);
}

static void test_f32(void **state)
{
    (void)state;
    check(NUMBER_F32, 1e-5);
}

static void test_bf16(void **state)
{
    (void)state;
    if (!matmul_has_bf16()) test_skip("this CPU has no AVX-512 BF16");
    check(NUMBER_BF16, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f32), cmocka_unit_test(test_bf16)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What backward hands out for weight gradients (encoder_sink): the gradients made of it against finite differences of
 * the weights themselves, dropout on. The loss is a fixed linear function of the last hidden state. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "tests/support/support.h"
#include "worker/model/encoder.h"

enum { LAYERS = 2, HIDDEN = 32, FFN = 64, POSITIONS = 40, EXAMPLES = 3, MOST = 3 * HIDDEN * FFN };

static const int32_t lengths[EXAMPLES] = {40, 9, 23};

/* A tensor of the model, moved by step * direction while packing. */
struct moved {
    struct random_key key;
    const char *name;
    const double *direction;
    double step;
};

struct rig {
    struct pool *pool;
    struct encoder *encoder;
    void *weights;
    struct activations *a;
    struct unit_batch b;
    float *slope;     /* (T,H): dL/dh */
    const char *name; /* of the tensor whose gradient is wanted */
    double gradient[MOST];
};

static status read_moved(const void *arg, const char *name, int64_t first, int64_t rows, int64_t width, float *out)
{
    const struct moved *m = arg;
    struct packed_weights_source plain = packed_weights_from_random(&m->key);

    TRY(plain.read(plain.arg, name, first, rows, width, out));
    /* Larger than at a model's start, so that every path carries something. */
    for (int64_t i = 0; i < rows * width && width > 1; i++) out[i] *= 8;
    for (int64_t i = 0; i < rows * width && m->name && strcmp(name, m->name) == 0; i++)
        out[i] += (float)(m->step * m->direction[first * width + i]);
    return ST_OK;
}

static double loss(struct rig *r, const char *name, const double *direction, double step)
{
    const struct moved m = {random_seed(6, RANDOM_INIT), name, direction, step};
    const struct packed_weights_source source = {.read = read_moved, .arg = &m};
    const struct encoder_dropout dropout = {1, random_seed(7, RANDOM_DROPOUT)};
    const float *h = activations_hidden(r->a);
    double sum = 0;

    assert_int_equal(encoder_weights_pack(r->encoder, &source, NULL, r->weights), ST_OK);
    assert_int_equal(encoder_attach(r->encoder, r->weights), ST_OK);
    assert_int_equal(encoder_forward(r->encoder, r->pool, r->a, &r->b, NULL, &dropout), ST_OK);
    for (int e = 0; e < EXAMPLES; e++)
        for (int64_t i = (int64_t)r->b.row[e] * HIDDEN; i < (int64_t)(r->b.row[e] + lengths[e]) * HIDDEN; i++)
            sum += (double)h[i] * (double)r->slope[i];
    return sum;
}

/* ---- gradients from views ---------------------------------------------------------------------------------------- */

/* (n,k) = dY^T X over all rows, as the file keeps weights. */
static void product_gradient(struct rig *r, const struct encoder_layer_view *v, int product, int64_t n, int64_t k)
{
    const float *x = v->in[product], *d = v->d_out[product];
    int64_t ld = product == PRODUCT_QKV ? 3 * HIDDEN : n;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++)
            for (int64_t t = 0; t < v->rows; t++)
                r->gradient[i * k + j] += (double)d[t * ld + i] * (double)x[t * k + j];
}

static void norm_gradient(struct rig *r, const float *xhat, const float *d, int64_t rows)
{
    for (int64_t t = 0; t < rows; t++)
        for (int64_t i = 0; i < HIDDEN; i++)
            r->gradient[i] += (double)d[t * HIDDEN + i] * (xhat ? (double)xhat[t * HIDDEN + i] : 1);
}

static status see_layer(void *arg, const struct encoder_layer_view *v)
{
    struct rig *r = arg;
    const char *name = r->name;
    char prefix[32];

    snprintf(prefix, sizeof prefix, "encoder.layer.%d.", v->layer);
    if (strncmp(name, prefix, strlen(prefix)) != 0) return ST_OK;
    name += strlen(prefix);
    if (strcmp(name, "attention.self.query.weight") == 0) product_gradient(r, v, PRODUCT_QKV, HIDDEN, HIDDEN);
    else if (strcmp(name, "attention.output.dense.weight") == 0) product_gradient(r, v, PRODUCT_OUT, HIDDEN, HIDDEN);
    else if (strcmp(name, "intermediate.dense.weight") == 0) product_gradient(r, v, PRODUCT_UP, FFN, HIDDEN);
    else if (strcmp(name, "output.dense.weight") == 0) product_gradient(r, v, PRODUCT_DOWN, HIDDEN, FFN);
    else if (strcmp(name, "output.LayerNorm.weight") == 0) norm_gradient(r, v->xhat2, v->d_norm2, v->rows);
    else if (strcmp(name, "attention.output.LayerNorm.weight") == 0) norm_gradient(r, v->xhat1, v->d_norm1, v->rows);
    else if (strcmp(name, "attention.output.LayerNorm.bias") == 0) norm_gradient(r, NULL, v->d_norm1, v->rows);
    else fail_msg("no gradient for %s", name);
    return ST_OK;
}

static status see_embedding(void *arg, const struct encoder_embedding_view *v)
{
    struct rig *r = arg;
    float weight[HIDDEN] = {0}, bias[HIDDEN] = {0};

    if (strcmp(r->name, "embeddings.position_embeddings.weight") == 0)
        for (int64_t t = 0; t < v->norm.rows; t++)
            for (int64_t i = 0; i < HIDDEN; i++)
                r->gradient[(int64_t)v->norm.place[t].position * HIDDEN + i] += (double)v->d_sum[t * HIDDEN + i];
    if (strcmp(r->name, "embeddings.LayerNorm.weight") != 0) return ST_OK;
    r->encoder->kernels.norm_parameters(&v->norm, 1, v->d_out, NULL, v->xhat, weight, bias);
    for (int64_t i = 0; i < HIDDEN; i++) r->gradient[i] = (double)weight[i];
    return ST_OK;
}

/* ---- the comparison ---------------------------------------------------------------------------------------------- */

static void check(struct rig *r, const char *name, size_t n)
{
    const struct encoder_sink sink = {.layer = see_layer, .embedding = see_embedding, .arg = r};
    const struct encoder_dropout dropout = {1, random_seed(7, RANDOM_DROPOUT)};
    static double direction[MOST];
    const double h = 3e-3;
    double size = 0, slope = 0, found;

    memset(r->gradient, 0, sizeof r->gradient);
    r->name = name;
    loss(r, NULL, NULL, 0);
    memcpy(activations_gradient(r->a), r->slope, (size_t)r->b.rows * HIDDEN * sizeof(float));
    assert_int_equal(encoder_backward(r->encoder, r->pool, r->a, &r->b, NULL, &dropout, NULL, &sink), ST_OK);
    for (size_t i = 0; i < n; i++) size += r->gradient[i] * r->gradient[i];
    for (size_t i = 0; i < n; i++) {
        direction[i] = r->gradient[i] / sqrt(size) +
                       .2 * random_normal(random_seed(8, RANDOM_INIT), i) / sqrt((double)n);
        slope += r->gradient[i] * direction[i];
    }
    found = (loss(r, name, direction, h) - loss(r, name, direction, -h)) / (2 * h);
    print_message("%s: slope %.6f, by differences %.6f\n", name, slope, found);
    assert_true(size > 0 && fabs(found - slope) <= 3e-3 * fabs(slope));
}

static void open_rig(struct rig *r, enum matmul_exact exact)
{
    const struct model_config config = {.layers = LAYERS,
                                        .hidden = HIDDEN,
                                        .heads = 2,
                                        .feed_forward = FFN,
                                        .positions = POSITIONS,
                                        .vocab = 50,
                                        .types = 2,
                                        .eps = 1e-12,
                                        .hidden_dropout = .1,
                                        .attention_dropout = .1};
    const struct encoder_options options = {.precision = NUMBER_F32, .threads = 2, .check = 1};
    struct activations_plan plan = {.rows = EXAMPLES * 48, .examples = EXAMPLES, .threads = 2, .keep = 1, .sink = 1};
    int32_t ids[POSITIONS];

    assert_int_equal(pool_new(2, &r->pool), ST_OK);
    assert_int_equal(encoder_new(&config, &options, r->pool, &r->encoder), ST_OK);
    if (exact == EXACT_EXAMPLE) r->encoder->exact = exact;
    assert_int_equal(mem_alloc(encoder_weights_bytes(r->encoder), 1, &r->weights), ST_OK);
    assert_int_equal(activations_new(r->encoder, &plan, &r->a), ST_OK);
    assert_int_equal(unit_batch_init(&r->b, EXAMPLES, plan.rows, encoder_row_align(r->encoder)), ST_OK);
    assert_int_equal(mem_alloc((size_t)plan.rows * HIDDEN, sizeof *r->slope, &r->slope), ST_OK);
    unit_batch_clear(&r->b, 0);
    for (int e = 0; e < EXAMPLES; e++) {
        for (int i = 0; i < lengths[e]; i++) ids[i] = (e * 13 + i * 7) % 50;
        assert_true(unit_batch_add(&r->b, ids, lengths[e], 0, -1, -1));
        for (int64_t i = 0; i < (int64_t)lengths[e] * HIDDEN; i++)
            r->slope[(int64_t)r->b.row[e] * HIDDEN + i] = (float)random_normal(random_seed(9, RANDOM_INIT),
                                                                               (uint64_t)(e * 10000 + i));
    }
}

static void close_rig(struct rig *r)
{
    mem_free(r->slope);
    unit_batch_fini(&r->b);
    activations_destroy(&r->a);
    encoder_destroy(&r->encoder);
    mem_free(r->weights);
    pool_destroy(&r->pool);
}

static void check_all(enum matmul_exact exact)
{
    static struct rig r;

    open_rig(&r, exact);
    check(&r, "encoder.layer.1.attention.self.query.weight", HIDDEN * HIDDEN);
    check(&r, "encoder.layer.0.attention.self.query.weight", HIDDEN * HIDDEN);
    check(&r, "encoder.layer.0.attention.output.dense.weight", HIDDEN * HIDDEN);
    check(&r, "encoder.layer.1.intermediate.dense.weight", FFN * HIDDEN);
    check(&r, "encoder.layer.0.output.dense.weight", FFN * HIDDEN);
    check(&r, "encoder.layer.1.output.LayerNorm.weight", HIDDEN);
    check(&r, "encoder.layer.0.attention.output.LayerNorm.weight", HIDDEN);
    check(&r, "encoder.layer.0.attention.output.LayerNorm.bias", HIDDEN);
    check(&r, "embeddings.position_embeddings.weight", POSITIONS * HIDDEN);
    check(&r, "embeddings.LayerNorm.weight", HIDDEN);
    close_rig(&r);
}

static void test_sink(void **state)
{
    (void)state;
    check_all(EXACT_ROWS);
}

/* Examples that start at whole grains of rows: what stands between them must not count. */
static void test_sink_by_example(void **state)
{
    (void)state;
    check_all(EXACT_EXAMPLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sink), cmocka_unit_test(test_sink_by_example)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

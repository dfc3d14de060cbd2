#include "worker/train/mlm.h"

#include <cblas.h>
#include <stdatomic.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "worker/train/weight_gradient.h"

enum { HEAD_BLOCK = 80 };   /* target rows that one thread takes through the head; part of the bits */

struct mlm_unit {
    struct encoder *e;
    const struct flat *flat;
    struct mlm_sizes sizes;
    struct activations *activations;
    float *token_type;                   /* (2,H): row 1 is what the encoder adds */
    float *zeros;                        /* (HEAD_BLOCK,H) */
    float *x, *pre, *t, *d_t, *d_pre;    /* (M,H): hidden rows, dense's output, decoder's input, gradients */
    float *xhat, *rstd, *act;            /* (M,H), (M), (M,H) */
    float *logits;                       /* (M,V), then their gradient */
    double *loss;                        /* (M) */
    int32_t *best;                       /* (M) */
    float *in[PRODUCT_DOWN + 1], *out[PRODUCT_DOWN + 1];   /* f32 copies of a layer's bf16 arrays */
    float *bias;                         /* (3H) of q, k, v */
    /* of the call that runs */
    struct pool *pool;
    const float *values;
    const struct mlm_inputs *inputs;
    float *grad;
    atomic_int next;
};

/* ---- memory ---- */

static status alloc_head(struct mlm_unit *u)
{
    size_t m = (size_t)u->sizes.targets + HEAD_BLOCK, h = (size_t)u->e->config.hidden;
    float **narrow[] = {&u->x, &u->pre, &u->t, &u->d_t, &u->d_pre, &u->xhat, &u->act};

    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) TRY(mem_alloc(m * h, sizeof(float), narrow[i]));
    TRY(mem_alloc(m, sizeof *u->rstd, &u->rstd));
    TRY(mem_alloc(m, sizeof *u->loss, &u->loss));
    TRY(mem_alloc(m, sizeof *u->best, &u->best));
    TRY(mem_alloc(HEAD_BLOCK * h, sizeof *u->zeros, &u->zeros));
    TRY(mem_alloc(2 * h, sizeof *u->token_type, &u->token_type));
    TRY(mem_alloc(3 * h, sizeof *u->bias, &u->bias));
    return mem_alloc(m * (size_t)u->e->config.vocab, sizeof *u->logits, &u->logits);
}

static status alloc_copies(struct mlm_unit *u)
{
    struct matmul_spec specs[PRODUCT_COUNT];

    if (u->e->precision == NUMBER_F32 || !u->sizes.train) return ST_OK;
    packed_products(&u->e->config, u->e->precision, specs);
    for (int i = 0; i <= PRODUCT_DOWN; i++) {
        TRY(mem_alloc((size_t)(u->sizes.rows * specs[i].k), sizeof(float), &u->in[i]));
        TRY(mem_alloc((size_t)(u->sizes.rows * specs[i].n), sizeof(float), &u->out[i]));
    }
    return ST_OK;
}

status mlm_unit_new(struct encoder *e, const struct flat *flat, const struct mlm_sizes *sizes, struct mlm_unit **out)
{
    struct activations_plan plan = {.rows = sizes->rows, .examples = sizes->examples, .threads = sizes->threads,
                                    .keep = sizes->train, .sink = sizes->train};
    struct mlm_unit *u;
    status s;

    *out = NULL;
    openblas_set_num_threads(1);
    TRY(mem_alloc(1, sizeof *u, &u));
    u->e = e;
    u->flat = flat;
    u->sizes = *sizes;
    s = activations_new(e, &plan, &u->activations);
    if (s == ST_OK) s = alloc_head(u);
    if (s == ST_OK) s = alloc_copies(u);
    if (s != ST_OK) {
        mlm_unit_destroy(&u);
        return s;
    }
    *out = u;
    return ST_OK;
}

void mlm_unit_destroy(struct mlm_unit **out)
{
    struct mlm_unit *u = *out;

    if (!u) return;
    void *owned[] = {u->token_type, u->zeros, u->x, u->pre, u->t, u->d_t, u->d_pre, u->xhat, u->rstd, u->act, u->logits,
                     u->loss, u->best, u->bias};

    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mem_free(owned[i]);
    for (int i = 0; i <= PRODUCT_DOWN; i++) {
        mem_free(u->in[i]);
        mem_free(u->out[i]);
    }
    activations_destroy(&u->activations);
    mem_free(u);
    *out = NULL;
}

/* ---- head ---- */

static const float *head_values(const struct mlm_unit *u, enum flat_head_slot slot)
{
    return u->values + flat_head(u->flat, slot);
}

static struct norm head_norm(const struct mlm_unit *u, int64_t rows)
{
    const struct random_key none = {{0, 0}};

    return (struct norm){.rows = rows, .width = (int)u->e->config.hidden, .eps = (float)u->e->config.eps, .type = NUMBER_F32,
                         .drop = dropout_make(none, 0), .gamma = head_values(u, FLAT_HEAD_NORM),
                         .beta = head_values(u, FLAT_HEAD_NORM_BIAS)};
}

/* y (rows,n) = x (rows,k) W^T + b, W (n,k). */
static void linear(int64_t rows, int64_t n, int64_t k, const float *x, const float *w, const float *b, float *y)
{
    for (int64_t i = 0; i < rows; i++) memcpy(y + i * n, b, (size_t)n * sizeof *y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)n, (int)k, 1.0f, x, (int)k, w, (int)k, 1.0f, y, (int)n);
}

/* dx (rows,k) = dy (rows,n) W. */
static void linear_back(int64_t rows, int64_t n, int64_t k, const float *dy, const float *w, float *dx)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)k, (int)n, 1.0f, dy, (int)n, w, (int)k, 0.0f, dx,
                (int)k);
}

static void head_forward(struct mlm_unit *u, int64_t first, int64_t rows, float factor)
{
    const struct kernels *k = &u->e->kernels;
    int64_t h = u->e->config.hidden, v = u->e->config.vocab, at = first * h;
    struct norm n = head_norm(u, rows);
    float *logits = u->logits + first * v;

    k->gather(rows, (int)h, NUMBER_F32, u->inputs->rows + first, activations_hidden(u->activations), u->x + at);
    linear(rows, h, h, u->x + at, head_values(u, FLAT_DENSE), head_values(u, FLAT_DENSE_BIAS), u->pre + at);
    k->gelu_forward(rows * h, NUMBER_F32, u->pre + at, NUMBER_F32, u->act + at);
    k->norm_forward(&n, u->zeros, u->act + at, u->t + at, NULL, u->xhat + at, u->rstd + first);
    linear(rows, v, h, u->t + at, u->values + u->flat->offset[NAME_WORD], head_values(u, FLAT_DECODER_BIAS), logits);
    k->vocabulary_loss(rows, (int)v, logits, v, u->inputs->targets + first, factor, NUMBER_F32, u->grad ? logits : NULL, v,
                       u->loss + first, u->best + first);
}

/* Down to the hidden rows, whose gradient it writes. */
static void head_backward(struct mlm_unit *u, int64_t first, int64_t rows)
{
    const struct kernels *k = &u->e->kernels;
    int64_t h = u->e->config.hidden, v = u->e->config.vocab, at = first * h;
    struct norm n = head_norm(u, rows);
    float *d_x = u->act + at;   /* what stood there is not needed any more */

    linear_back(rows, v, h, u->logits + first * v, u->values + u->flat->offset[NAME_WORD], u->d_t + at);
    k->norm_backward(&n, u->d_t + at, NULL, u->xhat + at, u->rstd + first, d_x, u->d_pre + at);
    k->gelu_backward(rows * h, NUMBER_F32, u->pre + at, NUMBER_F32, u->d_pre + at, u->d_pre + at);
    linear_back(rows, h, h, u->d_pre + at, head_values(u, FLAT_DENSE), d_x);
    for (int64_t i = 0; i < rows; i++)
        memcpy(activations_gradient(u->activations) + u->inputs->rows[first + i] * h, d_x + i * h, (size_t)h * sizeof *d_x);
}

static void head_job(void *arg, int thread, int threads)
{
    struct mlm_unit *u = arg;
    float factor = (float)(1.0 / u->inputs->divide);

    (void)thread, (void)threads;
    for (;;) {
        int64_t first = (int64_t)atomic_fetch_add(&u->next, 1) * HEAD_BLOCK, left = u->inputs->count - first;
        int64_t rows = left < HEAD_BLOCK ? left : HEAD_BLOCK;

        if (left <= 0) return;
        head_forward(u, first, rows, factor);
        if (u->grad) head_backward(u, first, rows);
    }
}

static void head_gradient(struct mlm_unit *u)
{
    int64_t m = u->inputs->count, h = u->e->config.hidden, v = u->e->config.vocab;
    const struct flat *f = u->flat;
    struct weight_work w = {.kernels = &u->e->kernels, .weights = 2, .biases = 2, .norms = 1};

    w.weight[0] = (struct weight_piece){u->t, u->logits, m, h, v, v, u->grad + f->offset[NAME_WORD]};
    w.weight[1] = (struct weight_piece){u->x, u->d_pre, m, h, h, h, u->grad + flat_head(f, FLAT_DENSE)};
    w.bias[0] = (struct bias_piece){u->logits, NUMBER_F32, m, (int)v, u->grad + flat_head(f, FLAT_DECODER_BIAS)};
    w.bias[1] = (struct bias_piece){u->d_pre, NUMBER_F32, m, (int)h, u->grad + flat_head(f, FLAT_DENSE_BIAS)};
    w.norm[0] = (struct norm_piece){head_norm(u, m), 0, u->d_t, u->xhat, u->grad + flat_head(f, FLAT_HEAD_NORM),
                                    u->grad + flat_head(f, FLAT_HEAD_NORM_BIAS)};
    weight_gradient(&w, u->pool);
}

/* ---- encoder ---- */

static struct norm_piece layer_norm(const struct mlm_unit *u, const struct encoder_layer_view *view, int second)
{
    const struct random_key none = {{0, 0}};
    struct norm n = {.rows = view->rows, .width = (int)u->e->config.hidden, .eps = (float)u->e->config.eps,
                     .type = u->e->precision, .drop = dropout_make(none, 0)};
    float *gamma = u->grad + flat_layer(u->flat, view->layer, second ? FLAT_NORM2 : FLAT_NORM1);
    float *beta = u->grad + flat_layer(u->flat, view->layer, second ? FLAT_NORM2_BIAS : FLAT_NORM1_BIAS);

    return (struct norm_piece){n, 0, second ? view->d_norm2 : view->d_norm1, second ? view->xhat2 : view->xhat1, gamma, beta};
}

static status take_layer(void *arg, const struct encoder_layer_view *view)
{
    static const enum flat_layer_slot slots[] = {FLAT_QUERY, FLAT_OUT, FLAT_UP, FLAT_DOWN};
    struct mlm_unit *u = arg;
    const struct kernels *k = &u->e->kernels;
    struct weight_work w = {.kernels = k, .norms = 2};
    int64_t h = u->e->config.hidden;

    for (int i = 0; i <= PRODUCT_DOWN; i++) {
        const struct matmul_spec *s = matmul_product(u->e->matmul, i);
        const float *x = weight_floats(k, u->pool, u->e->precision, view->rows * s->k, view->in[i], u->in[i]);
        const float *dy = weight_floats(k, u->pool, u->e->precision, view->rows * s->n, view->d_out[i], u->out[i]);
        int parts = i == PRODUCT_QKV ? 3 : 1;
        int64_t n = s->n / parts;

        for (int j = 0; j < parts; j++)
            w.weight[w.weights++] = (struct weight_piece){x, dy + j * n, view->rows, s->k, n, s->n,
                                                          u->grad + flat_layer(u->flat, view->layer, slots[i] + 2 * (unsigned)j)};
        w.bias[w.biases++] = (struct bias_piece){dy, NUMBER_F32, view->rows, (int)s->n, i == PRODUCT_QKV ? u->bias :
                                                 u->grad + flat_layer(u->flat, view->layer, slots[i] + 1)};
    }
    memset(u->bias, 0, (size_t)(3 * h) * sizeof *u->bias);
    w.norm[0] = layer_norm(u, view, 0);
    w.norm[1] = layer_norm(u, view, 1);
    weight_gradient(&w, u->pool);
    for (unsigned j = 0; j < 3; j++)
        memcpy(u->grad + flat_layer(u->flat, view->layer, FLAT_QUERY_BIAS + 2 * j), u->bias + j * h, (size_t)h * sizeof(float));
    return ST_OK;
}

/* A table's row gets its sums in the order of the batch's rows. The word table has the decoder's gradient already. */
static status take_embedding(void *arg, const struct encoder_embedding_view *view)
{
    struct mlm_unit *u = arg;
    const struct kernels *k = &u->e->kernels;
    const struct batch *b = u->inputs->batch;
    int64_t h = u->e->config.hidden;
    const int64_t *at = u->flat->offset;

    k->scatter_add(b->rows, (int)h, b->ids, view->d_sum, u->grad + at[NAME_WORD]);
    for (int32_t i = 0; i < b->rows; i++)
        k->add(h, u->grad + at[NAME_POSITION] + b->place[i].position * h, view->d_sum + i * h);
    k->sum_rows(b->rows, (int)h, NUMBER_F32, view->d_sum, u->grad + at[NAME_TYPE] + u->inputs->token_type * h);
    k->norm_parameters(&view->norm, 1, view->d_out, NULL, view->xhat, u->grad + at[FLAT_EMBEDDING_NORM],
                       u->grad + at[FLAT_EMBEDDING_NORM_BIAS]);
    return ST_OK;
}

static status forward(struct mlm_unit *u, struct pool *pool, const float *values, const struct mlm_inputs *in, float *grad,
                      struct mlm_score *out)
{
    int64_t h = u->e->config.hidden;

    u->pool = pool;
    u->values = values;
    u->inputs = in;
    u->grad = grad;
    /* The encoder adds row 1 of its table; here that row is the micro-batch's. */
    memcpy(u->token_type + h, values + u->flat->offset[NAME_TYPE] + in->token_type * h, (size_t)h * sizeof *u->token_type);
    u->e->weights.type = u->token_type;
    TRY(encoder_forward(u->e, pool, u->activations, in->batch, NULL, &in->dropout));
    if (grad) memset(activations_gradient(u->activations), 0, (size_t)(in->batch->rows * h) * sizeof *grad);
    atomic_store(&u->next, 0);
    pool_run(pool, head_job, u);
    *out = (struct mlm_score){.targets = in->count};
    for (int32_t i = 0; i < in->count; i++) {
        out->loss += u->loss[i];
        out->correct += u->best[i] == in->targets[i];
    }
    return ST_OK;
}

status mlm_train(struct mlm_unit *u, struct pool *pool, const float *values, const struct mlm_inputs *in, float *grad,
                 struct mlm_score *out)
{
    const struct encoder_sink sink = {take_layer, take_embedding, u};

    TRY(forward(u, pool, values, in, grad, out));
    head_gradient(u);
    return encoder_backward(u->e, pool, u->activations, in->batch, NULL, &in->dropout, NULL, &sink);
}

status mlm_evaluate(struct mlm_unit *u, struct pool *pool, const float *values, const struct mlm_inputs *in, int32_t *best,
                    struct mlm_score *out)
{
    TRY(forward(u, pool, values, in, NULL, out));
    if (best) memcpy(best, u->best, (size_t)in->count * sizeof *best);
    return ST_OK;
}

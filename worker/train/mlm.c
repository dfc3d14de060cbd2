#include "worker/train/mlm.h"

#include <stdatomic.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "worker/train/vocabulary_head.h"
#include "worker/train/weight_gradient.h"

struct mlm_unit {
    struct encoder *e;
    const struct flat *flat;
    struct mlm_sizes sizes;
    struct activations *activations;
    struct vocabulary_head *head;
    struct matmul *matmul;               /* weight gradients: products 0 … PRODUCT_DOWN; NULL: not for training */
    float *token_type;                   /* (2,H): row 1 is what the encoder adds */
    const float *values;
    /* of the call that runs */
    struct pool *pool;
    const struct mlm_inputs *inputs;
    float *grad;
};

/* ---- memory ---- */

static status compile(struct mlm_unit *u)
{
    struct matmul_spec forward[PRODUCT_COUNT], specs[PRODUCT_DOWN + 1];

    packed_products(&u->e->config, u->e->precision, forward);
    for (int i = 0; i <= PRODUCT_DOWN; i++)
        specs[i] = weight_product(u->e->precision, u->sizes.rows, i == PRODUCT_QKV ? forward[i].n / 3 : forward[i].n, forward[i].k,
                                  forward[i].n);
    return matmul_new(matmul_engine_of(u->e->matmul), specs, PRODUCT_DOWN + 1, u->sizes.threads, &u->matmul);
}

status mlm_unit_new(struct encoder *e, const struct flat *flat, const struct mlm_sizes *sizes, struct mlm_unit **out)
{
    struct activations_plan plan = {.rows = sizes->rows, .examples = sizes->examples, .threads = sizes->threads,
                                    .keep = sizes->train, .sink = sizes->train};
    struct mlm_unit *u;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *u, &u));
    u->e = e;
    u->flat = flat;
    u->sizes = *sizes;
    s = activations_new(e, &plan, &u->activations);
    if (s == ST_OK) s = vocabulary_head_new(e, flat, sizes->targets, sizes->threads, sizes->train, &u->head);
    if (s == ST_OK && sizes->train) s = compile(u);
    if (s == ST_OK) s = mem_alloc(2 * (size_t)e->config.hidden, sizeof *u->token_type, &u->token_type);
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
    activations_destroy(&u->activations);
    vocabulary_head_destroy(&u->head);
    matmul_destroy(&u->matmul);
    mem_free(u->token_type);
    mem_free(u);
    *out = NULL;
}

status mlm_attach(struct mlm_unit *u, struct pool *pool, const float *values, void *memory)
{
    const struct flat_view view = {u->flat, values};
    struct packed_source source = packed_from_flat(&view);

    u->values = values;
    TRY(encoder_weights_pack(u->e, &source, pool, memory));
    TRY(encoder_attach(u->e, memory));
    return vocabulary_head_pack(u->head, pool, values);
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
    struct weight_work w = {.kernels = &u->e->kernels, .matmul = u->matmul, .norms = 2};
    enum number type = u->e->precision;

    for (int i = 0; i <= PRODUCT_DOWN; i++) {
        const struct matmul_spec *s = matmul_product(u->matmul, i);

        for (int64_t j = 0; j < (i == PRODUCT_QKV ? 3 : 1); j++) {
            const char *dy = (const char *)view->d_out[i] + (size_t)(j * s->rows) * number_size(type);
            unsigned slot = slots[i] + 2 * (unsigned)j;

            w.weight[w.weights++] = (struct weight_piece){i, view->in[i], dy, u->grad + flat_layer(u->flat, view->layer, slot)};
            w.bias[w.biases++] = (struct bias_piece){dy, type, view->rows, s->rows, s->ld_x,
                                                     u->grad + flat_layer(u->flat, view->layer, slot + 1)};
        }
    }
    w.norm[0] = layer_norm(u, view, 0);
    w.norm[1] = layer_norm(u, view, 1);
    return weight_gradient(&w, u->pool);
}

/* A table's row gets its sums in the order of the batch's rows. The word table has the decoder's gradient already. */
enum embedding_part { EMBEDDING_WORD, EMBEDDING_NORM, EMBEDDING_POSITION, EMBEDDING_TYPE, EMBEDDING_PARTS };
struct embedding_work { struct mlm_unit *u; const struct encoder_embedding_view *view; atomic_int next; };

static void embedding_job(void *arg, int thread, int threads)
{
    struct embedding_work *w = arg;
    const struct encoder_embedding_view *view = w->view;
    const struct kernels *k = &w->u->e->kernels;
    const struct batch *b = w->u->inputs->batch;
    int64_t h = w->u->e->config.hidden;
    const int64_t *at = w->u->flat->offset;
    float *grad = w->u->grad;
    int part;

    (void)thread, (void)threads;
    while ((part = atomic_fetch_add(&w->next, 1)) < EMBEDDING_PARTS) {
        if (part == EMBEDDING_WORD) k->scatter_add(b->rows, (int)h, b->ids, view->d_sum, grad + at[NAME_WORD]);
        else if (part == EMBEDDING_NORM)
            k->norm_parameters(&view->norm, 1, view->d_out, NULL, view->xhat, grad + at[FLAT_EMBEDDING_NORM],
                               grad + at[FLAT_EMBEDDING_NORM_BIAS]);
        else if (part == EMBEDDING_POSITION)
            for (int32_t i = 0; i < b->rows; i++)
                k->add(h, grad + at[NAME_POSITION] + b->place[i].position * h, view->d_sum + i * h);
        else k->sum_rows(b->rows, (int)h, h, NUMBER_F32, view->d_sum, grad + at[NAME_TYPE] + w->u->inputs->token_type * h);
    }
}

static status take_embedding(void *arg, const struct encoder_embedding_view *view)
{
    struct embedding_work w = {.u = arg, .view = view};

    pool_run(w.u->pool, embedding_job, &w);
    return ST_OK;
}

/* ---- the whole ---- */

static status run(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *grad, float *logits,
                  struct mlm_score *out)
{
    int64_t h = u->e->config.hidden;
    struct vocabulary_run head = {.values = u->values, .hidden = activations_hidden(u->activations), .rows = in->rows,
                                  .targets = in->targets, .count = in->count, .factor = (float)(1.0 / in->divide),
                                  .d_hidden = grad ? activations_gradient(u->activations) : NULL, .logits = logits};
    const double *loss;
    const int32_t *best;

    u->pool = pool;
    u->inputs = in;
    u->grad = grad;
    /* The encoder adds row 1 of its table; here that row is the micro-batch's. */
    memcpy(u->token_type + h, u->values + u->flat->offset[NAME_TYPE] + in->token_type * h, (size_t)h * sizeof *u->token_type);
    u->e->weights.type = u->token_type;
    TRY(encoder_forward(u->e, pool, u->activations, in->batch, NULL, &in->dropout));
    if (grad) memset(head.d_hidden, 0, (size_t)(in->batch->rows * h) * sizeof *grad);
    TRY(vocabulary_head_run(u->head, pool, &head, &loss, &best));
    *out = (struct mlm_score){.targets = in->count};
    for (int32_t i = 0; i < in->count; i++) {
        out->loss += loss[i];
        out->correct += best[i] == in->targets[i];
    }
    return grad ? vocabulary_head_gradient(u->head, pool, grad) : ST_OK;
}

/* What is added to rather than written: tables, biases and LayerNorms of the encoder. */
static void clear_gradient(const struct mlm_unit *u, float *grad)
{
    const struct flat *f = u->flat;

    for (int64_t i = NAME_POSITION; i < names_encoder(f->config.layers); i++)
        if (i < NAME_EMBEDDINGS || !flat_decays(f, i)) memset(grad + f->offset[i], 0, (size_t)f->size[i] * sizeof *grad);
}

status mlm_train(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *grad, struct mlm_score *out)
{
    const struct encoder_sink sink = {take_layer, take_embedding, u};

    if (in->batch->rows != u->sizes.rows)
        return fault(ST_SYSTEM, "internal error: a micro-batch of %d rows, expected %d", in->batch->rows, u->sizes.rows);
    clear_gradient(u, grad);
    TRY(run(u, pool, in, grad, NULL, out));
    return encoder_backward(u->e, pool, u->activations, in->batch, NULL, &in->dropout, NULL, &sink);
}

status mlm_evaluate(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *logits, struct mlm_score *out)
{
    return run(u, pool, in, NULL, logits, out);
}

double mlm_flops(const struct model_config *c, int64_t examples, int64_t length, int64_t targets)
{
    double h = (double)c->hidden, layer = 4 * h * h + 2 * h * (double)c->feed_forward, head = h * h + h * (double)c->vocab;

    /* Each weight is multiplied three times by two flops a row; attention's two products become four in backward. */
    return (double)examples * (double)c->layers * (6 * layer * (double)length + 12 * h * (double)length * (double)length) +
           6 * head * (double)targets;
}

#include "worker/train/encoder_gradient.h"

#include <stdatomic.h>
#include <string.h>

#include "cluster/base/log.h"
#include "worker/train/weight_gradient.h"

static status compile(struct encoder_gradient *g, int threads)
{
    struct matmul_spec forward[PRODUCT_COUNT], specs[PRODUCT_DOWN + 1];

    packed_weights_products(&g->e->config, g->e->precision, forward);
    for (int i = 0; i <= PRODUCT_DOWN; i++)
        specs[i] = weight_product(g->e->precision, g->rows, i == PRODUCT_QKV ? forward[i].n / 3 : forward[i].n,
                                  forward[i].k, forward[i].n);
    return matmul_new(matmul_engine_of(g->e->matmul), specs, PRODUCT_DOWN + 1, threads, &g->matmul);
}

status encoder_gradient_open(struct encoder_gradient *g, struct encoder *e, const struct flat *flat, int32_t rows,
                             int threads)
{
    *g = (struct encoder_gradient){.e = e, .flat = flat, .rows = rows};
    return compile(g, threads);
}

void encoder_gradient_close(struct encoder_gradient *g)
{
    matmul_destroy(&g->matmul);
}

/* ---- layers ---- */

static struct norm_piece layer_norm(const struct encoder_gradient *g, const struct encoder_layer_view *view, int second)
{
    const struct random_key none = {{0, 0}};
    struct norm n = {.rows = view->rows,
                     .width = (int)g->e->config.hidden,
                     .eps = (float)g->e->config.eps,
                     .type = g->e->precision,
                     .drop = dropout_make(none, 0)};
    float *gamma = g->grad + flat_layer(g->flat, view->layer, second ? FLAT_NORM2 : FLAT_NORM1);
    float *beta = g->grad + flat_layer(g->flat, view->layer, second ? FLAT_NORM2_BIAS : FLAT_NORM1_BIAS);

    return (struct norm_piece){n,     0,   second ? view->d_norm2 : view->d_norm1, second ? view->xhat2 : view->xhat1,
                               gamma, beta};
}

static void tell_part(const struct encoder_gradient *g)
{
    if (g->watch) g->watch->part(g->watch->arg);
}

static void take_turn(void *arg)
{
    const struct encoder_gradient *g = arg;

    g->watch->turn(g->watch->arg);
}

static status take_layer(void *arg, const struct encoder_layer_view *view)
{
    static const enum flat_layer_slot slots[] = {FLAT_QUERY, FLAT_OUT, FLAT_UP, FLAT_DOWN};
    struct encoder_gradient *g = arg;
    struct weight_work w = {.kernels = &g->e->kernels, .matmul = g->matmul, .norms = 2};
    enum number type = g->e->precision;

    for (int i = 0; i <= PRODUCT_DOWN; i++) {
        const struct matmul_spec *s = matmul_product(g->matmul, i);

        for (int64_t j = 0; j < (i == PRODUCT_QKV ? 3 : 1); j++) {
            const char *dy = (const char *)view->d_out[i] + (size_t)(j * s->rows) * number_size(type);
            unsigned slot = slots[i] + 2 * (unsigned)j;

            w.weight[w.weights++] = (struct weight_piece){i, view->in[i], dy,
                                                          g->grad + flat_layer(g->flat, view->layer, slot)};
            w.bias[w.biases++] = (struct bias_piece){
                dy, type, view->rows, s->rows, s->ld_x, g->grad + flat_layer(g->flat, view->layer, slot + 1)};
        }
    }
    w.norm[0] = layer_norm(g, view, 0);
    w.norm[1] = layer_norm(g, view, 1);
    w.turn = g->watch ? take_turn : NULL;
    w.turn_arg = g;
    TRY(weight_gradient(&w, g->pool));
    tell_part(g);
    return ST_OK;
}

/* A table row's gradient is summed in the order of the batch's rows. The word table's already holds the decoder's
 * gradient, or zeros. */
enum embedding_part { EMBEDDING_WORD, EMBEDDING_NORM, EMBEDDING_POSITION, EMBEDDING_TYPE, EMBEDDING_PARTS };
struct embedding_work {
    struct encoder_gradient *g;
    const struct encoder_embedding_view *view;
    atomic_int next;
};

static void embedding_job(void *arg, int thread, int threads)
{
    struct embedding_work *w = arg;
    const struct encoder_embedding_view *view = w->view;
    const struct kernels *k = &w->g->e->kernels;
    const struct unit_batch *b = w->g->batch;
    int64_t h = w->g->e->config.hidden;
    const int64_t *at = w->g->flat->offset;
    float *grad = w->g->grad;
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
        else k->sum_rows(b->rows, (int)h, h, NUMBER_F32, view->d_sum, grad + at[NAME_TYPE] + w->g->token_type * h);
    }
}

static status take_embedding(void *arg, const struct encoder_embedding_view *view)
{
    struct embedding_work w = {.g = arg, .view = view};

    pool_run(w.g->pool, embedding_job, &w);
    tell_part(w.g);
    return ST_OK;
}

/* ---- the whole ---- */

/* Clear what is accumulated rather than written: tables, biases and LayerNorms of the encoder. */
static void clear_gradient(const struct encoder_gradient *g, float *grad)
{
    const struct flat *f = g->flat;

    for (int64_t i = NAME_POSITION; i < names_encoder(f->config.layers); i++)
        if (i < NAME_EMBEDDINGS || !flat_decays(f, i))
            memset(grad + f->offset[i], 0, (size_t)f->size[i] * sizeof *grad);
    if (f->config.untied) memset(grad + f->offset[NAME_WORD], 0, (size_t)f->size[NAME_WORD] * sizeof *grad);
}

status encoder_gradient_begin(struct encoder_gradient *g, struct pool *pool, const struct unit_batch *batch,
                              int32_t token_type, float *grad, const struct gradient_watch *watch,
                              struct encoder_sink *sink)
{
    if (batch->rows != g->rows)
        return fault(ST_SYSTEM, "internal error: a micro-batch of %d rows, expected %d", batch->rows, g->rows);
    g->pool = pool;
    g->batch = batch;
    g->token_type = token_type;
    g->grad = grad;
    g->watch = watch;
    clear_gradient(g, grad);
    *sink = (struct encoder_sink){
        .layer = take_layer, .embedding = take_embedding, .turn = watch ? take_turn : NULL, .arg = g};
    return ST_OK;
}

#include "worker/train/mlm_unit.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "worker/train/vocabulary_head.h"

struct mlm_unit {
    struct encoder *e;
    const struct flat *flat;
    struct mlm_sizes sizes;
    struct activations *activations;
    struct vocabulary_head *head;
    struct encoder_gradient gradient; /* for training */
    float *token_type;                /* (2,H): row 1 is what the encoder adds */
    const float *values;
    void *packed;               /* what the encoder is attached to */
    float *packed_weights_type; /* the token types in it */
};

/* ---- memory ---- */

status mlm_unit_new(struct encoder *e, const struct flat *flat, const struct mlm_sizes *sizes, struct mlm_unit **out)
{
    struct activations_plan plan = {.rows = sizes->rows,
                                    .examples = sizes->examples,
                                    .threads = sizes->threads,
                                    .keep = sizes->train,
                                    .sink = sizes->train};
    struct mlm_unit *u;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *u, &u));
    u->e = e;
    u->flat = flat;
    u->sizes = *sizes;
    s = activations_new(e, &plan, &u->activations);
    if (s == ST_OK) s = vocabulary_head_new(e, flat, sizes->targets, sizes->threads, sizes->train, &u->head);
    if (s == ST_OK && sizes->train) s = encoder_gradient_open(&u->gradient, e, flat, sizes->rows, sizes->threads);
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
    encoder_gradient_close(&u->gradient);
    mem_free(u->token_type);
    mem_free(u);
    *out = NULL;
}

status mlm_attach(struct mlm_unit *u, struct pool *pool, const float *values, void *memory)
{
    const struct flat_view view = {u->flat, values};
    struct packed_weights_source source = packed_weights_from_flat(&view);

    u->values = values;
    if (memory == u->packed) {
        u->e->weights.type = u->packed_weights_type;
        TRY(encoder_weights_repack(u->e, &source, pool));
        return vocabulary_head_pack(u->head, pool, values);
    }
    TRY(encoder_weights_pack(u->e, &source, pool, memory));
    TRY(encoder_attach(u->e, memory));
    u->packed = memory;
    u->packed_weights_type = u->e->weights.type;
    return vocabulary_head_pack(u->head, pool, values);
}

/* ---- the whole ---- */

static status run_unit(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *grad, float *logits,
                       struct mlm_score *out)
{
    int64_t h = u->e->config.hidden;
    struct vocabulary_run head = {.values = u->values,
                                  .hidden = activations_hidden(u->activations),
                                  .rows = in->rows,
                                  .targets = in->targets,
                                  .count = in->count,
                                  .factor = (float)(1.0 / in->divide),
                                  .d_hidden = grad ? activations_gradient(u->activations) : NULL,
                                  .logits = logits};
    const double *loss;
    const int32_t *best;

    /* The encoder adds row 1 of its table; here that row is set to the micro-batch's token type. */
    memcpy(u->token_type + h, u->values + u->flat->offset[NAME_TYPE] + in->token_type * h,
           (size_t)h * sizeof *u->token_type);
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

status mlm_train(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *grad, struct mlm_score *out)
{
    struct encoder_sink sink;

    TRY(encoder_gradient_begin(&u->gradient, pool, in->batch, in->token_type, grad, in->watch, &sink));
    sink.lowest = u->sizes.frozen;
    TRY(run_unit(u, pool, in, grad, NULL, out));
    if (u->sizes.frozen > 0) memset(grad, 0, (size_t)flat_layer(u->flat, u->sizes.frozen, FLAT_QUERY) * sizeof *grad);
    if (in->watch) in->watch->part(in->watch->arg);
    TRY(encoder_backward(u->e, pool, u->activations, in->batch, NULL, &in->dropout, NULL, &sink));
    for (int32_t i = 0; i < u->sizes.frozen + (u->sizes.frozen > 0) && in->watch; i++) in->watch->part(in->watch->arg);
    return ST_OK;
}

status mlm_evaluate(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *logits,
                    struct mlm_score *out)
{
    return run_unit(u, pool, in, NULL, logits, out);
}

double mlm_flops(const struct model_config *c, int64_t examples, int64_t length, int64_t targets)
{
    double h = (double)c->hidden, layer = 4 * h * h + 2 * h * (double)c->feed_forward,
           head = h * h + h * (double)c->vocab;

    /* Each weight is used in three products, two FLOPs per row each; attention's two products become four in
     * backward. */
    return (double)examples * (double)c->layers *
               (6 * layer * (double)length + 12 * h * (double)length * (double)length) +
           6 * head * (double)targets;
}

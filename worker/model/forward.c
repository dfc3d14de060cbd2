/* Forward. Phases: rows (from the embedding, or a saved state, to the first layer's q, k, v); then for every layer
 * attention by (example, head), and rows from its output to the next layer's q, k, v. */
#include "worker/model/int8.h"
#include "worker/model/pass.h"

#include <string.h>

/* Move the head's queries of the wanted rows to the front of the example. */
static void narrow_queries(const struct attention *a, char *q)
{
    size_t bytes = (size_t)a->width * number_size(a->type);

    for (int64_t i = 0; i < a->queries; i++)
        if (a->place[i].position != i)
            memcpy(element_at(q, a->type, i * a->ld), element_at(q, a->type, a->place[i].position * a->ld), bytes);
}

/* Attention of one example and head. */
static void attention_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;
    const struct encoder *e = p->e;
    const struct layer_saved *saved = &p->a->layers[p->layer];
    int64_t hidden = e->config.hidden, width = hidden / e->config.heads;
    int32_t heads = (int32_t)e->config.heads, room = unit_batch_rows(p->a->plan.rows, MATMUL_GRAIN), item;

    (void)threads;
    while ((item = pass_deal(p, p->b->examples * heads)) >= 0) {
        int32_t example = p->a->order[item / heads], head = item % heads, row = p->b->row[example];
        struct attention a = pass_attention(p, example, head);
        char *q = element_at(saved->qkv, e->precision, 3 * hidden * row + head * width);
        size_t part = (size_t)hidden * number_size(e->precision);
        float *stats = saved->stats ? saved->stats + 2 * ((int64_t)head * room + row) : NULL;

        if (p->narrow) {
            narrow_queries(&a, q);
            row = p->a->wanted[example];
        }
        e->kernels.attention_forward(&a, q, q + part, q + 2 * part,
                                     element_at(saved->ctx, e->precision, hidden * row + head * width), stats,
                                     p->a->threads[thread].attention);
    }
}

/* Where to write the block's input of the layer's first product: an array kept for a sink, else scratch. */
static void *block_input(const struct pass *p, void *kept, void *scratch, int32_t first)
{
    return kept ? row_at(kept, p->e->precision, first, p->e->config.hidden) : scratch;
}

static void block_qkv(struct pass *p, int thread, const struct row_block *block, int32_t layer, const void *x)
{
    const struct layer_saved *saved = &p->a->layers[layer];
    void *y = row_at(saved->qkv, p->e->precision, block->first, 3 * p->e->config.hidden);

    pass_product(p, thread, PRODUCT_QKV, layer, block->rows, x, y);
}

/* From ids, or from the saved state of layer `first`, to q, k, v. */
static void enter_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;
    const struct encoder *e = p->e;
    const struct packed_weights *w = &e->weights;
    struct activations *a = p->a;
    int64_t hidden = e->config.hidden;
    int32_t item;

    (void)threads;
    while ((item = pass_deal(p, a->block_count)) >= 0) {
        const struct row_block *block = &a->blocks[item];
        int64_t at = (int64_t)block->first * hidden;
        void *x = block_input(p, a->layers[p->first].in_qkv, a->threads[thread].narrow, block->first);
        const float *prompt = pass_prompt(p, p->first);

        if (p->first == 0) {
            struct norm n = pass_norm(p, block, 0, DROPOUT_EMBEDDING, w->norm_weight, w->norm_bias, prompt);
            struct sink_saved *s = &a->sink;
            void *xhat = s->embed_xhat ? row_at(s->embed_xhat, e->precision, block->first, hidden) : NULL;
            float *rstd = s->embed_rstd ? s->embed_rstd + block->first : NULL;

            e->kernels.embed_forward(&n, p->b->ids + block->first, w->precision, w->word, w->position, w->type + hidden,
                                     a->state + at, x, xhat, rstd);
        } else {
            e->kernels.add_prompt(block->rows, (int)hidden, p->b->place + block->first, prompt,
                                  prompt ? p->prompts->tokens : 0, e->precision, a->state + at, x);
        }
        block_qkv(p, thread, block, p->first, x);
    }
}

/* From attention's output to LayerNorm 1; its rounded rows go to x. */
static void block_attention_end(struct pass *p, int thread, const struct row_block *block, void *x)
{
    const struct encoder *e = p->e;
    const struct packed_weights_layer *w = &e->weights.layer[p->layer];
    const struct layer_saved *saved = &p->a->layers[p->layer];
    struct thread_scratch *t = &p->a->threads[thread];
    int64_t hidden = e->config.hidden;
    float *state = p->a->state + (int64_t)block->first * hidden;
    struct norm n = pass_norm(p, block, p->layer, DROPOUT_ATTENTION, w->norm1_weight, w->norm1_bias, NULL);
    void *xhat = saved->xhat1 ? row_at(saved->xhat1, e->precision, block->first, hidden) : NULL;
    float *rstd = saved->rstd1 ? saved->rstd1 + block->first : NULL;

    pass_product(p, thread, PRODUCT_OUT, p->layer, block->rows, row_at(saved->ctx, e->precision, block->first, hidden),
                 t->narrow);
    e->kernels.norm_forward(&n, state, t->narrow, state, x, xhat, rstd);
}

/* The feed-forward network from x to LayerNorm 2 and the next layer's prompt; its rounded rows go to next. */
static void block_feed_forward(struct pass *p, int thread, const struct row_block *block, const void *x, void *next)
{
    const struct encoder *e = p->e;
    const struct packed_weights_layer *w = &e->weights.layer[p->layer];
    const struct layer_saved *saved = &p->a->layers[p->layer];
    struct thread_scratch *t = &p->a->threads[thread];
    int64_t hidden = e->config.hidden, ffn = e->config.feed_forward;
    float *state = p->a->state + (int64_t)block->first * hidden;
    const float *prompt = p->layer + 1 < p->last ? pass_prompt(p, p->layer + 1) : NULL;
    struct norm n = pass_norm(p, block, p->layer, DROPOUT_FEED_FORWARD, w->norm2_weight, w->norm2_bias, prompt);
    void *pre = saved->pre ? row_at(saved->pre, e->precision, block->first, ffn)
                           : row_at(t->wide, e->precision, ENCODER_BLOCK, ffn);
    void *xhat = saved->xhat2 ? row_at(saved->xhat2, e->precision, block->first, hidden) : NULL;
    float *rstd = saved->rstd2 ? saved->rstd2 + block->first : NULL;

    if (e->int8) int8_feed_forward(p, thread, p->layer, block->rows, x, saved->pre ? pre : NULL, t->narrow);
    else {
        pass_product(p, thread, PRODUCT_UP, p->layer, block->rows, x, pre);
        e->kernels.gelu_forward(block->rows * ffn, e->precision, pre, e->precision, t->wide);
        pass_product(p, thread, PRODUCT_DOWN, p->layer, block->rows, t->wide, t->narrow);
    }
    e->kernels.norm_forward(&n, state, t->narrow, state, next, xhat, rstd);
}

static void layer_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;
    struct activations *a = p->a;
    struct thread_scratch *t = &a->threads[thread];
    int32_t item, next = p->layer + 1;

    (void)threads;
    while ((item = pass_deal(p, a->block_count)) >= 0) {
        const struct row_block *block = &a->blocks[item];
        void *x = block_input(p, a->layers[p->layer].in_up, t->narrow2, block->first);
        void *onward = NULL;

        if (next < p->last) onward = block_input(p, a->layers[next].in_qkv, t->narrow2, block->first);
        block_attention_end(p, thread, block, x);
        block_feed_forward(p, thread, block, x, onward);
        if (next < p->last) block_qkv(p, thread, block, next, onward);
    }
}

static status forward(struct pass *p, const int32_t *rows, int32_t count)
{
    activations_prepare(p->e, p->a, p->b);
    if (rows) activations_want(p->a, p->b, rows, count);
    TRY(pass_phase(p, enter_job));
    for (p->layer = p->first; p->layer < p->last; p->layer++) {
        p->narrow = pass_narrows(p);
        TRY(pass_phase(p, attention_job));
        if (p->narrow) activations_narrow(p->e, p->a);
        TRY(pass_phase(p, layer_job));
    }
    if (rows && !p->narrow) activations_narrow(p->e, p->a);
    return ST_OK;
}

status encoder_forward(const struct encoder *e, struct pool *pool, struct activations *a, const struct unit_batch *b,
                       const struct encoder_prompts *prompts, const struct encoder_dropout *dropout)
{
    struct pass p;

    pass_init(&p, e, pool, a, b, prompts, dropout);
    return forward(&p, NULL, 0);
}

status encoder_forward_range(const struct encoder *e, struct pool *pool, struct activations *a,
                             const struct unit_batch *b, const struct encoder_prompts *prompts, int32_t first,
                             int32_t last)
{
    struct pass p;

    if (first >= last) return ST_OK;
    pass_init(&p, e, pool, a, b, prompts, NULL);
    p.first = first;
    p.last = last;
    return forward(&p, NULL, 0);
}

status encoder_forward_rows(const struct encoder *e, struct pool *pool, struct activations *a,
                            const struct unit_batch *b, const struct encoder_prompts *prompts,
                            const struct encoder_dropout *dropout, int32_t first, const int32_t *rows, int32_t count)
{
    struct pass p;

    pass_init(&p, e, pool, a, b, prompts, dropout);
    p.first = first;
    return forward(&p, rows, count);
}

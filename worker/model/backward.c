/* Backward of activations. Phases, from the last layer to the first: rows, from the layer's output down to the gradient
 * of attention's context; then attention by (example, head), and in the same phase the sum over examples of the prompt
 * gradient of the layer above. The rows phase of the next layer begins with the product from d_qkv to the layer's
 * input.
 *
 * The residual stream's gradient is stored in two parts, `gradient` and (in scratch) the gradient through the layer's
 * first product; LayerNorm's backward adds them. */
#include <string.h>

#include "worker/model/fold.h"
#include "worker/model/int8.h"
#include "worker/model/pass.h"

enum { SUM_SLICE = 4096 }; /* floats of a prompt that one thread sums at a time */

/* Whether the gradient of the prompt before this layer is wanted. */
static int wants_prompt(const struct pass *p, int32_t layer)
{
    return p->d_prompts && layer < p->prompts->layers;
}

/* Store gradient + back of the block's prompt rows in their example's place. */
static void keep_prompt_rows(const struct pass *p, const struct row_block *block, const float *back)
{
    int64_t hidden = p->e->config.hidden;
    int32_t tokens = p->prompts->tokens;

    for (int32_t i = 0; i < block->rows; i++) {
        struct row_place place = p->b->place[block->first + i];
        int64_t example = (int64_t)place.slot - p->b->first_slot;
        float *out;

        if (place.position < 1 || place.position > (uint32_t)tokens) continue;
        out = p->a->by_example + (example * tokens + (int64_t)place.position - 1) * hidden;
        memcpy(out, p->a->gradient + (int64_t)(block->first + i) * hidden, (size_t)hidden * sizeof *out);
        p->e->kernels.add(hidden, out, back + i * hidden);
    }
}

/* From d_qkv of `layer` to the second part of the gradient of its input. */
static void block_input_back(struct pass *p, int thread, const struct row_block *block, int32_t layer, float *back)
{
    void *d_qkv = row_at(p->a->d_qkv, p->e->precision, block->first, 3 * p->e->config.hidden);

    pass_product(p, thread, PRODUCT_QKV_BACK, layer, block->rows, d_qkv, back);
    if (wants_prompt(p, layer)) keep_prompt_rows(p, block, back);
}

/* For a sink: d_out = a + b of a LayerNorm. */
static void keep_sum(const struct pass *p, const struct row_block *block, const float *a, const float *b, float *out)
{
    int64_t n = block->rows * p->e->config.hidden;

    memcpy(out, a, (size_t)n * sizeof *out);
    if (b) p->e->kernels.add(n, out, b);
}

/* Where to write a block's gradient: an array kept for a sink, else scratch. */
static void *block_place(const struct pass *p, void *kept, void *scratch, int32_t first, int64_t width)
{
    return kept ? row_at(kept, p->e->precision, first, width) : scratch;
}

/* LayerNorm 2 and the feed-forward network. back: second part of the gradient of the layer's output (NULL: none); on
 * return the second part of the gradient of LayerNorm 1's output, in t->sum. */
static void block_feed_forward_back(struct pass *p, int thread, const struct row_block *block, const float *back)
{
    const struct encoder *e = p->e;
    struct activations *a = p->a;
    const struct packed_weights_layer *w = &e->weights.layer[p->layer];
    const struct layer_saved *saved = &a->layers[p->layer];
    struct thread_scratch *t = &a->threads[thread];
    int64_t hidden = e->config.hidden, ffn = e->config.feed_forward, at = (int64_t)block->first * hidden;
    struct norm n = pass_norm(p, block, p->layer, DROPOUT_FEED_FORWARD, w->norm2_weight, w->norm2_bias, NULL);
    void *pre = row_at(saved->pre, e->precision, block->first, ffn);
    void *d_down = block_place(p, a->sink.d_down, t->narrow, block->first, hidden);
    void *d_up = block_place(p, a->sink.d_up, t->wide, block->first, ffn);

    if (p->sink) {
        keep_sum(p, block, a->gradient + at, back, a->sink.d_norm2 + at);
        e->kernels.gelu_forward(block->rows * ffn, e->precision, pre, e->precision,
                                row_at(a->sink.gelu, e->precision, block->first, ffn));
    }
    e->kernels.norm_backward(&n, a->gradient + at, back, row_at(saved->xhat2, e->precision, block->first, hidden),
                             saved->rstd2 + block->first, a->gradient + at, d_down);
    if (e->int8) {
        int8_feed_forward_back(p, thread, p->layer, block->rows, d_down, pre, t->sum);
        return;
    }
    pass_product(p, thread, PRODUCT_DOWN_BACK, p->layer, block->rows, d_down, d_up);
    e->kernels.gelu_backward(block->rows * ffn, e->precision, pre, e->precision, d_up, d_up);
    pass_product(p, thread, PRODUCT_UP_BACK, p->layer, block->rows, d_up, t->sum);
}

/* LayerNorm 1 down to the gradient of attention's context. */
static void block_attention_back(struct pass *p, int thread, const struct row_block *block)
{
    const struct encoder *e = p->e;
    struct activations *a = p->a;
    const struct packed_weights_layer *w = &e->weights.layer[p->layer];
    const struct layer_saved *saved = &a->layers[p->layer];
    struct thread_scratch *t = &a->threads[thread];
    int64_t hidden = e->config.hidden, at = (int64_t)block->first * hidden;
    struct norm n = pass_norm(p, block, p->layer, DROPOUT_ATTENTION, w->norm1_weight, w->norm1_bias, NULL);
    void *d_out = block_place(p, a->sink.d_out, t->narrow, block->first, hidden);

    if (p->sink) keep_sum(p, block, a->gradient + at, t->sum, a->sink.d_norm1 + at);
    e->kernels.norm_backward(&n, a->gradient + at, t->sum, row_at(saved->xhat1, e->precision, block->first, hidden),
                             saved->rstd1 + block->first, a->gradient + at, d_out);
    pass_product(p, thread, PRODUCT_OUT_BACK, p->layer, block->rows, d_out,
                 row_at(a->d_ctx, e->precision, block->first, hidden));
}

/* The calling thread of encoder_backward, between two pieces of work. */
static void take_turn(const struct pass *p, int thread)
{
    if (thread == 0 && p->sink && p->sink->turn) p->sink->turn(p->sink->arg);
}

static void layer_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;
    struct thread_scratch *t = &p->a->threads[thread];
    int32_t item;

    (void)threads;
    while ((item = pass_deal(p, p->a->block_count)) >= 0) {
        const struct row_block *block = &p->a->blocks[item];
        const float *back = NULL;

        if (p->layer + 1 < p->last) {
            block_input_back(p, thread, block, p->layer + 1, t->sum);
            back = t->sum;
        }
        block_feed_forward_back(p, thread, block, back);
        block_attention_back(p, thread, block);
        take_turn(p, thread);
    }
}

/* Move the head's gradients of the wanted queries from the front of the example to their rows; set all others to 0. */
static void widen_queries(const struct attention *a, char *d_q)
{
    size_t bytes = (size_t)a->width * number_size(a->type);
    int64_t at = a->queries;

    for (int64_t row = a->keys - 1; row >= 0; row--) {
        char *to = element_at(d_q, a->type, row * a->ld);

        if (at == 0 || a->place[at - 1].position != row) memset(to, 0, bytes);
        else if (--at != row) memcpy(to, element_at(d_q, a->type, at * a->ld), bytes);
    }
}

static void attention_item(struct pass *p, int thread, int32_t item)
{
    const struct encoder *e = p->e;
    struct activations *a = p->a;
    const struct layer_saved *saved = &a->layers[p->layer];
    int64_t hidden = e->config.hidden, width = hidden / e->config.heads;
    int32_t heads = (int32_t)e->config.heads, room = unit_batch_rows(a->plan.rows, MATMUL_GRAIN);
    int32_t example = a->order[item / heads], head = item % heads, row = p->b->row[example];
    struct attention arg = pass_attention(p, example, head);
    char *q = element_at(saved->qkv, e->precision, 3 * hidden * row + head * width);
    char *d_q = element_at(a->d_qkv, e->precision, 3 * hidden * row + head * width);
    size_t part = (size_t)hidden * number_size(e->precision);
    int64_t out = p->narrow ? a->wanted[example] : row;

    e->kernels.attention_backward(&arg, q, q + part, q + 2 * part, saved->stats + 2 * ((int64_t)head * room + row),
                                  element_at(a->d_ctx, e->precision, hidden * out + head * width), d_q, d_q + part,
                                  d_q + 2 * part, a->threads[thread].attention);
    if (p->narrow) widen_queries(&arg, d_q);
}

/* Sum a slice of the examples' prompt gradients. */
static void sum_slice(const struct pass *p, int32_t layer, int32_t slice)
{
    int64_t length = p->prompts->tokens * p->e->config.hidden, first = (int64_t)slice * SUM_SLICE;
    int64_t n = length - first < SUM_SLICE ? length - first : SUM_SLICE;
    float *leaf = p->a->by_example + first;

    fold_leaves(&p->e->kernels, p->b->examples, length, n, leaf);
    memcpy(p->d_prompts + layer * length + first, leaf, (size_t)n * sizeof *leaf);
}

static int32_t slice_count(const struct pass *p, int32_t layer)
{
    int64_t length = p->prompts->tokens * p->e->config.hidden;

    return wants_prompt(p, layer) ? (int32_t)((length + SUM_SLICE - 1) / SUM_SLICE) : 0;
}

static void attention_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;
    int32_t above = p->layer + 1, items = p->b->examples * (int32_t)p->e->config.heads, item;
    int32_t slices = above < p->last ? slice_count(p, above) : 0;

    (void)threads;
    while ((item = pass_deal(p, items + slices)) >= 0) {
        if (item < items) attention_item(p, thread, item);
        else sum_slice(p, above, item - items);
        take_turn(p, thread);
    }
}

/* From layer 0's d_qkv to the embedding block's output, and for a sink through it. */
static void leave_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;
    struct activations *a = p->a;
    struct thread_scratch *t = &a->threads[thread];
    int32_t item;

    (void)threads;
    while ((item = pass_deal(p, a->block_count)) >= 0) {
        const struct row_block *block = &a->blocks[item];
        const struct packed_weights *w = &p->e->weights;
        int64_t hidden = p->e->config.hidden, at = (int64_t)block->first * hidden;
        struct norm n = pass_norm(p, block, 0, DROPOUT_EMBEDDING, w->norm_weight, w->norm_bias, NULL);

        block_input_back(p, thread, block, 0, t->sum);
        if (!p->sink) continue;
        keep_sum(p, block, a->gradient + at, t->sum, a->sink.d_norm1 + at);
        p->e->kernels.embed_backward(&n, a->gradient + at, t->sum,
                                     row_at(a->sink.embed_xhat, p->e->precision, block->first, hidden),
                                     a->sink.embed_rstd + block->first, a->gradient + at);
    }
}

static void sum_job(void *arg, int thread, int threads)
{
    struct pass *p = arg;
    int32_t item;

    (void)thread, (void)threads;
    while ((item = pass_deal(p, slice_count(p, 0))) >= 0) sum_slice(p, 0, item);
}

static status sink_layer(const struct pass *p)
{
    const struct activations *a = p->a;
    const struct layer_saved *saved = &a->layers[p->layer];
    const struct encoder_layer_view view = {.layer = p->layer,
                                            .rows = p->b->rows,
                                            .in = {saved->in_qkv, saved->ctx, saved->in_up, a->sink.gelu},
                                            .d_out = {a->d_qkv, a->sink.d_out, a->sink.d_up, a->sink.d_down},
                                            .xhat1 = saved->xhat1,
                                            .xhat2 = saved->xhat2,
                                            .d_norm1 = a->sink.d_norm1,
                                            .d_norm2 = a->sink.d_norm2};

    return p->sink->layer(p->sink->arg, &view);
}

static status sink_embedding(const struct pass *p)
{
    const struct packed_weights *w = &p->e->weights;
    const struct row_block all = {0, p->b->rows};
    const struct encoder_embedding_view view = {
        .norm = pass_norm(p, &all, 0, DROPOUT_EMBEDDING, w->norm_weight, w->norm_bias, NULL),
        .xhat = p->a->sink.embed_xhat,
        .d_out = p->a->sink.d_norm1,
        .d_sum = p->a->gradient};

    return p->sink->embedding(p->sink->arg, &view);
}

status encoder_backward(const struct encoder *e, struct pool *pool, struct activations *a, const struct unit_batch *b,
                        const struct encoder_prompts *prompts, const struct encoder_dropout *dropout, float *d_prompts,
                        const struct encoder_sink *sink)
{
    struct pass p;

    pass_init(&p, e, pool, a, b, prompts, dropout);
    p.d_prompts = d_prompts;
    p.sink = sink;
    p.layer = p.last - 1;
    if (a->row_count >= 0 && !pass_narrows(&p)) activations_widen(e, a, b);
    for (; p.layer >= (sink ? sink->lowest : 0); p.layer--) {
        p.narrow = pass_narrows(&p);
        TRY(pass_phase(&p, layer_job));
        TRY(pass_phase(&p, attention_job));
        if (p.narrow) activations_widen(e, a, b);
        if (sink) TRY(sink_layer(&p));
    }
    p.narrow = 0;
    if (sink && sink->lowest > 0) return ST_OK;
    TRY(pass_phase(&p, leave_job));
    if (slice_count(&p, 0) > 0) TRY(pass_phase(&p, sum_job));
    return sink ? sink_embedding(&p) : ST_OK;
}

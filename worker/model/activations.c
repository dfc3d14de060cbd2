/* Planning the memory of a unit. */
#include "worker/model/activations.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "worker/model/layout.h"

struct sizes {
    int64_t rows, hidden, ffn, heads;
    enum number type;
};

static void *take_rows(struct layout *l, const struct sizes *s, int64_t rows, int64_t width)
{
    return layout_take(l, (size_t)(rows * width) * number_size(s->type));
}

static void lay_layer(struct layout *l, const struct sizes *s, int sink, struct layer_saved *out)
{
    out->qkv = take_rows(l, s, s->rows, 3 * s->hidden);
    out->stats = layout_floats(l, s->heads * s->rows * 2);
    out->xhat1 = take_rows(l, s, s->rows, s->hidden);
    out->xhat2 = take_rows(l, s, s->rows, s->hidden);
    out->rstd1 = layout_floats(l, s->rows);
    out->rstd2 = layout_floats(l, s->rows);
    out->pre = take_rows(l, s, s->rows, s->ffn);
    if (!sink) return;
    out->in_qkv = take_rows(l, s, s->rows, s->hidden);
    out->ctx = take_rows(l, s, s->rows, s->hidden);
    out->in_up = take_rows(l, s, s->rows, s->hidden);
}

static void lay_sink(struct layout *l, const struct sizes *s, struct sink_saved *out)
{
    out->gelu = take_rows(l, s, s->rows, s->ffn);
    out->d_up = take_rows(l, s, s->rows, s->ffn);
    out->d_down = take_rows(l, s, s->rows, s->hidden);
    out->d_out = take_rows(l, s, s->rows, s->hidden);
    out->d_norm1 = layout_floats(l, s->rows * s->hidden);
    out->d_norm2 = layout_floats(l, s->rows * s->hidden);
    out->embed_xhat = take_rows(l, s, s->rows, s->hidden);
    out->embed_rstd = layout_floats(l, s->rows);
}

/* All layers. In inference, and for ctx without a sink, one buffer serves all of them. */
static void lay_layers(struct layout *l, const struct sizes *s, const struct encoder *e, struct activations *a)
{
    struct layer_saved one = {0};
    void *ctx = a->plan.sink ? NULL : take_rows(l, s, s->rows, s->hidden);

    if (!a->plan.keep) one.qkv = take_rows(l, s, s->rows, 3 * s->hidden);
    for (int64_t i = 0; i < e->config.layers; i++) {
        if (a->plan.keep) lay_layer(l, s, a->plan.sink, &one);
        if (!a->plan.sink) one.ctx = ctx;
        if (a->layers) a->layers[i] = one;
    }
}

static size_t attention_bytes(const struct encoder *e, int64_t rows)
{
    int64_t keys = rows < e->config.positions ? rows : e->config.positions;
    struct attention a = {.keys = keys,
                          .queries = keys,
                          .width = (int)(e->config.hidden / e->config.heads),
                          .ld = 3 * e->config.hidden,
                          .ld_ctx = e->config.hidden,
                          .type = e->precision};

    return e->kernels.attention_scratch(&a);
}

static void lay_thread(struct layout *l, const struct sizes *s, const struct encoder *e, struct thread_scratch *t)
{
    int64_t widest = s->ffn > 3 * s->hidden ? s->ffn : 3 * s->hidden;

    t->narrow = take_rows(l, s, ENCODER_BLOCK, s->hidden);
    t->narrow2 = take_rows(l, s, ENCODER_BLOCK, s->hidden);
    t->wide = take_rows(l, s, ENCODER_BLOCK, 2 * s->ffn); /* the second half holds GELU's input in inference */
    t->sum = layout_floats(l, ENCODER_BLOCK * s->hidden);
    t->attention = layout_take(l, attention_bytes(e, s->rows));
    if (!e->int8) return;
    t->integers = layout_take(l, (size_t)(INT8_ROWS * widest));
    t->scale = layout_floats(l, INT8_ROWS);
    t->sums = layout_floats(l, INT8_ROWS * widest);
}

/* base NULL: only count bytes; a->layers and a->threads may then be NULL. */
static size_t lay_all(const struct encoder *e, struct activations *a, void *base)
{
    const struct activations_plan *p = &a->plan;
    struct layout l = {.base = base};
    struct sizes s = {.rows = unit_batch_rows(p->rows, MATMUL_GRAIN),
                      .hidden = e->config.hidden,
                      .ffn = e->config.feed_forward,
                      .heads = e->config.heads,
                      .type = e->precision};
    struct thread_scratch unused;

    a->state = layout_floats(&l, s.rows * s.hidden);
    lay_layers(&l, &s, e, a);
    if (p->keep) {
        a->gradient = layout_floats(&l, s.rows * s.hidden);
        a->d_ctx = take_rows(&l, &s, s.rows, s.hidden);
        a->d_qkv = take_rows(&l, &s, s.rows, 3 * s.hidden);
        a->by_example = layout_floats(&l, (int64_t)p->examples * p->prompt_tokens * s.hidden);
    }
    if (p->sink) lay_sink(&l, &s, &a->sink);
    a->blocks = layout_take(&l, (size_t)(s.rows / MATMUL_GRAIN + p->examples) * sizeof *a->blocks);
    a->order = layout_take(&l, (size_t)p->examples * sizeof *a->order);
    a->wanted = layout_take(&l, ((size_t)p->examples + 1) * sizeof *a->wanted);
    a->rows = layout_take(&l, (size_t)s.rows * sizeof *a->rows);
    a->place = layout_take(&l, (size_t)s.rows * sizeof *a->place);
    for (int i = 0; i < p->threads; i++) lay_thread(&l, &s, e, a->threads ? &a->threads[i] : &unused);
    return l.offset;
}

size_t activations_bytes(const struct encoder *e, const struct activations_plan *plan)
{
    struct activations a = {.plan = *plan};

    return lay_all(e, &a, NULL);
}

int32_t activations_rows(const struct encoder *e, const struct activations_plan *plan, size_t budget)
{
    int32_t fits = 0, over = INT32_MAX / 2 / MATMUL_GRAIN; /* in grains */
    struct activations_plan p = *plan;

    while (over - fits > 1) {
        int32_t middle = fits + (over - fits) / 2;

        p.rows = middle * MATMUL_GRAIN;
        if (activations_bytes(e, &p) <= budget) fits = middle;
        else over = middle;
    }
    return fits * MATMUL_GRAIN;
}

status activations_new(const struct encoder *e, const struct activations_plan *plan, struct activations **out)
{
    struct activations *a;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *a, &a));
    a->plan = *plan;
    s = mem_alloc((size_t)e->config.layers, sizeof *a->layers, &a->layers);
    if (s == ST_OK) s = mem_alloc((size_t)plan->threads, sizeof *a->threads, &a->threads);
    if (s == ST_OK) s = mem_alloc(activations_bytes(e, plan), 1, &a->memory);
    if (s != ST_OK) {
        activations_destroy(&a);
        return s;
    }
    lay_all(e, a, a->memory);
    *out = a;
    return ST_OK;
}

void activations_destroy(struct activations **out)
{
    struct activations *a = *out;

    if (!a) return;
    mem_free(a->memory);
    mem_free(a->threads);
    mem_free(a->layers);
    mem_free(a);
    *out = NULL;
}

const float *activations_hidden(const struct activations *a)
{
    return a->state;
}

float *activations_state(struct activations *a)
{
    return a->state;
}

float *activations_gradient(struct activations *a)
{
    return a->gradient;
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

static void cut_block(struct activations *a, int32_t first, int32_t rows, int32_t size)
{
    for (int32_t row = 0; row < rows; row += size) {
        int32_t left = rows - row;

        a->blocks[a->block_count++] = (struct row_block){first + row, left < size ? left : size};
    }
}

/* If rows are exact in any block (EXACT_ROWS), use blocks small enough that every thread gets several; otherwise cut
 * every example separately, in blocks counted from its start, whatever the number of threads. */
static void cut_evenly(struct activations *a, int32_t rows)
{
    int32_t size = unit_batch_rows((rows + 4 * a->plan.threads - 1) / (4 * a->plan.threads), MATMUL_GRAIN);

    cut_block(a, 0, rows, size < ENCODER_BLOCK ? size : ENCODER_BLOCK);
}

static void cut_blocks(const struct encoder *e, struct activations *a, const struct unit_batch *b)
{
    a->block_count = 0;
    if (e->exact == EXACT_EXAMPLE)
        for (int32_t i = 0; i < b->examples; i++)
            cut_block(a, b->row[i], unit_batch_rows(b->length[i], b->align), ENCODER_BLOCK);
    else cut_evenly(a, b->rows);
}

static void order_examples(struct activations *a, const struct unit_batch *b)
{
    for (int32_t i = 0; i < b->examples; i++) {
        int32_t at = i;

        for (; at > 0 && b->length[a->order[at - 1]] < b->length[i]; at--) a->order[at] = a->order[at - 1];
        a->order[at] = i;
    }
}

/* Attention neither reads nor writes the rows between examples, but products process whatever is there. */
static void clear_gaps(const struct encoder *e, struct activations *a, const struct unit_batch *b)
{
    int64_t h = e->config.hidden;

    for (int32_t i = 0; i < b->examples && b->align > 1; i++) {
        int32_t end = b->row[i] + b->length[i];
        size_t gap = (size_t)(unit_batch_rows(b->length[i], b->align) - b->length[i]) * number_size(e->precision);

        for (int64_t l = 0; l < e->config.layers; l++)
            memset(row_at(a->layers[l].ctx, e->precision, end, h), 0, gap * (size_t)h);
        if (a->plan.keep) memset(row_at(a->d_qkv, e->precision, end, 3 * h), 0, gap * (size_t)(3 * h));
        if (a->plan.keep) memset(row_at(a->d_ctx, e->precision, end, h), 0, gap * (size_t)h);
    }
}

void activations_prepare(const struct encoder *e, struct activations *a, const struct unit_batch *b)
{
    a->row_count = -1;
    cut_blocks(e, a, b);
    order_examples(a, b);
    clear_gaps(e, a, b);
}

void activations_want(struct activations *a, const struct unit_batch *b, const int32_t *rows, int32_t count)
{
    int32_t at = 0;

    for (int32_t i = 0; i < b->examples; i++) {
        a->wanted[i] = at;
        while (at < count && rows[at] < b->row[i] + b->length[i]) at++;
    }
    a->wanted[b->examples] = at;
    for (int32_t i = 0; i < count; i++) {
        a->rows[i] = rows[i];
        a->place[i] = b->place[rows[i]];
    }
    a->row_count = count;
}

void activations_narrow(const struct encoder *e, struct activations *a)
{
    int64_t h = e->config.hidden;

    for (int64_t i = 0; i < a->row_count; i++)
        if (a->rows[i] != i) memcpy(a->state + i * h, a->state + a->rows[i] * h, (size_t)h * sizeof *a->state);
    a->block_count = 0;
    cut_evenly(a, a->row_count);
}

/* Backward from the last row: every row still to be moved lies before its destination. */
void activations_widen(const struct encoder *e, struct activations *a, const struct unit_batch *b)
{
    int64_t h = e->config.hidden, at = a->row_count;

    for (int64_t row = (int64_t)b->rows - 1; row >= 0; row--) {
        float *to = a->gradient + row * h;

        if (at == 0 || a->rows[at - 1] != row) memset(to, 0, (size_t)h * sizeof *to);
        else if (--at != row) memcpy(to, a->gradient + at * h, (size_t)h * sizeof *to);
    }
    cut_blocks(e, a, b);
}

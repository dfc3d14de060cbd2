/* Computing a unit: encoder, head, loss per example, and backward. */
#include "worker/train/unit.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "worker/model/fold.h"
#include "worker/train/span_loss.h"

struct unit {
    struct activations *activations;
    float *logits;          /* (T,2) */
    float *d_logits;        /* (T,2) */
    char *read;             /* (T) by row: 1 if an answer is read there */
    int32_t *rows, *first;  /* (T) these rows; (E + 1) index of each example's first among them */
    float *at_rows;         /* (T,2) their logits, then their gradients */
    float *head_by_example; /* (E,2,H) */
};

/* What the threads of one unit share. */
struct work {
    struct unit *unit;
    const struct encoder *e;
    const struct unit_inputs *in;
    const struct unit_outputs *out;
    int train, narrow; /* narrow: hidden states and their gradients exist only for the rows that are read */
    atomic_int next;
};

static struct activations_plan plan_of(int32_t rows, int32_t examples, int32_t prompt_tokens, int threads,
                                       enum unit_use use)
{
    return (struct activations_plan){.rows = rows,
                                     .examples = examples,
                                     .prompt_tokens = prompt_tokens,
                                     .threads = threads,
                                     .keep = use != UNIT_EVALUATE,
                                     .sink = use == UNIT_TRAIN_WEIGHTS};
}

/* The unit's own arrays. */
static size_t own_bytes(const struct encoder *e, int32_t rows, int32_t examples)
{
    size_t row = 6 * sizeof(float) + sizeof(int32_t) + 1;

    return (size_t)rows * row + (size_t)examples * (2 * (size_t)e->config.hidden * sizeof(float) + sizeof(int32_t));
}

size_t unit_bytes(const struct encoder *e, int32_t most_rows, int32_t most_examples, int32_t prompt_tokens, int threads,
                  enum unit_use use)
{
    struct activations_plan plan = plan_of(most_rows, most_examples, prompt_tokens, threads, use);

    return activations_bytes(e, &plan) + own_bytes(e, most_rows, most_examples);
}

int32_t unit_most_rows(const struct encoder *e, int32_t most_examples, int32_t prompt_tokens, int threads,
                       enum unit_use use, size_t budget)
{
    struct activations_plan plan = plan_of(0, most_examples, prompt_tokens, threads, use);
    size_t own = own_bytes(e, 0, most_examples);
    int32_t rows = budget > own ? activations_rows(e, &plan, budget - own) : 0;

    while (rows > 0 && unit_bytes(e, rows, most_examples, prompt_tokens, threads, use) > budget) rows -= MATMUL_GRAIN;
    return rows;
}

status unit_new(const struct encoder *e, int32_t most_rows, int32_t most_examples, int32_t prompt_tokens, int threads,
                enum unit_use use, struct unit **out)
{
    struct activations_plan plan = plan_of(most_rows, most_examples, prompt_tokens, threads, use);
    size_t hidden = (size_t)e->config.hidden;
    struct unit *u;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *u, &u));
    s = activations_new(e, &plan, &u->activations);
    if (s == ST_OK) s = mem_alloc((size_t)most_rows * 2, sizeof *u->logits, &u->logits);
    if (s == ST_OK) s = mem_alloc((size_t)most_rows * 2, sizeof *u->d_logits, &u->d_logits);
    if (s == ST_OK) s = mem_alloc((size_t)most_rows, 1, &u->read);
    if (s == ST_OK) s = mem_alloc((size_t)most_rows, sizeof *u->rows, &u->rows);
    if (s == ST_OK) s = mem_alloc((size_t)most_examples + 1, sizeof *u->first, &u->first);
    if (s == ST_OK) s = mem_alloc((size_t)most_rows * 2, sizeof *u->at_rows, &u->at_rows);
    if (s == ST_OK) s = mem_alloc((size_t)most_examples * 2 * hidden, sizeof *u->head_by_example, &u->head_by_example);
    if (s != ST_OK) {
        unit_destroy(&u);
        return s;
    }
    *out = u;
    return ST_OK;
}

void unit_destroy(struct unit **out)
{
    struct unit *u = *out;

    if (!u) return;
    activations_destroy(&u->activations);
    mem_free(u->logits);
    mem_free(u->d_logits);
    mem_free(u->read);
    mem_free(u->rows);
    mem_free(u->first);
    mem_free(u->at_rows);
    mem_free(u->head_by_example);
    mem_free(u);
    *out = NULL;
}

/* From an example's logits to its loss and their gradient. */
static void example_loss(struct work *w, int32_t example)
{
    const struct unit_batch *b = w->in->batch;
    int64_t first = b->row[example], rows = b->length[example];
    float *logits = w->unit->logits + 2 * first, *d_logits = w->train ? w->unit->d_logits + 2 * first : NULL;
    int32_t start = b->start[example], end = b->end[example], batch = w->in->batch_examples;
    const struct answer_marks *marks = w->in->marks ? &w->in->marks[example] : NULL;
    double loss = 0;

    if (marks && w->in->loss == LOSS_ANSWERS) loss = answer_loss(rows, logits, marks, start, end, batch, d_logits);
    else if (start >= 0 && end >= 0) loss = span_loss(rows, logits, start, end, batch, d_logits);
    else if (d_logits) memset(d_logits, 0, (size_t)(2 * rows) * sizeof *d_logits);
    if (w->out->loss) w->out->loss[example] = loss;
    if (w->out->found) w->out->found[example] = marks && answer_found(rows, logits, marks, start, end);
    if (w->out->logits) memcpy(w->out->logits + 2 * first, logits, (size_t)(2 * rows) * sizeof *logits);
}

/* Head and loss of one example, and their gradients, if the encoder computed all rows. */
static void whole_example(struct work *w, int32_t example)
{
    const struct unit_batch *b = w->in->batch;
    struct unit *u = w->unit;
    int64_t width = w->e->config.hidden, first = b->row[example], rows = b->length[example];
    int64_t whole = unit_batch_rows(b->length[example], b->align);
    const float *h = activations_hidden(u->activations) + first * width, *d_logits = u->d_logits + 2 * first;
    float *d_h;

    w->e->kernels.head_forward(rows, (int)width, h, w->in->head, u->logits + 2 * first);
    example_loss(w, example);
    if (!w->train) return;
    d_h = activations_gradient(u->activations) + first * width;
    w->e->kernels.head_backward(rows, (int)width, h, w->in->head, d_logits, d_h,
                                u->head_by_example + 2 * width * example);
    memset(d_h + rows * width, 0, (size_t)((whole - rows) * width) * sizeof *d_h);
}

/* The same if it computed only the rows that are read. */
static void narrow_example(struct work *w, int32_t example)
{
    const struct unit_batch *b = w->in->batch;
    struct unit *u = w->unit;
    int64_t width = w->e->config.hidden, first = u->first[example], rows = u->first[example + 1] - first;
    const float *h = activations_hidden(u->activations) + first * width;
    float *at_rows = u->at_rows + 2 * first, *logits = u->logits + 2 * b->row[example], *d_h;

    w->e->kernels.head_forward(rows, (int)width, h, w->in->head, at_rows);
    for (int32_t i = 0; i < 2 * b->length[example]; i++) logits[i] = -INFINITY;
    for (int64_t i = 0; i < rows; i++)
        memcpy(u->logits + 2 * (int64_t)u->rows[first + i], at_rows + 2 * i, 2 * sizeof *at_rows);
    example_loss(w, example);
    if (!w->train) return;
    for (int64_t i = 0; i < rows; i++)
        memcpy(at_rows + 2 * i, u->d_logits + 2 * (int64_t)u->rows[first + i], 2 * sizeof *at_rows);
    d_h = activations_gradient(u->activations) + first * width;
    w->e->kernels.head_backward(rows, (int)width, h, w->in->head, at_rows, d_h,
                                u->head_by_example + 2 * width * example);
}

static void head_job(void *arg, int thread, int threads)
{
    struct work *w = arg;

    (void)thread, (void)threads;
    for (;;) {
        int32_t example = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed);

        if (example >= w->in->batch->examples) return;
        if (w->narrow) narrow_example(w, example);
        else whole_example(w, example);
    }
}

static void sum_heads(const struct work *w)
{
    int64_t n = 2 * w->e->config.hidden;
    float *leaf = w->unit->head_by_example;

    fold_leaves(&w->e->kernels, w->in->batch->examples, n, n, leaf);
    memcpy(w->out->grad_head, leaf, (size_t)n * sizeof *leaf);
}

/* List the rows that answers are read from; returns their number. */
static int32_t list_rows(const struct work *w)
{
    const struct unit_batch *b = w->in->batch;
    struct unit *u = w->unit;
    int32_t count = 0;

    memset(u->read, 0, (size_t)b->rows);
    for (int32_t e = 0; e < b->examples; e++) {
        marks_read(&w->in->marks[e], b->length[e], u->read + b->row[e]);
        u->first[e] = count;
        for (int32_t i = b->row[e]; i < b->row[e] + b->length[e]; i++)
            if (u->read[i]) u->rows[count++] = i;
    }
    u->first[b->examples] = count;
    return count;
}

/* From layer `first`. */
static status forward(struct work *w, struct pool *pool, int32_t first)
{
    const struct unit_inputs *in = w->in;
    struct activations *a = w->unit->activations;

    w->narrow = in->marks && in->loss == LOSS_ANSWERS && !in->sink;
    if (w->narrow)
        TRY(encoder_forward_rows(w->e, pool, a, in->batch, &in->prompts, &in->dropout, first, w->unit->rows,
                                 list_rows(w)));
    else if (first == 0) TRY(encoder_forward(w->e, pool, a, in->batch, &in->prompts, &in->dropout));
    else TRY(encoder_forward_range(w->e, pool, a, in->batch, &in->prompts, first, (int32_t)w->e->config.layers));
    pool_run(pool, head_job, w);
    return ST_OK;
}

status unit_train(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_inputs *in,
                  const struct unit_outputs *out)
{
    struct work w = {.unit = u, .e = e, .in = in, .out = out, .train = 1};

    TRY(forward(&w, pool, 0));
    sum_heads(&w);
    return encoder_backward(e, pool, u->activations, in->batch, &in->prompts, &in->dropout, out->grad_prompts,
                            in->sink);
}

status unit_evaluate(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_inputs *in,
                     const struct unit_outputs *out)
{
    struct work w = {.unit = u, .e = e, .in = in, .out = out};

    return forward(&w, pool, 0);
}

status unit_advance(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_batch *b,
                    const struct encoder_prompts *prompts, int32_t first, int32_t last)
{
    return encoder_forward_range(e, pool, u->activations, b, prompts, first, last);
}

status unit_finish(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_inputs *in,
                   int32_t first, const struct unit_outputs *out)
{
    struct work w = {.unit = u, .e = e, .in = in, .out = out};

    return forward(&w, pool, first);
}

float *unit_state(struct unit *u)
{
    return activations_state(u->activations);
}

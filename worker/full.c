#include "worker/full.h"

#include <string.h>

#include "cluster/base/log.h"
#include "worker/model/source.h"

static const double BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8;

/* ---- opening ---- */

static status read_weights(struct full_worker *w, const char *model)
{
    struct packed_weights_source from;
    struct model_source *source;
    status s;

    TRY(model_source_open(model, &source));
    from = packed_weights_from_model(source);
    s = flat_read(&w->facts->flat, &from, 0, w->values);
    model_source_close(&source);
    return s;
}

static status open_weights(struct full_worker *w)
{
    size_t own = (size_t)(w->last - w->first);

    TRY(mem_keep_new(&w->keep, (size_t)w->facts->flat.count, sizeof *w->values, &w->values));
    TRY(mem_keep_new(&w->keep, own, sizeof *w->m, &w->m));
    TRY(mem_keep_new(&w->keep, own, sizeof *w->v, &w->v));
    TRY(mem_keep_new(&w->keep, own, sizeof *w->best, &w->best));
    return mem_keep_new(&w->keep, encoder_weights_bytes(w->replica->encoder), 1, &w->packed);
}

static int32_t longest_filler(const struct full_worker *w)
{
    return (int32_t)(w->facts->flat.config.positions / MATMUL_GRAIN * MATMUL_GRAIN);
}

/* The number of rows of the longest micro-batch. */
static int32_t micro_rows(const struct full_facts *f, int32_t align)
{
    int32_t most = 0;

    for (int32_t i = 0; i < f->micros; i++) {
        int32_t rows = 0;

        for (int32_t j = 0; j < full_micro_size(f, i); j++)
            rows += assignment_example_rows(&f->assignment->examples[i * FULL_MICRO + j], align);
        rows = unit_batch_rows(rows, MATMUL_GRAIN);
        if (rows > most) most = rows;
    }
    return most;
}

static status open_unit(struct full_worker *w)
{
    struct encoder *e = w->replica->encoder;
    int32_t align = encoder_row_align(e), most;
    int threads = pool_threads(w->replica->pool);

    w->rows = micro_rows(w->facts, align);
    most = FULL_MICRO + w->rows / longest_filler(w) + 1;
    TRY(mem_keep_new(&w->keep, (size_t)most, sizeof *w->unit_loss, &w->unit_loss));
    TRY(mem_keep_new(&w->keep, (size_t)most, sizeof *w->marks, &w->marks));
    TRY(mem_keep_new(&w->keep, (size_t)longest_filler(w), sizeof *w->pad, &w->pad));
    TRY(unit_batch_init(&w->batch, most, w->rows, align));
    TRY(encoder_gradient_open(&w->gradient, e, &w->facts->flat, w->rows, threads));
    return unit_new(e, w->rows, most, 0, threads, UNIT_TRAIN_WEIGHTS, &w->unit);
}

status full_worker_open(const struct full_facts *facts, struct replica *replica, const char *model,
                        const struct blocks *blocks, int worker, struct full_worker **out)
{
    struct full_worker *w;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *w, &w));
    w->facts = facts;
    w->replica = replica;
    w->worker = worker;
    blocks_columns(blocks, worker, &w->first, &w->last);
    tree_sum_init(&w->heads, facts->micros, TREE_FLOAT, full_head(facts));
    s = open_weights(w);
    if (s == ST_OK) s = read_weights(w, model);
    if (s == ST_OK) s = open_unit(w);
    if (s == ST_OK) *out = w;
    else full_worker_close(&w);
    return s;
}

void full_worker_close(struct full_worker **worker)
{
    struct full_worker *w = *worker;

    if (!w) return;
    /* The weights were attached before, so this cannot fail. */
    if (w->packed) encoder_attach(w->replica->encoder, arena_at(&w->replica->arena, 0, NULL));
    encoder_gradient_close(&w->gradient);
    unit_destroy(&w->unit);
    unit_batch_fini(&w->batch);
    tree_sum_fini(&w->heads);
    mem_keep_free(&w->keep);
    mem_free(w);
    *worker = NULL;
}

status full_worker_pack(struct full_worker *w)
{
    const struct flat_view view = {&w->facts->flat, w->values};
    const struct packed_weights_source source = packed_weights_from_flat(&view);

    TRY(encoder_weights_pack(w->replica->encoder, &source, w->replica->pool, w->packed));
    return encoder_attach(w->replica->encoder, w->packed);
}

/* ---- micro-batches ---- */

static void add_fillers(struct full_worker *w)
{
    while (w->batch.rows < w->rows) {
        int32_t left = w->rows - w->batch.rows, n = left < longest_filler(w) ? left : longest_filler(w);

        w->marks[w->batch.examples] = NO_MARKS;
        unit_batch_add(&w->batch, w->pad, n, 0, -1, -1);
    }
}

static status fill_batch(struct full_worker *w, int32_t micro)
{
    const struct assignment_example *examples = w->facts->assignment->examples + micro * FULL_MICRO;

    unit_batch_clear(&w->batch, micro * FULL_MICRO);
    for (int32_t i = 0; i < full_micro_size(w->facts, micro); i++) {
        const struct assignment_example *e = &examples[i];

        w->marks[i] = e->marks;
        if (!unit_batch_add(&w->batch, e->ids, e->length, e->width, e->start, e->end))
            return fault(ST_SYSTEM, "internal error: a micro-batch larger than planned");
    }
    add_fillers(w);
    return ST_OK;
}

static status compute_micro(struct full_worker *w, int32_t micro, const float *head, struct ranges *ranges,
                            double *losses)
{
    const struct full_facts *f = w->facts;
    struct encoder_sink sink;
    struct unit_inputs in = {.batch = &w->batch,
                             .head = head,
                             .batch_examples = f->examples,
                             .sink = &sink,
                             .marks = w->marks,
                             .loss = f->loss};
    struct unit_outputs out = {.loss = w->unit_loss};
    float *grad = ranges_array(ranges);
    void *grad_head;

    TRY(fill_batch(w, micro));
    TRY(tree_sum_take(&w->heads, &grad_head));
    out.grad_head = grad_head;
    /* Cleared first: the word table's gradient is accumulated, and nothing writes that of the language model's head. */
    memset(grad, 0, (size_t)f->flat.count * sizeof *grad);
    TRY(encoder_gradient_begin(&w->gradient, w->replica->pool, &w->batch, 1, grad, NULL, &sink));
    TRY(unit_train(w->unit, w->replica->encoder, w->replica->pool, &in, &out));
    memcpy(losses + micro * FULL_MICRO, w->unit_loss, (size_t)full_micro_size(f, micro) * sizeof *losses);
    ranges_done(ranges);
    return tree_sum_add(&w->heads, (struct tree_node){micro, 1}, grad_head);
}

status full_worker_compute(struct full_worker *w, const float *head, struct ranges *ranges, double *losses)
{
    ranges_begin(ranges);
    tree_sum_clear(&w->heads, w->facts->micros);
    for (int32_t i = 0; i < w->facts->micros; i++)
        if (w->facts->deal.blocks[i].worker == w->worker) TRY(compute_micro(w, i, head, ranges, losses));
    return ST_OK;
}

/* ---- own range ---- */

struct adamw full_adamw(const struct full_order *order, int64_t step)
{
    return adamw_at(order->rate, &(struct adamw_options){BETA1, BETA2, EPS, order->decay}, step);
}

struct update {
    struct full_worker *w;
    struct adamw adamw;
    const float *grad;
};

static void update_job(void *arg, int thread, int threads)
{
    const struct update *u = arg;
    struct full_worker *w = u->w;
    int64_t first, last;

    pool_slice(w->last - w->first, BLOCK_COLUMNS, thread, threads, &first, &last);
    if (first >= last) return;
    flat_adamw(&w->facts->flat, &w->replica->encoder->kernels, &u->adamw, w->first + first, w->first + last,
               u->grad + first, w->values + w->first + first, w->m + first, w->v + first);
}

void full_worker_update(struct full_worker *w, const struct full_order *order, int64_t step, const float *grad)
{
    struct update u = {w, full_adamw(order, step), grad};

    pool_run(w->replica->pool, update_job, &u);
}

static size_t own_bytes(const struct full_worker *w)
{
    return (size_t)(w->last - w->first) * sizeof *w->best;
}

void full_worker_keep(struct full_worker *w)
{
    memcpy(w->best, w->values + w->first, own_bytes(w));
}

void full_worker_restore(struct full_worker *w)
{
    memcpy(w->values + w->first, w->best, own_bytes(w));
}

#include "coordinator/tune/full_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "worker/model/folder.h"

enum { MICRO = 4 };   /* examples of a micro-batch; part of the bits */

static const double BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8;
static const double SNAPSHOT_SHARE = 10;   /* seconds of work for each one that snapshots take */

/* ---- opening ---- */

static status read_weights(struct full *f)
{
    struct packed_weights_source from;
    struct model_source *source;
    status s;

    TRY(model_source_open(f->t->config->model, &source));
    from = packed_weights_from_model(source);
    s = flat_read(&f->flat, &from, 0, f->values);
    model_source_close(&source);
    return s;
}

static status open_worker(struct full *f)
{
    size_t own;

    blocks_columns(&f->blocks, f->comm->worker, &f->first, &f->last);
    own = (size_t)(f->last - f->first);
    TRY(mem_alloc((size_t)f->flat.count, sizeof *f->values, &f->values));
    TRY(mem_alloc(own, sizeof *f->m, &f->m));
    TRY(mem_alloc(own, sizeof *f->v, &f->v));
    TRY(mem_alloc(own, sizeof *f->best, &f->best));
    TRY(mem_alloc(encoder_weights_bytes(f->t->replica.encoder), 1, &f->packed));
    return read_weights(f);
}

static status open_all(struct full *f)
{
    size_t head = 2 * (size_t)f->t->replica.facts.config.hidden;

    TRY(flat_init(&f->flat, &f->t->replica.facts.config));
    f->blocks = blocks_make(f->flat.count, f->comm->workers);
    ranges_init(&f->ranges, f->comm, &f->blocks);
    reduce_init(&f->reduce, f->comm, &f->blocks, 1);
    TRY(mem_alloc(head, sizeof *f->head, &f->head));
    TRY(mem_alloc(head, sizeof *f->d_head, &f->d_head));
    TRY(mem_alloc(head, sizeof *f->head_m, &f->head_m));
    TRY(mem_alloc(head, sizeof *f->head_v, &f->head_v));
    if (comm_is_coordinator(f->comm)) TRY(mem_alloc((size_t)f->flat.count, sizeof *f->whole, &f->whole));
    return comm_is_worker(f->comm) ? open_worker(f) : ST_OK;
}

status full_open(struct tuning *t, struct full **out)
{
    struct full *f;
    status s;

    *out = NULL;
    TRY(comm_agree(t->comm, mem_alloc(1, sizeof *f, &f)));
    f->t = t;
    f->comm = t->comm;
    f->stale = 1;
    s = comm_agree(t->comm, open_all(f));
    if (s == ST_OK) *out = f;
    else full_close(&f);
    return s;
}

void full_close(struct full **out)
{
    struct full *f = *out;

    if (!f) return;
    void *owned[] = {f->losses, f->head, f->d_head, f->head_m, f->head_v, f->whole, f->values, f->m, f->v, f->best, f->packed,
                     f->unit_loss, f->pad, f->marks, f->curve};

    /* What was attached once can be attached again. */
    if (f->packed && f->t->replica.encoder) encoder_attach(f->t->replica.encoder, arena_at(&f->t->replica.arena, 0, NULL));
    encoder_gradient_close(&f->gradient);
    unit_destroy(&f->unit);
    unit_batch_fini(&f->batch);
    tree_sum_fini(&f->heads);
    deal_fini(&f->deal);
    ranges_fini(&f->ranges);
    reduce_fini(&f->reduce);
    flat_fini(&f->flat);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mem_free(owned[i]);
    mem_free(f);
    *out = NULL;
}

/* ---- micro-batches: all of the same rows, filled up by examples without targets, whose gradients are 0 ---- */

static int32_t micro_size(const struct full *f, int32_t micro)
{
    int32_t left = f->examples - micro * MICRO;

    return left < MICRO ? left : MICRO;
}

static int32_t rows_of(const struct full *f, int32_t slot, int32_t align)
{
    const struct assignment_example *e = &f->assignment->examples[slot];

    return unit_batch_rows(e->width > e->length ? e->width : e->length, align);
}

static int32_t longest_filler(const struct full *f)
{
    return (int32_t)(f->flat.config.positions / MATMUL_GRAIN * MATMUL_GRAIN);
}

static void add_fillers(struct full *f)
{
    while (f->batch.rows < f->rows) {
        int32_t left = f->rows - f->batch.rows, n = left < longest_filler(f) ? left : longest_filler(f);

        f->marks[f->batch.examples] = NO_MARKS;
        unit_batch_add(&f->batch, f->pad, n, 0, -1, -1);
    }
}

static status fill(struct full *f, int32_t micro)
{
    unit_batch_clear(&f->batch, micro * MICRO);
    for (int32_t i = 0; i < micro_size(f, micro); i++) {
        const struct assignment_example *e = &f->assignment->examples[micro * MICRO + i];

        f->marks[i] = e->marks;
        if (!unit_batch_add(&f->batch, e->ids, e->length, e->width, e->start, e->end))
            return fault(ST_SYSTEM, "internal error: a micro-batch larger than planned");
    }
    add_fillers(f);
    return ST_OK;
}

static status prepare_worker(struct full *f)
{
    struct encoder *e = f->t->replica.encoder;
    int32_t align = encoder_row_align(e), most;

    for (int32_t i = 0; i < f->micros; i++) {
        int32_t rows = 0;

        for (int32_t j = 0; j < micro_size(f, i); j++) rows += rows_of(f, i * MICRO + j, align);
        rows = unit_batch_rows(rows, MATMUL_GRAIN);
        if (rows > f->rows) f->rows = rows;
    }
    most = MICRO + f->rows / longest_filler(f) + 1;
    TRY(mem_alloc((size_t)most, sizeof *f->unit_loss, &f->unit_loss));
    TRY(mem_alloc((size_t)most, sizeof *f->marks, &f->marks));
    TRY(mem_alloc((size_t)longest_filler(f), sizeof *f->pad, &f->pad));
    TRY(unit_batch_init(&f->batch, most, f->rows, align));
    TRY(encoder_gradient_open(&f->gradient, e, &f->flat, f->rows, pool_threads(f->t->replica.pool)));
    return unit_new(e, f->rows, most, 0, pool_threads(f->t->replica.pool), UNIT_TRAIN_WEIGHTS, &f->unit);
}

status full_prepare(struct full *f, struct oracle *oracle)
{
    const struct ranges_part whole = {0, f->flat.count};

    f->oracle = oracle;
    f->assignment = &oracle->assignment;
    f->examples = oracle->examples;
    f->micros = (f->examples + MICRO - 1) / MICRO;
    tree_sum_init(&f->heads, f->micros, TREE_FLOAT, 2 * (size_t)f->flat.config.hidden);
    TRY(mem_alloc((size_t)f->examples, sizeof *f->losses, &f->losses));
    deal_clear(&f->deal, 1, f->micros, f->comm->workers);
    for (int32_t i = 0; i < f->micros; i++)
        TRY(deal_add(&f->deal, 0, (int)((int64_t)i * f->comm->workers / f->micros), (struct tree_node){i, 1}));
    TRY(ranges_plan(&f->ranges, &f->deal, &whole, 1, f->t->replica.pool));
    return comm_is_worker(f->comm) ? prepare_worker(f) : ST_OK;
}

/* ---- requests, on all ranks ---- */

/* All weights to all workers, packed for the products. */
static status refresh(struct full *f)
{
    const struct flat_view view = {&f->flat, f->values};
    struct packed_weights_source source = packed_weights_from_flat(&view);
    status s = ST_OK;

    if (!f->stale) return ST_OK;
    TRY(ranges_gather(&f->ranges, f->values));
    if (comm_is_worker(f->comm)) {
        s = encoder_weights_pack(f->t->replica.encoder, &source, f->t->replica.pool, f->packed);
        if (s == ST_OK) s = encoder_attach(f->t->replica.encoder, f->packed);
    }
    f->stale = 0;
    return comm_agree(f->comm, s);
}

static status run_micro(struct full *f, int32_t micro)
{
    struct encoder_sink sink;
    struct unit_inputs in = {.batch = &f->batch, .head = f->head, .batch_examples = f->examples, .sink = &sink,
                             .marks = f->marks, .loss = f->oracle->o.loss};
    struct unit_outputs out = {.loss = f->unit_loss};
    float *grad = ranges_array(&f->ranges);
    void *head;

    TRY(fill(f, micro));
    TRY(tree_sum_take(&f->heads, &head));
    out.grad_head = head;
    memset(grad, 0, (size_t)f->flat.count * sizeof *grad);   /* the word table is added to, the language model's head is not there */
    TRY(encoder_gradient_begin(&f->gradient, f->t->replica.pool, &f->batch, 1, grad, NULL, &sink));
    TRY(unit_train(f->unit, f->t->replica.encoder, f->t->replica.pool, &in, &out));
    memcpy(f->losses + micro * MICRO, f->unit_loss, (size_t)micro_size(f, micro) * sizeof *f->losses);
    ranges_done(&f->ranges);
    return tree_sum_add(&f->heads, (struct tree_node){micro, 1}, head);
}

static status compute(struct full *f)
{
    ranges_begin(&f->ranges);
    tree_sum_clear(&f->heads, f->micros);
    for (int32_t i = 0; i < f->micros; i++)
        if (f->deal.blocks[i].worker == f->comm->worker) TRY(run_micro(f, i));
    return ST_OK;
}

/* Loss and gradient of the weights as they are. An example's loss is known to one rank; the bits are summed as integers. */
static status look(struct full *f)
{
    struct tree_sum *heads[1] = {&f->heads};
    size_t head = 2 * (size_t)f->flat.config.hidden;
    status s = ST_OK;

    TRY(refresh(f));
    TRY(comm_broadcast(f->comm, f->head, head * sizeof *f->head, 0));
    memset(f->losses, 0, (size_t)f->examples * sizeof *f->losses);
    if (comm_is_worker(f->comm)) s = compute(f);
    if (s != ST_OK && f->comm->size > 1) comm_abort(f->comm, s);   /* others wait for this one's part */
    TRY(s);
    TRY(ranges_sum(&f->ranges, &f->grad));
    TRY(reduce_sum_to_coordinator(&f->reduce, &f->deal, heads, head, f->d_head));
    return comm_sum(f->comm, f->losses, f->examples);
}

static struct adamw adamw_of(const struct full *f)
{
    return (struct adamw){.lr = f->rate, .beta1 = BETA1, .beta2 = BETA2, .eps = EPS, .decay = f->decay,
                          .correction1 = 1 - pow(BETA1, (double)f->applied), .correction2 = 1 - pow(BETA2, (double)f->applied)};
}

static void update_job(void *arg, int thread, int threads)
{
    struct full *f = arg;
    struct adamw w = adamw_of(f);
    int64_t first, last;

    pool_slice(f->last - f->first, BLOCK_COLUMNS, thread, threads, &first, &last);
    if (first >= last) return;
    flat_adamw(&f->flat, &f->t->replica.encoder->kernels, &w, f->first + first, f->first + last, f->grad + first,
               f->values + f->first + first, f->m + first, f->v + first);
}

/* Rate and decay are the coordinator's; so is the head. */
static status update(struct full *f)
{
    double rates[2] = {f->rate, f->decay};

    TRY(comm_broadcast(f->comm, rates, sizeof rates, 0));
    f->rate = rates[0];
    f->decay = rates[1];
    f->applied++;
    f->stale = 1;
    if (comm_is_worker(f->comm)) pool_run(f->t->replica.pool, update_job, f);
    return ST_OK;
}

/* The own range of the best state: kept, or put back. */
static status keep(struct full *f, int back)
{
    size_t bytes = (size_t)(f->last - f->first) * sizeof *f->best;

    if (comm_is_worker(f->comm) && back) memcpy(f->values + f->first, f->best, bytes);
    else if (comm_is_worker(f->comm)) memcpy(f->best, f->values + f->first, bytes);
    if (!back) return ST_OK;
    f->stale = 1;
    return refresh(f);
}

status full_request(void *arg, int what)
{
    struct full *f = arg;

    switch ((enum full_op)what) {
    case FULL_LOOK: return look(f);
    case FULL_UPDATE: return update(f);
    case FULL_KEEP: return keep(f, 0);
    case FULL_BEST: return keep(f, 1);
    case FULL_COLLECT: return reduce_collect(&f->reduce, 1, f->values + f->first, f->whole);
    case FULL_SAVE: return full_save(f);
    case FULL_RESUME: return full_resume(f);
    }
    return ST_OK;
}

/* ---- the coordinator's side ---- */

static status loss_of(const struct full *f, const struct dev_curve *dev_curve, int64_t step, double *loss)
{
    double *by_slot;

    TRY(mem_alloc((size_t)f->examples, sizeof *by_slot, &by_slot));
    memcpy(by_slot, f->losses, (size_t)f->examples * sizeof *by_slot);
    *loss = tree_total(by_slot, f->examples) / f->examples;
    mem_free(by_slot);
    if (isfinite(*loss)) return ST_OK;
    return fault(ST_NUMBER, "%s: the training loss is not finite at step %lld; a lower rate may help", dev_curve->phase,
                 (long long)step);
}

static status check(struct full *f, struct dev_curve *dev_curve, int64_t step, double loss)
{
    struct dev_curve_state state = {f->head, f->head, NULL};   /* of prompts, no float is read */
    struct dev_curve_point point = {.step = step, .loss = loss};

    snprintf(point.stage, sizeof point.stage, "%s", step > 0 ? "full" : "start");
    TRY(dev_curve_check(dev_curve, &point, &state));
    return point.best ? oracle_own(f->oracle, FULL_KEEP) : ST_OK;
}

static void update_head(struct full *f, const struct kernels *k)
{
    struct adamw w = adamw_of(f);

    k->adamw(&w, 2 * f->flat.config.hidden, f->d_head, f->head, f->head_m, f->head_v);
}

/* A snapshot is several times the encoder: only when the work since the last one was worth it. */
static status save(struct full *f, double *saved)
{
    double now = clock_now();

    if (now - saved[0] < SNAPSHOT_SHARE * saved[1]) return ST_OK;
    TRY(oracle_own(f->oracle, FULL_SAVE));
    saved[0] = clock_now();
    saved[1] = saved[0] - now;
    return ST_OK;
}

static status start(struct full *f, struct dev_curve *dev_curve, const struct full_options *o, const float *head)
{
    memcpy(f->head, head, 2 * (size_t)f->flat.config.hidden * sizeof *head);
    f->rate = o->rate;
    f->decay = o->decay;
    f->dev_curve = dev_curve;
    snprintf(f->snapshot, sizeof f->snapshot, "%s", o->snapshot);
    snprintf(f->digest, sizeof f->digest, "%s", o->digest);
    return oracle_own(f->oracle, FULL_RESUME);
}

status full_run(struct full *f, struct dev_curve *dev_curve, const struct full_options *o, const float *head, double *seconds)
{
    double started = clock_now(), before, saved[2] = {started, 0};
    int checked;

    TRY(start(f, dev_curve, o, head));
    before = f->seconds;
    checked = dev_curve->count > 0;   /* a snapshot is made behind a check */
    for (;; f->step++) {
        double loss = 0;

        TRY(oracle_own(f->oracle, FULL_LOOK));
        TRY(loss_of(f, dev_curve, f->step, &loss));
        if (!checked && (f->step % o->check_every == 0 || f->step == o->epochs)) {
            TRY(check(f, dev_curve, f->step, loss));
            f->seconds = before + clock_now() - started;
            if (f->step > 0 && f->step < o->epochs) TRY(save(f, saved));
        }
        checked = 0;
        dev_curve_step(dev_curve, "full", f->step, loss, 0);
        if (f->step == o->epochs) break;
        if (dev_curve_stopped(dev_curve)) return ST_END;
        TRY(oracle_own(f->oracle, FULL_UPDATE));
        update_head(f, &f->t->bank.kernels);
    }
    *seconds = before + clock_now() - started;
    return oracle_own(f->oracle, FULL_BEST);
}

static status read_values(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    return flat_copy(arg, name, first, count, out);
}

status full_write(struct full *f, const char *folder, char digest[33])
{
    struct flat_view view = {&f->flat, f->whole};
    struct model_folder what = {.config = f->flat.config, .type = TENSOR_F32, .read = read_values, .arg = &view};
    struct model_source *written;
    char vocab[4096];
    status s;

    TRY(oracle_own(f->oracle, FULL_COLLECT));
    TRY(file_join(vocab, sizeof vocab, f->t->config->model, "vocab.txt"));
    if (file_exists(vocab)) what.vocab = vocab;
    TRY(model_folder_write(folder, &what));
    TRY(model_source_open(folder, &written));
    s = model_source_digest(written, digest);
    model_source_close(&written);
    return s;
}

int64_t full_parameters(const struct full *f)
{
    int64_t sum = 2 * f->flat.config.hidden;

    for (int64_t i = 0; i < names_encoder(f->flat.config.layers); i++) sum += f->flat.size[i];
    return sum;
}

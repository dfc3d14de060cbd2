#include "worker/mlm.h"

#include <string.h>

#include "worker/train/squares.h"

/* ---- memory ---- */

/* The sum of gradients, layer by layer as backward completes them. */
static status plan_sum(struct mlm_worker *w)
{
    const struct flat *f = w->o.flat;
    struct ranges_part *parts;
    status s;

    TRY(mem_alloc((size_t)flat_parts(f), sizeof *parts, &parts));
    for (int i = 0; i < flat_parts(f); i++) flat_part(f, i, &parts[i].first, &parts[i].last);
    s = ranges_plan(w->o.ranges, w->o.deal, parts, flat_parts(f), w->o.replica->pool);
    mem_free(parts);
    return s;
}

static status alloc_moments(struct mlm_worker *w)
{
    size_t own = (size_t)(w->last - w->first);

    TRY(mem_keep_new(&w->keep, own, sizeof *w->m, &w->m));
    TRY(mem_keep_new(&w->keep, own, sizeof *w->v, &w->v));
    return mem_keep_new(&w->keep, own / BLOCK_COLUMNS, sizeof *w->squares, &w->squares);
}

static status alloc_all(struct mlm_worker *w)
{
    const struct mlm_settings *s = w->o.settings;
    struct encoder *e = w->o.replica->encoder;
    int32_t rows = s->sequences * s->length, targets = s->sequences * (s->wanted > s->asked ? s->wanted : s->asked);
    int32_t examples = s->apart ? rows / 2 : s->sequences;
    struct mlm_sizes sizes = {rows, examples, targets, pool_threads(w->o.replica->pool), s->train, s->frozen};

    blocks_columns(w->o.blocks, w->o.worker, &w->first, &w->last);
    TRY(mem_keep_new(&w->keep, (size_t)w->o.flat->count, sizeof *w->values, &w->values));
    w->own = w->values + w->first;
    if (s->train) {
        TRY(alloc_moments(w));
        TRY(plan_sum(w));
    }
    TRY(mem_keep_new(&w->keep, (size_t)s->sequences, sizeof *w->sequences, &w->sequences));
    TRY(mem_keep_new(&w->keep, (size_t)s->length, sizeof *w->ids, &w->ids));
    TRY(mem_keep_new(&w->keep, (size_t)s->length, sizeof *w->words, &w->words));
    TRY(mem_keep_new(&w->keep, (size_t)s->length, sizeof *w->fate, &w->fate));
    TRY(mem_keep_new(&w->keep, (size_t)targets, sizeof *w->rows, &w->rows));
    TRY(mem_keep_new(&w->keep, (size_t)targets, sizeof *w->targets, &w->targets));
    TRY(mem_keep_new(&w->keep, encoder_weights_bytes(e), 1, &w->packed));
    if (s->apart) e->exact = EXACT_ROWS; /* documents are packed without gaps */
    TRY(unit_batch_init(&w->batch, examples, rows, encoder_row_align(e)));
    return mlm_unit_new(e, w->o.flat, &sizes, &w->unit);
}

status mlm_worker_new(const struct mlm_worker_options *o, struct mlm_worker **out)
{
    struct mlm_worker *w;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *w, &w));
    w->o = *o;
    s = alloc_all(w);
    if (s == ST_OK) *out = w;
    else mlm_worker_destroy(&w);
    return s;
}

void mlm_worker_destroy(struct mlm_worker **out)
{
    struct mlm_worker *w = *out;

    if (!w) return;
    mlm_unit_destroy(&w->unit);
    unit_batch_fini(&w->batch);
    mem_keep_free(&w->keep);
    mem_free(w);
    *out = NULL;
}

status mlm_worker_attach(struct mlm_worker *w)
{
    return mlm_attach(w->unit, w->o.replica->pool, w->values, w->packed);
}

/* ---- which sequences, and how they are masked ---- */

/* The epochs' permutations, one after another. */
static int64_t training_sequence(const struct mlm_worker *w, uint64_t at)
{
    const struct mlm_settings *s = w->o.settings;
    uint64_t n = (uint64_t)token_text_sequences(w->o.train, s->length), epoch = at / n;
    struct random_key key = random_derive(random_seed(s->seed, RANDOM_SHUFFLE), (uint32_t)epoch, 0, 0, 0);

    return (int64_t)random_permute(key, n, at % n);
}

/* Text is stored file by file; a permutation makes the first few sequences a representative sample. */
int64_t mlm_heldout_sequence(uint64_t seed, int64_t sequences, int64_t place)
{
    struct random_key key = random_derive(random_seed(seed, RANDOM_SHUFFLE), 0, 1, 0, 0);

    return (int64_t)random_permute(key, (uint64_t)sequences, (uint64_t)place);
}

struct random_key mlm_heldout_key(uint64_t seed, int64_t index)
{
    return random_derive(random_seed(seed, RANDOM_EVAL), (uint32_t)index, (uint32_t)((uint64_t)index >> 32), 0, 0);
}

/* The sequence in w->ids as an example; or (apart) each of its documents as an example, whose [CLS] replaces the [SEP]
 * before it. */
static void add_sequence(struct mlm_worker *w)
{
    const struct mlm_settings *s = w->o.settings;
    int32_t first = 0;

    for (int32_t i = 1; i < s->length - 1 && s->apart; i++) {
        if (w->ids[i] != s->special.sep) continue;
        w->ids[i] = s->special.cls;
        unit_batch_add(&w->batch, w->ids + first, i - first, 0, -1, -1);
        first = i;
    }
    unit_batch_add(&w->batch, w->ids + first, s->length - first, 0, -1, -1);
}

/* Add sequence w->sequences[i] of the text, masked under the key, to the batch, which has `targets` targets so far.
 * Returns the new number of targets. */
static int32_t mask_sequence(struct mlm_worker *w, const struct token_text *text, const struct masking *masking,
                             int32_t wanted, struct random_key key, int32_t i, int32_t targets)
{
    const struct mlm_settings *s = w->o.settings;
    int32_t here;

    token_text_sequence(text, &s->special, w->sequences[i], s->length, w->words);
    here = masking_apply(masking, key, w->words, s->length, wanted, w->ids, w->rows + targets, w->targets + targets,
                         w->fate);
    for (int32_t j = 0; j < here; j++) w->rows[targets + j] += i * s->length;
    add_sequence(w);
    return targets + here;
}

/* ---- a step ---- */

static void part_done(void *ranges)
{
    ranges_done(ranges);
}

static void let_messages_move(void *ranges)
{
    ranges_progress(ranges);
}

static status compute_micro(struct mlm_worker *w, int64_t step, int32_t micro, struct mlm_notes *notes)
{
    const struct mlm_settings *s = w->o.settings;
    uint64_t first = ((uint64_t)(step - 1) * (uint64_t)s->micros + (uint64_t)micro) * (uint64_t)s->sequences;
    uint32_t low = (uint32_t)step, high = (uint32_t)((uint64_t)step >> 32), number = (uint32_t)micro;
    struct random_key key = random_derive(random_seed(s->seed, RANDOM_MASK), low, number, high, 0);
    struct random_key dropout = random_derive(random_seed(s->seed, RANDOM_DROPOUT), low, number, high, 0);
    const struct gradient_watch watch = {part_done, let_messages_move, w->o.ranges};
    struct mlm_inputs in = {.batch = &w->batch,
                            .rows = w->rows,
                            .targets = w->targets,
                            .watch = &watch,
                            .divide = (double)s->wanted * (double)s->sequences * (double)s->micros,
                            .token_type = (int32_t)(random_word(key, 1u << 20) & 1),
                            .dropout = {s->dropout, dropout}};
    struct mlm_score score;

    unit_batch_clear(&w->batch, 0);
    for (int32_t i = 0; i < s->sequences; i++) {
        w->sequences[i] = training_sequence(w, first + (uint64_t)i);
        in.count = mask_sequence(w, w->o.train, &s->masking, s->wanted, random_derive(key, (uint32_t)i, 0, 0, 0), i,
                                 in.count);
    }
    TRY(mlm_train(w->unit, w->o.replica->pool, &in, ranges_array(w->o.ranges), &score));
    mlm_notes_score(notes, micro, &score);
    return ST_OK;
}

status mlm_worker_compute(struct mlm_worker *w, int64_t step, struct mlm_notes *notes)
{
    const struct deal *deal = w->o.deal;

    ranges_begin(w->o.ranges);
    for (size_t i = 0; i < deal->count; i++)
        if (deal->blocks[i].worker == w->o.worker) TRY(compute_micro(w, step, deal->blocks[i].node.first, notes));
    return ST_OK;
}

status mlm_worker_square(struct mlm_worker *w, const float *grad, struct tree_sum *squares)
{
    const struct blocks *b = w->o.blocks;

    return squares_sum(&w->o.replica->encoder->kernels, w->o.replica->pool, b->count, blocks_first(b, w->o.worker),
                       blocks_first(b, w->o.worker + 1), grad, w->squares, squares);
}

struct updating {
    struct mlm_worker *w;
    const struct adamw *adamw;
    const float *grad;
};

static void update_job(void *arg, int thread, int threads)
{
    const struct updating *u = arg;
    struct mlm_worker *w = u->w;
    const struct flat *f = w->o.flat;
    int64_t first, last,
        frozen = w->o.settings->frozen > 0 ? flat_layer(f, w->o.settings->frozen, FLAT_QUERY) - w->first : 0;

    pool_slice(w->last - w->first, BLOCK_COLUMNS, thread, threads, &first, &last);
    if (first < frozen) first = frozen;
    if (first >= last) return;
    flat_adamw(f, &w->o.replica->encoder->kernels, u->adamw, w->first + first, w->first + last, u->grad + first,
               w->own + first, w->m + first, w->v + first);
}

void mlm_worker_update(struct mlm_worker *w, const struct adamw *adamw, const float *grad)
{
    struct updating u = {w, adamw, grad};

    pool_run(w->o.replica->pool, update_job, &u);
}

/* ---- evaluation ---- */

static status evaluate_item(struct mlm_worker *w, int64_t item, int32_t count, struct mlm_notes *notes)
{
    const struct mlm_settings *s = w->o.settings;
    int64_t all = token_text_sequences(w->o.heldout, s->length);
    struct mlm_inputs in = {.batch = &w->batch, .rows = w->rows, .targets = w->targets, .divide = 1};
    struct mlm_score score;

    unit_batch_clear(&w->batch, 0);
    for (int32_t i = 0; i < count; i++) {
        w->sequences[i] = mlm_heldout_sequence(s->seed, all, item * s->sequences + i);
        in.count = mask_sequence(w, w->o.heldout, &s->heldout_masking, s->asked,
                                 mlm_heldout_key(s->seed, w->sequences[i]), i, in.count);
    }
    TRY(mlm_evaluate(w->unit, w->o.replica->pool, &in, NULL, &score));
    mlm_notes_score(notes, item, &score);
    return ST_OK;
}

status mlm_worker_evaluate(struct mlm_worker *w, int64_t first, int64_t count, int64_t rows, struct mlm_notes *notes)
{
    int64_t size = w->o.settings->sequences, last = first + count < notes->items ? first + count : notes->items;

    for (int64_t item = first + w->o.worker; item < last; item += w->o.workers) {
        int64_t left = rows - item * size;

        TRY(evaluate_item(w, item, (int32_t)(left < size ? left : size), notes));
    }
    return ST_OK;
}

/* One step: micro-batches, the tree's sum by ranges, its norm, the update of each range. */
#include <math.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"
#include "coordinator/mlm/mlm.h"

status mlm_refresh(struct mlm *m)
{
    status s = ST_OK;

    if (!m->stale) return ST_OK;
    TRY(ranges_gather(&m->ranges, m->values));
    if (comm_is_worker(m->comm)) s = mlm_attach(m->unit, m->replica.pool, m->values, m->packed);
    m->stale = 0;
    return comm_agree(m->comm, s);
}

/* ---- micro-batches ---- */

/* The sequence in m->ids as an example; or (train.apart) each of its documents as one, whose [CLS] takes the place of the [SEP]
 * before it. */
static void add_sequence(struct mlm *m)
{
    int32_t first = 0;

    for (int32_t i = 1; i < m->length - 1 && m->config->apart; i++) {
        if (m->ids[i] != m->special.sep) continue;
        m->ids[i] = m->special.cls;
        unit_batch_add(&m->batch, m->ids + first, i - first, 0, -1, -1);
        first = i;
    }
    unit_batch_add(&m->batch, m->ids + first, m->length - first, 0, -1, -1);
}

/* m->sequences of the text, masked under the micro-batch's key, or (exam) of held-out text, each under its own, into m->batch. */
static int32_t fill(struct mlm *m, int exam, int32_t count, struct random_key key)
{
    const struct mlm_text *text = exam ? &m->heldout : &m->train;
    int32_t targets = 0;

    unit_batch_clear(&m->batch, 0);
    for (int32_t i = 0; i < count; i++) {
        struct random_key own = exam ? mlm_heldout_key(m, m->sequences[i]) : random_derive(key, (uint32_t)i, 0, 0, 0);
        int32_t here;

        mlm_text_sequence(text, &m->special, m->sequences[i], m->length, m->words);
        here = masking_apply(exam ? &m->exam : &m->masking, own, m->words, m->length, exam ? m->asked : m->wanted,
                             m->ids, m->rows + targets, m->targets + targets, m->fate);
        for (int32_t j = 0; j < here; j++) m->rows[targets + j] += i * m->length;
        targets += here;
        add_sequence(m);
    }
    return targets;
}

/* The epochs' permutations, one behind the other. */
static int64_t sequence_at(const struct mlm *m, uint64_t at)
{
    uint64_t n = (uint64_t)mlm_text_sequences(&m->train, m->length), epoch = at / n;
    struct random_key key = random_derive(random_seed((uint64_t)m->config->seed, RANDOM_SHUFFLE), (uint32_t)epoch, 0, 0, 0);

    return (int64_t)random_permute(key, n, at % n);
}

/* What ranks have found of item i: only one of them has, so that bits can be summed as integers. */
static void note(struct mlm *m, int64_t i, const struct mlm_score *score)
{
    memcpy(&m->sums[3 * i], &score->loss, sizeof score->loss);
    m->sums[3 * i + 1] = score->targets;
    m->sums[3 * i + 2] = score->correct;
}

/* A worker's report, behind the items: whole numbers, which sums keep as they are. */
static void note_report(struct mlm *m, int64_t items, struct member_report r)
{
    int64_t *at = m->sums + 3 * (items + m->comm->worker);

    at[0] = (int64_t)(r.seconds * 1e9);
    at[1] = (int64_t)r.sent;
    at[2] = (int64_t)r.memory;
}

static void take_reports(struct mlm *m, int64_t items)
{
    for (int w = 0; w < m->comm->workers; w++) {
        const int64_t *at = m->sums + 3 * (items + w);

        m->reports[w] = (struct member_report){(double)at[0] * 1e-9, (double)at[1], (double)at[2]};
        m->message.compute_seconds = fmax(m->message.compute_seconds, m->reports[w].seconds);
    }
}

static status gather_scores(struct mlm *m, int64_t items, struct mlm_score *out)
{
    TRY(comm_sum(m->comm, m->sums, (int)(3 * (items + m->comm->workers))));
    *out = (struct mlm_score){0};
    for (int64_t i = 0; i < items; i++) {
        double loss;

        memcpy(&loss, &m->sums[3 * i], sizeof loss);
        out->loss += loss;
        out->targets += m->sums[3 * i + 1];
        out->correct += m->sums[3 * i + 2];
    }
    return ST_OK;
}

static status clear_notes(struct mlm *m, int64_t items)
{
    size_t n = 3 * (size_t)(items + m->comm->workers);

    TRY(mem_grow(&m->sums, &m->sum_room, n, sizeof *m->sums));
    memset(m->sums, 0, n * sizeof *m->sums);
    return ST_OK;
}

static void part_done(void *arg)
{
    ranges_done(arg);
}

static void progress(void *arg)
{
    ranges_progress(arg);
}

static status micro_batch(struct mlm *m, int64_t step, int32_t micro)
{
    const struct train_config *t = &m->config->train;
    uint64_t seed = (uint64_t)m->config->seed, first = ((uint64_t)(step - 1) * (uint64_t)t->groups + (uint64_t)micro) * (uint64_t)t->batch;
    uint32_t low = (uint32_t)step, high = (uint32_t)((uint64_t)step >> 32);
    struct random_key key = random_derive(random_seed(seed, RANDOM_MASK), low, (uint32_t)micro, high, 0);
    const struct gradient_watch watch = {part_done, progress, &m->ranges};
    struct mlm_inputs in = {.batch = &m->batch, .rows = m->rows, .targets = m->targets, .watch = &watch,
                            .divide = (double)m->wanted * (double)t->batch * (double)t->groups,
                            .token_type = (int32_t)(random_word(key, 1u << 20) & 1),
                            .dropout = {t->dropout, random_derive(random_seed(seed, RANDOM_DROPOUT), low, (uint32_t)micro, high, 0)}};
    struct mlm_score score;

    for (int64_t i = 0; i < t->batch; i++) m->sequences[i] = sequence_at(m, first + (uint64_t)i);
    in.count = fill(m, 0, (int32_t)t->batch, key);
    TRY(mlm_train(m->unit, m->replica.pool, &in, ranges_array(&m->ranges), &score));
    note(m, micro, &score);
    return ST_OK;
}

static status compute(struct mlm *m, int64_t step)
{
    ranges_begin(&m->ranges);
    for (size_t i = 0; i < m->deal.count; i++)
        if (m->deal.blocks[i].worker == m->comm->worker) TRY(micro_batch(m, step, m->deal.blocks[i].node.first));
    return ST_OK;
}

/* ---- the gradient's norm ---- */

enum { SUBTREE = 1024 };   /* blocks that one thread adds up at a time */

/* The largest node that begins at block b, ends by `last` and is no larger than SUBTREE. */
static int node_size(int b, int last)
{
    int size = 1;

    while (size < SUBTREE && b % (2 * size) == 0 && b + 2 * size <= last) size *= 2;
    return size;
}

struct squaring { struct mlm *m; int first, last; };

/* A block's sum is a leaf of the tree over all blocks, whoever owns it; a node's sum goes to its first block's place. */
static void square_job(void *arg, int thread, int threads)
{
    const struct squaring *s = arg;
    const struct kernels *k = &s->m->replica.encoder->kernels;
    int size, item = 0;

    for (int b = s->first; b < s->last; b += size, item++) {
        double *sum = s->m->block_squares + (b - s->first);

        size = node_size(b, s->last);
        if (item % threads != thread) continue;
        for (int i = 0; i < size; i++)
            sum[i] = k->sum_squares(BLOCK_COLUMNS, s->m->grad + (int64_t)(b - s->first + i) * BLOCK_COLUMNS);
        for (int n = size / 2; n > 0; n /= 2)
            for (int i = 0; i < n; i++) sum[i] = sum[2 * i] + sum[2 * i + 1];
    }
}

static status square(struct mlm *m)
{
    struct squaring s = {m, blocks_first(&m->blocks, m->comm->worker), blocks_first(&m->blocks, m->comm->worker + 1)};
    int size;

    pool_run(m->replica.pool, square_job, &s);
    tree_sum_clear(&m->squares, m->blocks.count);
    for (int b = s.first; b < s.last; b += size) {
        void *vector;

        size = node_size(b, s.last);
        TRY(tree_sum_take(&m->squares, &vector));
        *(double *)vector = m->block_squares[b - s.first];
        TRY(tree_sum_add(&m->squares, (struct tree_node){b, size}, vector));
    }
    return ST_OK;
}

static status find_norm(struct mlm *m, double *norm)
{
    double sum = 0;
    status s = comm_is_worker(m->comm) ? square(m) : ST_OK;

    TRY(comm_agree(m->comm, s));
    TRY(reduce_grad_u(&m->reduce, &m->squares, 1, &sum));
    *norm = sqrt(sum);
    return ST_OK;
}

/* ---- step and commit ---- */

/* Coordinator. The step's message, but for its times. */
static void fill_message(struct mlm *m, int64_t step, const struct mlm_score *score, double norm)
{
    const struct train_config *t = &m->config->train;

    m->message.loss = score->targets > 0 ? score->loss / (double)score->targets : 0;
    m->message.accuracy = score->targets > 0 ? (double)score->correct / (double)score->targets : 0;
    m->message.examples = (uint64_t)(t->groups * t->batch);
    m->message.tokens = (uint64_t)(t->groups * t->batch * m->length);
    m->message.flops = mlm_flops(&m->flat.config, t->groups * t->batch, m->length, score->targets);
    m->message.learning_rate = t->rate * train_rate_factor(t, step - 1);
    m->message.gradient_norm = norm;
}

status mlm_step(void *self, int64_t step, struct membership *membership, struct job_step *out)
{
    struct mlm *m = self;
    const struct train_config *t = &m->config->train;
    struct mlm_score score;
    double norm = 0, started, computed;
    status s;

    TRY(mlm_refresh(m));
    started = clock_now();
    s = clear_notes(m, t->groups);
    if (s == ST_OK && comm_is_worker(m->comm)) {
        s = compute(m, step);
        note_report(m, t->groups, member_report_here(membership, clock_now() - started));
    }
    if (s != ST_OK && m->comm->size > 1) comm_abort(m->comm, s);   /* others wait for this one's gradient */
    TRY(membership_agree(membership, s));
    computed = clock_now();
    TRY(gather_scores(m, t->groups, &score));
    TRY(ranges_sum(&m->ranges, &m->grad));
    TRY(find_norm(m, &norm));
    m->scale = m->config->clip > 0 && norm > m->config->clip ? m->config->clip / norm : 1;
    TRY(comm_broadcast(m->comm, &m->scale, sizeof m->scale, 0));
    if (!comm_is_coordinator(m->comm)) return ST_OK;
    fill_message(m, step, &score, norm);
    m->message.compute_seconds = 0;
    take_reports(m, t->groups);
    m->message.wait_seconds = comm_is_worker(m->comm) ? 0 : computed - started;
    m->message.reduce_seconds = clock_now() - computed;
    *out = (struct job_step){.skipped = !isfinite(score.loss) || !isfinite(norm), .message = &m->message,
                             .reports = m->reports, .units = m->units};
    return ST_OK;
}

struct updating { struct mlm *m; struct adamw w; };

static void update_job(void *arg, int thread, int threads)
{
    const struct updating *u = arg;
    struct mlm *m = u->m;
    int64_t first, last, frozen = m->config->frozen > 0 ? flat_layer(&m->flat, m->config->frozen, FLAT_QUERY) - m->first : 0;

    pool_slice(m->last - m->first, BLOCK_COLUMNS, thread, threads, &first, &last);
    if (first < frozen) first = frozen;
    if (first >= last) return;
    flat_adamw(&m->flat, &m->replica.encoder->kernels, &u->w, m->first + first, m->first + last, m->grad + first, m->own + first,
               m->m + first, m->v + first);
}

status mlm_commit(void *self, int64_t step, int apply)
{
    struct mlm *m = self;
    const struct train_config *t = &m->config->train;
    struct updating u = {.m = m};

    if (!apply) return ST_OK;
    m->applied++;
    m->stale = 1;
    if (!comm_is_worker(m->comm)) return ST_OK;
    u.w = adamw_at(t->rate * train_rate_factor(t, step - 1), &t->adamw, m->applied);
    u.w.scale = m->scale;
    pool_run(m->replica.pool, update_job, &u);
    return ST_OK;
}

/* ---- evaluation ---- */

/* Text stands file by file; a permutation makes the first few sequences a fair sample of all. */
static int64_t heldout_sequence(const struct mlm *m, int64_t place)
{
    struct random_key key = random_derive(random_seed((uint64_t)m->config->seed, RANDOM_SHUFFLE), 0, 1, 0, 0);

    return (int64_t)random_permute(key, (uint64_t)mlm_text_sequences(&m->heldout, m->length), (uint64_t)place);
}

static status evaluate_micro(struct mlm *m, int64_t item, int64_t first, int32_t count)
{
    struct mlm_inputs in = {.batch = &m->batch, .rows = m->rows, .targets = m->targets, .divide = 1};
    const struct random_key none = {{0, 0}};
    struct mlm_score score;

    for (int32_t i = 0; i < count; i++) m->sequences[i] = heldout_sequence(m, first + i);
    in.count = fill(m, 1, count, none);
    TRY(mlm_evaluate(m->unit, m->replica.pool, &in, NULL, &score));
    note(m, item, &score);
    return ST_OK;
}

static void tell_eval(struct mlm *m, const struct mlm_score *score, int64_t rows, int subset, double seconds, struct job_eval *out)
{
    m->heldout_loss = score->loss / (double)score->targets;
    m->heldout_accuracy = (double)score->correct / (double)score->targets;
    m->targets_scored = score->targets;
    m->correct = score->correct;
    m->task = (struct record_eval_task){0, (uint64_t)rows, m->heldout_accuracy, m->heldout_loss};
    mp2__score__init(&m->score);
    m->score.task = (char *)(uintptr_t)"heldout";
    m->score.metric = (char *)(uintptr_t)"perplexity";
    m->score.score = exp(m->heldout_loss);
    m->score.loss = m->heldout_loss;
    m->score.rows = (uint64_t)rows;
    m->scores[0] = &m->score;
    mp2__eval__init(&m->eval);
    m->eval.split = (char *)(uintptr_t)"dev";
    m->eval.mean = m->heldout_loss;
    m->eval.seconds = seconds;
    m->eval.subset = subset;
    m->eval.n_scores = 1;
    m->eval.scores = m->scores;
    *out = (struct job_eval){.record = {.task_count = 1, .tasks = &m->task, .mean = m->heldout_loss, .subset = subset},
                             .message = &m->eval};
}

status mlm_evaluate_heldout(void *self, int64_t step, int full, struct membership *membership, struct job_eval *out)
{
    struct mlm *m = self;
    int64_t all = mlm_text_sequences(&m->heldout, m->length), most = m->config->eval.rows, size = m->config->train.batch;
    int64_t rows = full || most == 0 || most > all ? all : most, items = (rows + size - 1) / size;
    struct mlm_score score;
    double started = clock_now();
    status s;

    (void)step;
    TRY(mlm_refresh(m));
    if (membership) membership_begin_round(membership);
    s = clear_notes(m, items);
    for (int64_t i = 0; i < items && s == ST_OK && comm_is_worker(m->comm); i++)
        if (i % m->comm->workers == m->comm->worker)
            s = evaluate_micro(m, i, i * size, (int32_t)(rows - i * size < size ? rows - i * size : size));
    TRY(membership ? membership_agree(membership, s) : comm_agree(m->comm, s));
    TRY(gather_scores(m, items, &score));
    if (comm_is_coordinator(m->comm)) tell_eval(m, &score, rows, rows < all, clock_now() - started, out);
    return ST_OK;
}

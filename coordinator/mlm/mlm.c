/* Setting up: the coordinator prepares text and start, all ranks agree part by part; and the job for the loop. */
#include "coordinator/mlm/mlm.h"

#include <stdio.h>
#include <string.h>

#include <cblas.h>
#include <gnu/libc-version.h>

#include "cluster/base/log.h"
#include "coordinator/text/vocabulary.h"
#include "worker/model/folder.h"

/* ---- what all ranks know ---- */

static int32_t tokens_to_guess(double fraction, int32_t length)
{
    int32_t n = (int32_t)(fraction * (double)(length - 2) + 0.5);

    return n < 1 ? 1 : n;
}

static struct mlm_settings settings_of(const struct mlm_config *c, const struct mlm_facts *f)
{
    int32_t length = (int32_t)c->length;

    return (struct mlm_settings){.seed = (uint64_t)c->seed,
                                 .length = length,
                                 .sequences = (int32_t)c->sequences,
                                 .micros = (int32_t)c->micros,
                                 .wanted = tokens_to_guess(c->masked, length),
                                 .asked = tokens_to_guess(0.15, length),
                                 .frozen = (int32_t)c->frozen,
                                 .apart = c->apart,
                                 .dropout = c->train.dropout,
                                 .train = !c->evaluate,
                                 .special = f->special};
}

/* Held-out text is always masked as BERT does it; training as the configuration says. */
static void set_masking(struct mlm *m)
{
    const struct masking_config *c = &m->config->masking;
    const struct special_tokens *s = &m->facts.special;
    struct masking *train = &m->settings.masking, *heldout = &m->settings.heldout_masking;

    *heldout = (struct masking){
        .sep = s->sep, .mask = s->mask, .vocabulary = s->vocabulary, .masked = 0.8, .random = 0.1};
    *train = *heldout;
    train->unit = (enum mask_unit)c->unit;
    train->masked = c->masked;
    train->random = c->random;
    train->p = c->span;
    train->longest = (int32_t)c->longest;
    memcpy(train->first, m->facts.salient, sizeof m->facts.salient);
    train->firsts = m->facts.salients;
    if (c->from != REPLACE_FROM_TEXT) return;
    train->pool = m->train.tokens;
    train->pool_tokens = m->train.count;
}

static status open_text(struct mlm *m)
{
    const struct mlm_config *c = m->config;
    char folder[4096];

    TRY(mlm_text_folder(c, m->facts.aside, folder, sizeof folder));
    TRY(token_text_open(folder, "train.ids", m->facts.text_digest, &m->train));
    TRY(token_text_open(folder, "heldout.ids", m->facts.text_digest, &m->heldout));
    if (!c->evaluate && token_text_sequences(&m->train, m->settings.length) < 1)
        return fault(ST_INPUT, "%s: %lld tokens of text, expected at least one sequence of %d", c->run,
                     (long long)m->train.count, m->settings.length);
    if ((c->heldout > 0 || c->evaluate) && token_text_sequences(&m->heldout, m->settings.length) < 1)
        return fault(ST_INPUT,
                     "heldout: %g keeps %lld tokens, expected at least one sequence of %d (or 0: no evaluation)",
                     c->heldout, (long long)m->heldout.count, m->settings.length);
    return ST_OK;
}

static status deal_micros(struct mlm *m)
{
    int32_t n = m->settings.micros;

    deal_clear(&m->deal, 1, n, m->comm->workers);
    for (int32_t i = 0; i < n; i++)
        TRY(deal_add(&m->deal, 0, (int)((int64_t)i * m->comm->workers / n), (struct tree_node){i, 1}));
    return ST_OK;
}

static status open_sums(struct mlm *m)
{
    TRY(flat_init(&m->flat, &m->replica.facts.config));
    m->blocks = blocks_make(m->flat.count, m->comm->workers);
    reduce_init(&m->reduce, m->comm, &m->blocks, 1);
    ranges_init(&m->ranges, m->comm, &m->blocks);
    tree_sum_init(&m->squares, m->blocks.count, TREE_DOUBLE, 1);
    TRY(mem_keep_new(&m->keep, 3 * (size_t)m->flat.slots, sizeof *m->tensors, &m->tensors));
    return mem_keep_new(&m->keep, 3 * (size_t)m->flat.slots, sizeof *m->names, &m->names);
}

/* ---- workers ---- */

static status read_start(struct mlm *m)
{
    struct random_key key = random_seed((uint64_t)m->config->seed, RANDOM_INIT);
    struct packed_weights_source random = packed_weights_from_random(&key), from;
    struct model_source *source;
    char folder[4096];
    int head = 0;
    status s = ST_OK;

    TRY(mlm_start_folder(m->config, folder, sizeof folder));
    TRY(model_source_open(folder, &source));
    from = packed_weights_from_model(source);
    if (!m->config->new_head) s = model_source_head(source, &head);
    if (s == ST_OK && !head) s = flat_read(&m->flat, &random, 1, m->worker->values);
    if (s == ST_OK) s = flat_read(&m->flat, &from, head, m->worker->values);
    model_source_close(&source);
    return s;
}

static status open_worker(struct mlm *m)
{
    struct mlm_worker_options o = {.settings = &m->settings,
                                   .replica = &m->replica,
                                   .flat = &m->flat,
                                   .blocks = &m->blocks,
                                   .deal = &m->deal,
                                   .ranges = &m->ranges,
                                   .train = &m->train,
                                   .heldout = &m->heldout,
                                   .worker = m->comm->worker,
                                   .workers = m->comm->workers};

    TRY(mlm_worker_new(&o, &m->worker));
    return read_start(m);
}

/* ---- all ranks ---- */

/* Documents apart are packed without gaps, so products cannot be cut by document. */
static status check_apart(const struct mlm *m)
{
    if (!m->config->apart || m->replica.facts.exact != EXACT_EXAMPLE || !m->config->machine.exact) return ST_OK;
    if (!comm_is_coordinator(m->comm)) return ST_INPUT;
    return fault(
        ST_INPUT,
        "train.apart: products on this machine are exact only when cut by example; machine.exact: false goes on");
}

static status say_libraries(struct mlm *m)
{
    if (m->replica.encoder)
        snprintf(m->about, sizeof m->about, "%s, %.60s %.20s, glibc %s", matmul_about(m->replica.encoder->matmul),
                 openblas_get_config(), openblas_get_corename(), gnu_get_libc_version());
    return comm_broadcast(m->comm, m->about, sizeof m->about, m->comm->size - 1);
}

static status open_encoder(struct mlm *m, const struct model_source *model)
{
    char folder[4096];

    TRY(mlm_start_folder(m->config, folder,
                         sizeof folder)); /* a function of the configuration: the same on all ranks */
    TRY(machine_open(m->comm, &m->config->machine, &(struct machine_encoder){folder, m->config->run, model},
                     &m->replica));
    TRY(check_apart(m));
    return say_libraries(m);
}

static status open_parts(struct mlm *m)
{
    m->settings = settings_of(m->config, &m->facts);
    TRY(open_sums(m));
    TRY(deal_micros(m));
    TRY(open_text(m));
    set_masking(m);
    if (comm_is_coordinator(m->comm)) TRY(mlm_coordinator_new(&m->deal, m->comm->workers, &m->coordinator));
    return comm_is_worker(m->comm) ? open_worker(m) : ST_OK;
}

static status open_all(struct mlm *m, struct model_source **model)
{
    status s = comm_is_coordinator(m->comm) ? mlm_prepare(m->config, &m->facts, model) : ST_OK;

    TRY(comm_agree(m->comm, s));
    TRY(comm_broadcast(m->comm, &m->facts, sizeof m->facts, 0));
    TRY(open_encoder(m, *model));
    m->stale = 1; /* the first refresh packs */
    return comm_agree(m->comm, open_parts(m));
}

status mlm_open(struct comm *c, const struct mlm_config *config, const struct options *options, struct mlm *m)
{
    struct model_source *model = NULL;
    status s;

    memset(m, 0, sizeof *m);
    m->comm = c;
    m->config = config;
    s = comm_agree(c, train_config_digest(&config->train, options, NULL, NULL, m->config_digest));
    if (s == ST_OK) s = open_all(m, &model);
    model_source_close(&model);
    if (s != ST_OK) mlm_close(m);
    return s;
}

void mlm_close(struct mlm *m)
{
    mlm_worker_destroy(&m->worker);
    mlm_coordinator_destroy(&m->coordinator);
    mlm_notes_fini(&m->notes);
    tree_sum_fini(&m->squares);
    deal_fini(&m->deal);
    reduce_fini(&m->reduce);
    ranges_fini(&m->ranges);
    token_text_close(&m->train);
    token_text_close(&m->heldout);
    replica_close(&m->replica);
    flat_fini(&m->flat);
    mem_keep_free(&m->keep);
    memset(m, 0, sizeof *m);
}

/* ---- the job ---- */

/* An update is carried out when it is committed. */
static status flush(void *self)
{
    (void)self;
    return ST_OK;
}

/* Steps have no records; one that is there belongs to another command. */
static status replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message)
{
    struct mlm *m = self;

    (void)record, (void)message;
    if (!m->coordinator) return ST_INPUT;
    return fault(ST_INPUT, "%s/journal: a record of step %lld, expected none of masked-language-model training",
                 m->config->run, (long long)step);
}

static void brief(void *self, char *out, size_t room)
{
    const struct mlm *m = self;

    snprintf(out, room, "accuracy %.3f norm %.3g", m->coordinator->message.accuracy,
             m->coordinator->message.gradient_norm);
}

struct job mlm_job(struct mlm *m)
{
    return (struct job){.command = "mlm",
                        .self = m,
                        .recomputes = 1,
                        .introduce = mlm_introduce,
                        .step = mlm_step,
                        .commit = mlm_commit,
                        .flush = flush,
                        .replay = replay,
                        .evaluate = mlm_evaluate_heldout,
                        .tensors = mlm_tensors,
                        .state = mlm_state,
                        .restore = mlm_restore,
                        .describe = mlm_describe,
                        .brief = brief};
}

struct loop_options mlm_loop_options(const struct mlm *m, const char *resolved, struct run_folder *folder)
{
    const struct mlm_config *c = m->config;
    int scored = c->heldout > 0;

    return (struct loop_options){.run = c->run,
                                 .precision = m->replica.choice,
                                 .folder = folder,
                                 .config = resolved,
                                 .config_digest = m->config_digest,
                                 .steps = c->train.steps,
                                 .eval_every = scored ? c->eval.every : 0,
                                 .eval_subset = c->eval.rows > 0,
                                 .eval_final = scored && c->eval.final,
                                 .checkpoint_every = c->keep.every,
                                 .checkpoints_kept = (int)c->keep.count,
                                 .skips = c->train.skips,
                                 .watch = c->watch};
}

/* ---- the result ---- */

static status read_values(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    return flat_copy(arg, name, first, count, out);
}

static status write_folder(struct mlm *m, const float *values)
{
    struct flat_view view = {&m->flat, values};
    struct model_folder what = {
        .config = m->flat.config, .type = TENSOR_F32, .head = 1, .read = read_values, .arg = &view};
    struct vocabulary *v;
    char folder[4096];
    status s;

    TRY(mlm_output_folder(m->config, folder, sizeof folder));
    TRY(vocabulary_load(m->config->vocab, &v));
    s = vocabulary_write(v, folder, what.config.positions);
    vocabulary_destroy(&v);
    TRY(s);
    TRY(model_folder_write(folder, &what));
    printf("mlm: the encoder stands in %s\n", folder);
    return ST_OK;
}

status mlm_write(struct mlm *m)
{
    float *values = NULL;
    status s = m->coordinator ? mem_alloc((size_t)m->flat.count, sizeof *values, &values) : ST_OK;

    s = comm_agree(m->comm, s);
    if (s == ST_OK) s = reduce_gather_grad(&m->reduce, 1, m->worker ? m->worker->own : NULL, values);
    if (s == ST_OK && m->coordinator) s = write_folder(m, values);
    mem_free(values);
    return comm_agree(m->comm, s);
}

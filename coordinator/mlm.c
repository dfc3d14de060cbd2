/* Setting up: the coordinator prepares text and start, all ranks agree part by part. */
#include "coordinator/mlm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>
#include <gnu/libc-version.h>
#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/text/corpus.h"
#include "worker/model/folder.h"

static void digest_text(const char *text, char out[33])
{
    XXH128_hash_t h = XXH3_128bits(text, strlen(text));

    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

static status output_folder(const struct mlm *m, char *out, size_t room)
{
    return m->config->output[0] ? file_keep_path(out, room, m->config->output) : file_join(out, room, m->config->run, "model");
}

/* Where training starts from: the user's folder, or a new encoder beside the text. Evaluation: what training has written. */
static status start_folder(const struct mlm *m, char *out, size_t room)
{
    if (m->config->evaluate && !m->config->model[0]) return output_folder(m, out, room);
    return m->config->model[0] ? file_keep_path(out, room, m->config->model) : file_join(out, room, m->config->run, "start");
}

/* ---- the coordinator prepares ---- */

static status check_config(const struct mlm_config *c, const struct model_config *model, const struct mlm_special *special)
{
    if (c->length % MATMUL_GRAIN != 0)
        return fault(ST_INPUT, "train.length: found %lld, expected a multiple of %d", (long long)c->length, MATMUL_GRAIN);
    if (c->length > model->positions)
        return fault(ST_INPUT, "train.length: found %lld, the encoder has %lld positions", (long long)c->length,
                     (long long)model->positions);
    if (special->vocabulary > model->vocab)
        return fault(ST_INPUT, "%s: %d rows, the encoder has %lld", c->vocab, special->vocabulary, (long long)model->vocab);
    if (c->frozen > model->layers)
        return fault(ST_INPUT, "train.frozen: found %lld layers, the encoder has %lld", (long long)c->frozen, (long long)model->layers);
    if (c->frozen > 0 && !c->model[0]) return fault(ST_INPUT, "train.frozen: found %lld layers of a new encoder", (long long)c->frozen);
    if (c->masking.masked + c->masking.random > 1 + 1e-9)
        return fault(ST_INPUT, "masking.masked and masking.random: found %g and %g, expected at most 1 together", c->masking.masked,
                     c->masking.random);
    if (c->train.batch * c->length > 1 << 24)
        return fault(ST_INPUT, "train.sequences: %lld of %lld tokens, expected at most %d tokens", (long long)c->train.batch,
                     (long long)c->length, 1 << 24);
    return ST_OK;
}

/* A file's size, first and last MiB: enough to notice another text, and cheap for a large one. */
static status digest_file(XXH3_state_t *state, const char *path, char *buffer)
{
    enum { EDGE = 1 << 20 };
    FILE *f = fopen(path, "rbe");
    long size = -1;
    size_t n;

    if (!f) return fault(ST_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (fseek(f, 0, SEEK_END) == 0) size = ftell(f);
    XXH3_128bits_update(state, &size, sizeof size);
    rewind(f);
    n = fread(buffer, 1, EDGE, f);
    XXH3_128bits_update(state, buffer, n);
    if (size > EDGE && fseek(f, -(long)EDGE, SEEK_END) == 0) {
        n = fread(buffer, 1, EDGE, f);
        XXH3_128bits_update(state, buffer, n);
    }
    fclose(f);
    return size < 0 ? fault(ST_IO, "%s: cannot be read", path) : ST_OK;
}

/* What the tokenised text depends on: the files, how they are cut, the vocabulary. */
static status digest_texts(struct mlm *m, const struct word_list *words)
{
    const struct mlm_config *c = m->config;
    struct corpus corpus;
    XXH3_state_t *state;
    XXH128_hash_t h;
    char text[128 + 66], *buffer = NULL;
    status s;

    TRY(corpus_open(&c->texts, &corpus));
    state = XXH3_createState();
    s = state ? mem_alloc(1, 1 << 20, &buffer) : fault(ST_MEMORY, "out of memory: digest");
    if (s == ST_OK) XXH3_128bits_reset(state);
    for (size_t i = 0; i < corpus.count && s == ST_OK; i++) s = digest_file(state, corpus.paths[i], buffer);
    if (s == ST_OK) {
        h = XXH3_128bits_digest(state);
        snprintf(text, sizeof text, "%016llx%016llx %d %.17g %s %s", (unsigned long long)h.high64, (unsigned long long)h.low64,
                 c->documents, c->heldout, m->vocabulary_digest, words ? word_list_digest(words) : "");
        digest_text(text, m->text_digest);
    }
    mem_free(buffer);
    XXH3_freeState(state);
    corpus_close(&corpus);
    return s;
}

/* Another text that is only to be scored leaves the run's own as it is. */
static status text_folder(const struct mlm *m, char *out, size_t room)
{
    return m->aside ? file_join(out, room, m->config->run, "evaluate") : file_keep_path(out, room, m->config->run);
}

static status prepare_text(struct mlm *m, const struct vocabulary *v)
{
    const struct mlm_config *c = m->config;
    struct mlm_source source = {.texts = &c->texts, .documents = (enum documents)c->documents, .heldout = c->heldout,
                                .vocabulary = v, .digest = m->text_digest};

    struct word_list *words = NULL;
    char folder[4096];
    status s = c->masking.words[0] ? word_list_load(c->masking.words, v, &words) : ST_OK;

    source.words = words;
    if (s == ST_OK) s = digest_texts(m, words);
    if (s == ST_OK) {
        m->aside = c->evaluate && !mlm_text_made(&source, c->run);
        s = text_folder(m, folder, sizeof folder);
    }
    if (s == ST_OK && m->aside) s = file_make_folder(folder);
    if (s == ST_OK) s = mlm_text_make(&source, folder);
    word_list_destroy(&words);
    return s;
}

static status find_salient(struct mlm *m, const struct vocabulary *v)
{
    const struct option_list *first = &m->config->first;

    if (first->count > MASKING_FIRST)
        return fault(ST_INPUT, "masking.first: found %zu tokens, expected at most %d", first->count, MASKING_FIRST);
    for (size_t i = 0; i < first->count; i++) TRY(vocabulary_need(v, first->items[i], &m->salient[m->salients++]));
    return ST_OK;
}

/* Where the encoder has no head, a random one is taken only when that is asked for: it makes another start, and no score. */
static status check_head(const struct mlm_config *c, const char *folder, struct model_source *model)
{
    int head;

    if (c->new_head) return ST_OK;
    TRY(model_source_head(model, &head));
    return head ? ST_OK : fault(ST_INPUT, "%s: has no masked-language-model head (tensors cls.predictions.…); --new-head begins one with "
                                "random numbers", folder);
}

static status prepare(struct mlm *m, struct model_source **model)
{
    const struct mlm_config *c = m->config;
    struct vocabulary *v;
    char folder[4096];
    status s;

    TRY(vocabulary_load(c->vocab, &v));
    snprintf(m->vocabulary_digest, sizeof m->vocabulary_digest, "%s", vocabulary_digest(v));
    s = mlm_special_find(v, &m->special);
    if (s == ST_OK) s = find_salient(m, v);
    if (s == ST_OK) s = file_make_folder(c->run);
    if (s == ST_OK) s = start_folder(m, folder, sizeof folder);
    if (s == ST_OK && !c->model[0] && !c->evaluate) s = mlm_start_write(c, v, folder);
    if (s == ST_OK && (c->model[0] || c->evaluate)) s = vocabulary_expect(folder, m->vocabulary_digest, c->vocab);
    if (s == ST_OK) s = model_source_open(folder, model);
    if (s == ST_OK) s = check_head(c, folder, *model);
    if (s == ST_OK) s = check_config(c, model_source_config(*model), &m->special);
    if (s == ST_OK) s = model_source_digest(*model, m->encoder_digest);
    if (s == ST_OK) s = prepare_text(m, v);
    vocabulary_destroy(&v);
    return s;
}

static status share_facts(struct mlm *m)
{
    TRY(comm_broadcast(m->comm, &m->special, sizeof m->special, 0));
    TRY(comm_broadcast(m->comm, &m->aside, sizeof m->aside, 0));
    TRY(comm_broadcast(m->comm, m->salient, sizeof m->salient, 0));
    TRY(comm_broadcast(m->comm, &m->salients, sizeof m->salients, 0));
    TRY(comm_broadcast(m->comm, m->encoder_digest, sizeof m->encoder_digest, 0));
    TRY(comm_broadcast(m->comm, m->text_digest, sizeof m->text_digest, 0));
    return comm_broadcast(m->comm, m->vocabulary_digest, sizeof m->vocabulary_digest, 0);
}

static void digest_config(struct mlm *m, const struct options *options)
{
    options_digest(options, m->config_digest);
    if (m->config->train.schedule != SCHEDULE_CONSTANT) {
        char text[64];

        snprintf(text, sizeof text, "%s %lld", m->config_digest, (long long)m->config->train.steps);
        digest_text(text, m->config_digest);
    }
}

/* ---- all ranks ---- */

static status read_start(struct mlm *m)
{
    struct random_key key = random_seed((uint64_t)m->config->seed, RANDOM_INIT);
    struct packed_source random = packed_from_random(&key), from;
    struct model_source *source;
    char folder[4096];
    int head = 0;
    status s = ST_OK;

    TRY(start_folder(m, folder, sizeof folder));
    TRY(model_source_open(folder, &source));
    from = packed_from_model(source);
    if (!m->config->new_head) s = model_source_head(source, &head);
    if (s == ST_OK && !head) s = flat_read(&m->flat, &random, 1, m->values);
    if (s == ST_OK) s = flat_read(&m->flat, &from, head, m->values);
    model_source_close(&source);
    return s;
}

static int32_t tokens_to_guess(double share, int32_t length)
{
    int32_t n = (int32_t)(share * (double)(length - 2) + 0.5);

    return n < 1 ? 1 : n;
}

static status alloc_moments(struct mlm *m)
{
    size_t own = (size_t)(m->last - m->first);

    TRY(mem_alloc(own, sizeof *m->m, &m->m));
    TRY(mem_alloc(own, sizeof *m->v, &m->v));
    return mem_alloc(own / BLOCK_COLUMNS, sizeof *m->block_squares, &m->block_squares);
}

/* The sum of gradients, layer by layer as backward completes them. */
static status plan_sum(struct mlm *m)
{
    struct ranges_part *parts;
    status s;

    TRY(mem_alloc((size_t)flat_parts(&m->flat), sizeof *parts, &parts));
    for (int i = 0; i < flat_parts(&m->flat); i++) flat_part(&m->flat, i, &parts[i].first, &parts[i].last);
    s = ranges_plan(&m->ranges, &m->deal, parts, flat_parts(&m->flat), m->replica.pool);
    mem_free(parts);
    return s;
}

static status open_worker(struct mlm *m)
{
    const struct train_config *t = &m->config->train;
    int32_t rows = (int32_t)t->batch * m->length, targets = (int32_t)t->batch * (m->wanted > m->asked ? m->wanted : m->asked);
    int32_t examples = m->config->apart ? rows / 2 : (int32_t)t->batch;
    struct mlm_sizes sizes = {rows, examples, targets, pool_threads(m->replica.pool), !m->config->evaluate, (int32_t)m->config->frozen};
    size_t count = (size_t)m->flat.count;

    blocks_columns(&m->blocks, m->comm->worker, &m->first, &m->last);
    TRY(mem_alloc(count, sizeof *m->values, &m->values));
    if (!m->config->evaluate) {
        TRY(alloc_moments(m));
        TRY(plan_sum(m));
    }
    TRY(mem_alloc((size_t)t->batch, sizeof *m->sequences, &m->sequences));
    TRY(mem_alloc((size_t)m->length, sizeof *m->ids, &m->ids));
    TRY(mem_alloc((size_t)m->length, sizeof *m->words, &m->words));
    TRY(mem_alloc((size_t)m->length, sizeof *m->fate, &m->fate));
    TRY(mem_alloc((size_t)targets, sizeof *m->rows, &m->rows));
    TRY(mem_alloc((size_t)targets, sizeof *m->targets, &m->targets));
    TRY(mem_alloc(encoder_weights_bytes(m->replica.encoder), 1, &m->packed));
    if (m->config->apart) m->replica.encoder->exact = EXACT_ROWS;   /* documents are packed without gaps */
    TRY(batch_init(&m->batch, examples, rows, encoder_row_align(m->replica.encoder)));
    TRY(mlm_unit_new(m->replica.encoder, &m->flat, &sizes, &m->unit));
    m->own = m->values + m->first;
    return read_start(m);
}

static status open_text(struct mlm *m)
{
    char folder[4096];

    TRY(text_folder(m, folder, sizeof folder));
    TRY(mlm_text_open(folder, "train.ids", m->text_digest, &m->train));
    TRY(mlm_text_open(folder, "heldout.ids", m->text_digest, &m->heldout));
    if (!m->config->evaluate && mlm_text_sequences(&m->train, m->length) < 1)
        return fault(ST_INPUT, "%s: %lld tokens of text, expected at least one sequence of %d", m->config->run,
                     (long long)m->train.tokens, m->length);
    if ((m->config->heldout > 0 || m->config->evaluate) && mlm_text_sequences(&m->heldout, m->length) < 1)
        return fault(ST_INPUT, "heldout: %g keeps %lld tokens, expected at least one sequence of %d (or 0: no evaluation)",
                     m->config->heldout, (long long)m->heldout.tokens, m->length);
    return ST_OK;
}

static void set_masking(struct mlm *m)
{
    const struct masking_config *c = &m->config->masking;
    const struct mlm_special *s = &m->special;

    m->exam = (struct masking){.sep = s->sep, .mask = s->mask, .vocabulary = s->vocabulary, .masked = 0.8, .random = 0.1};
    m->masking = m->exam;
    m->masking.unit = (enum mask_unit)c->unit;
    m->masking.masked = c->masked;
    m->masking.random = c->random;
    m->masking.p = c->span;
    m->masking.longest = (int32_t)c->longest;
    memcpy(m->masking.first, m->salient, sizeof m->salient);
    m->masking.firsts = m->salients;
    if (c->from != REPLACE_FROM_TEXT) return;
    m->masking.pool = m->train.words;
    m->masking.pool_tokens = m->train.tokens;
}

static status deal_micro(struct mlm *m)
{
    int32_t n = (int32_t)m->config->train.groups;

    deal_clear(&m->deal, 1, n, m->comm->workers);
    TRY(mem_alloc((size_t)m->comm->workers, sizeof *m->reports, &m->reports));
    TRY(mem_alloc((size_t)m->comm->workers, sizeof *m->units, &m->units));
    for (int32_t i = 0; i < n; i++) {
        int worker = (int)((int64_t)i * m->comm->workers / n);

        m->units[worker]++;
        TRY(deal_add(&m->deal, 0, worker, (struct tree_node){i, 1}));
    }
    return ST_OK;
}

/* Documents apart are packed without gaps, so products cannot be cut by document. */
static status check_apart(const struct mlm *m)
{
    if (!m->config->apart || m->replica.facts.exact != EXACT_EXAMPLE || !m->config->machine.exact) return ST_OK;
    if (!comm_is_coordinator(m->comm)) return ST_INPUT;
    return fault(ST_INPUT, "train.apart: products on this machine are exact only when cut by example; machine.exact: false goes on");
}

static status say_libraries(struct mlm *m)
{
    if (m->replica.encoder)
        snprintf(m->about, sizeof m->about, "%s, %.60s %.20s, glibc %s", matmul_about(m->replica.encoder->matmul),
                 openblas_get_config(), openblas_get_corename(), gnu_get_libc_version());
    return comm_broadcast(m->comm, m->about, sizeof m->about, m->comm->size - 1);
}

static status open_all(struct mlm *m, struct model_source **model)
{
    const struct machine_config *machine = &m->config->machine;
    char folder[4096];
    struct replica_options ro = {.folder = folder, .spill = m->config->run, .precision =
                                 (enum precision_choice)machine->precision, .isa = (enum isa)machine->isa,
                                 .engine = (enum matmul_engine)machine->engine, .exact = machine->exact,
                                 .threads = machine->threads ? (int)machine->threads : replica_threads(m->comm)};
    status s = start_folder(m, folder, sizeof folder);

    if (s == ST_OK && comm_is_coordinator(m->comm)) s = prepare(m, model);
    TRY(comm_agree(m->comm, s));
    TRY(share_facts(m));
    TRY(replica_open(m->comm, &ro, *model, &m->replica));
    TRY(check_apart(m));
    TRY(say_libraries(m));
    m->length = (int32_t)m->config->length;
    m->wanted = tokens_to_guess(m->config->masked, m->length);
    m->asked = tokens_to_guess(0.15, m->length);
    s = flat_init(&m->flat, &m->replica.facts.config);
    if (s == ST_OK) {
        m->blocks = blocks_make(m->flat.count, m->comm->workers);
        reduce_init(&m->reduce, m->comm, &m->blocks, 1);
        ranges_init(&m->ranges, m->comm, &m->blocks);
        tree_sum_init(&m->squares, m->blocks.count, TREE_DOUBLE, 1);
        s = mem_alloc(3 * (size_t)m->flat.slots, sizeof *m->tensors, &m->tensors);
    }
    if (s == ST_OK) s = mem_alloc(3 * (size_t)m->flat.slots, sizeof *m->names, &m->names);
    if (s == ST_OK) s = deal_micro(m);
    if (s == ST_OK) s = open_text(m);
    if (s == ST_OK) set_masking(m);
    if (s == ST_OK && comm_is_worker(m->comm)) s = open_worker(m);
    m->stale = 1;   /* the first refresh packs */
    mp2__step__init(&m->message);
    return comm_agree(m->comm, s);
}

status mlm_open(struct comm *c, const struct mlm_config *config, const struct options *options, struct mlm *m)
{
    struct model_source *model = NULL;
    status s;

    memset(m, 0, sizeof *m);
    m->comm = c;
    m->config = config;
    digest_config(m, options);
    s = open_all(m, &model);
    model_source_close(&model);
    if (s != ST_OK) mlm_close(m);
    return s;
}

void mlm_close(struct mlm *m)
{
    void *owned[] = {m->sequences, m->values, m->m, m->v, m->block_squares, m->ids, m->words, m->fate, m->rows, m->targets, m->sums, m->tensors, m->names,
                     m->reports, m->units};

    mlm_unit_destroy(&m->unit);
    batch_fini(&m->batch);
    tree_sum_fini(&m->squares);
    deal_fini(&m->deal);
    reduce_fini(&m->reduce);
    ranges_fini(&m->ranges);
    mlm_text_close(&m->train);
    mlm_text_close(&m->heldout);
    replica_close(&m->replica);
    mem_free(m->packed);
    flat_fini(&m->flat);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mem_free(owned[i]);
    memset(m, 0, sizeof *m);
}

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
    if (!comm_is_coordinator(m->comm)) return ST_INPUT;
    return fault(ST_INPUT, "%s/journal: a record of step %lld, expected none of masked-language-model training", m->config->run,
                 (long long)step);
}

static void brief(void *self, char *out, size_t room)
{
    const struct mlm *m = self;

    snprintf(out, room, "accuracy %.3f norm %.3g", m->message.accuracy, m->message.gradient_norm);
}

struct job mlm_job(struct mlm *m)
{
    return (struct job){.command = "mlm", .self = m, .introduce = mlm_introduce, .step = mlm_step, .commit = mlm_commit, .flush = flush, .replay = replay,
                        .evaluate = mlm_evaluate_heldout, .tensors = mlm_tensors, .state = mlm_state, .restore = mlm_restore,
                        .describe = mlm_describe, .brief = brief};
}

/* ---- the result ---- */

static status read_values(void *arg, const char *name, int64_t first, int64_t count, float *out)
{
    return flat_copy(arg, name, first, count, out);
}

static status write_folder(struct mlm *m, const float *values)
{
    struct flat_view view = {&m->flat, values};
    struct model_folder what = {.config = m->flat.config, .type = TENSOR_F32, .head = 1, .read = read_values, .arg = &view};
    struct vocabulary *v;
    char folder[4096];
    status s;

    TRY(output_folder(m, folder, sizeof folder));
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
    status s = ST_OK;

    if (comm_is_coordinator(m->comm)) s = mem_alloc((size_t)m->flat.count, sizeof *values, &values);
    s = comm_agree(m->comm, s);
    if (s == ST_OK) s = reduce_collect(&m->reduce, 1, m->own, values);
    if (s == ST_OK && comm_is_coordinator(m->comm)) s = write_folder(m, values);
    mem_free(values);
    return comm_agree(m->comm, s);
}

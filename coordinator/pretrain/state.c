/* What a checkpoint of pre-training contains, how it is loaded, and how the run describes itself. */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/pretrain/heads.h"
#include "coordinator/pretrain/pretrain.h"

void pretrain_introduce(void *self, struct worker_info *card)
{
    struct pretrain *p = self;

    if (!p->worker) return;
    card->threads = pool_threads(p->replica.pool);
    card->first_column = p->worker->columns.first_column;
    card->columns = p->worker->columns.local;
}

/* ---- checkpoints ---- */

static void add_tensor(struct pretrain *p, const char *file, const char *name, enum tensor_type type, int rank,
                       const int64_t *shape, struct part part)
{
    struct checkpoint_tensor *t = &p->tensors[p->tensor_count++];

    memset(t, 0, sizeof *t);
    t->file = file;
    t->spec.name = name;
    t->spec.type = type;
    t->spec.rank = rank;
    for (int i = 0; i < rank; i++) t->spec.shape[i] = shape[i];
    t->part = part;
}

/* A tensor that is entirely on the coordinator. */
static void add_whole(struct pretrain *p, const char *file, const char *name, enum tensor_type type, int rank,
                      const int64_t *shape, void *data)
{
    int64_t n = 1;

    for (int i = 0; i < rank; i++) n *= shape[i];
    add_tensor(p, file, name, type, rank, shape, p->coordinator ? part_whole(n, data) : part_none(n));
}

/* A, or one of its moments: each worker stores its own columns. */
static void add_columns(struct pretrain *p, const char *file, const char *name, int which)
{
    const struct pretrain_shape *s = &p->facts.shape;
    const int64_t shape[3] = {s->layers, s->intrinsic, s->columns};
    struct part part = part_none(s->layers * s->intrinsic * s->columns);

    if (p->worker) {
        const struct columns *c = &p->worker->columns;

        part = part_columns(s->layers, s->intrinsic, s->columns, c->first, c->last - c->first, which, c->data);
    }
    add_tensor(p, file, name, TENSOR_F32, 3, shape, part);
}

/* ---- heads ----
 *
 * One: head.weight. Kinds: that for options, and head.span.weight. Tasks: head.task.weight, and the first two are its
 * means by kind, where new tasks start. A file's tensors stand together in the list. */

/* Head `head` of x; NULL on ranks that have none. */
static float *head_at(const struct pretrain *p, float *x, int head)
{
    return x ? x + (size_t)head * p->facts.shape.head : NULL;
}

/* The heads of options and spans. */
static float *find_kind_heads(struct pretrain *p, const struct parameters *q)
{
    struct pretrain_coordinator *c = p->coordinator;

    if (!c || p->config->prompt.heads != HEADS_TASKS) return q->head.value;
    heads_means(c->data, p->facts.shape.head, q->head.value, c->head_means);
    return c->head_means;
}

static void add_heads_apart(struct pretrain *p, const char *file, float *kinds, const struct parameters *q)
{
    const struct pretrain_shape *s = &p->facts.shape;
    const int64_t head[2] = {2, s->hidden}, all[3] = {s->tasks, 2, s->hidden};
    enum heads heads = p->config->prompt.heads;

    if (heads != HEADS_ONE) add_whole(p, file, "head.span.weight", TENSOR_F32, 2, head, head_at(p, kinds, 1));
    if (heads == HEADS_TASKS) add_whole(p, file, "head.task.weight", TENSOR_F32, 3, all, q->head.value);
}

static void add_first_head_moments(struct pretrain *p, const char *file, const struct parameters *q)
{
    const int64_t head[2] = {2, p->facts.shape.hidden};

    if (p->config->prompt.heads == HEADS_TASKS) return;
    add_whole(p, file, "head.weight.m", TENSOR_F32, 2, head, q->head.m);
    add_whole(p, file, "head.weight.v", TENSOR_F32, 2, head, q->head.v);
}

static void add_moments_of_heads_apart(struct pretrain *p, const char *file, const struct parameters *q)
{
    const struct pretrain_shape *s = &p->facts.shape;
    const int64_t head[2] = {2, s->hidden}, all[3] = {s->tasks, 2, s->hidden}, count[1] = {s->heads};
    enum heads heads = p->config->prompt.heads;

    if (heads == HEADS_ONE) return;
    add_whole(p, file, "head.count", TENSOR_I64, 1, count, q->head_applied);
    if (heads == HEADS_KINDS) {
        add_whole(p, file, "head.span.weight.m", TENSOR_F32, 2, head, head_at(p, q->head.m, 1));
        add_whole(p, file, "head.span.weight.v", TENSOR_F32, 2, head, head_at(p, q->head.v, 1));
        return;
    }
    add_whole(p, file, "head.task.weight.m", TENSOR_F32, 3, all, q->head.m);
    add_whole(p, file, "head.task.weight.v", TENSOR_F32, 3, all, q->head.v);
}

/* All of the prompts' encoder in one tensor, which the first worker has for all. */
static void add_encoder(struct pretrain *p, const char *file, const char *name, float *values)
{
    const int64_t shape[1] = {(int64_t)prompt_encoder_parameters(p->facts.shape.tokens, p->facts.shape.hidden)};

    add_tensor(p, file, name, TENSOR_F32, 1, shape,
               p->comm->worker == 0 ? part_whole(shape[0], values) : part_none(shape[0]));
}

status pretrain_tensors(void *self, const struct checkpoint_tensor **list, size_t *count)
{
    static const char prompts[] = "prompts.safetensors", optimizer[] = "optimizer.safetensors";
    struct pretrain *p = self;
    const struct pretrain_shape *s = &p->facts.shape;
    struct parameters none = {0}, *q = p->coordinator ? p->coordinator->parameters : &none;
    int64_t z[3] = {s->layers, s->modules, s->intrinsic}, router[3] = {s->tasks, s->layers, s->modules};
    int64_t head[2] = {2, s->hidden}, rows[1] = {s->tasks};
    float *kinds = find_kind_heads(p, q);
    const struct prompt_encoder *e = p->worker ? p->worker->encoder : NULL;

    p->tensor_count = 0;
    add_columns(p, prompts, "A", 0);
    add_whole(p, prompts, "head.weight", TENSOR_F32, 2, head, kinds);
    add_whole(p, prompts, "router", TENSOR_F32, 3, router, q->router.value);
    add_whole(p, prompts, "z", TENSOR_F32, 3, z, q->z.value);
    add_heads_apart(p, prompts, kinds, q);
    if (s->encoder) add_encoder(p, prompts, "encoder.lstm", e ? e->value : NULL);
    add_whole(p, optimizer, "router.count", TENSOR_I64, 1, rows, q->row_applied);
    add_columns(p, optimizer, "A.m", 1);
    add_columns(p, optimizer, "A.v", 2);
    add_first_head_moments(p, optimizer, q);
    add_whole(p, optimizer, "router.m", TENSOR_F32, 3, router, q->router.m);
    add_whole(p, optimizer, "router.v", TENSOR_F32, 3, router, q->router.v);
    add_whole(p, optimizer, "z.m", TENSOR_F32, 3, z, q->z.m);
    add_whole(p, optimizer, "z.v", TENSOR_F32, 3, z, q->z.v);
    add_moments_of_heads_apart(p, optimizer, q);
    if (s->encoder) add_encoder(p, optimizer, "encoder.lstm.m", e ? e->m : NULL);
    if (s->encoder) add_encoder(p, optimizer, "encoder.lstm.v", e ? e->v : NULL);
    if (p->config->mixture.balance) {
        add_whole(p, optimizer, "balance.count", TENSOR_I64, 1, rows,
                  p->coordinator ? p->coordinator->balance->count : NULL);
        add_whole(p, optimizer, "balance.mean", TENSOR_F64, 1, rows,
                  p->coordinator ? p->coordinator->balance->mean : NULL);
    }
    *list = p->tensors;
    *count = p->tensor_count;
    return ST_OK;
}

status pretrain_state(void *self, struct state *out)
{
    struct pretrain *p = self;
    struct pretrain_coordinator *c = p->coordinator;
    const struct pretrain_shape *s = &p->facts.shape;
    const struct pretrain_config *config = p->config;

    c->values[0] = (struct state_value){.name = "applied", .type = STATE_WHOLE, .whole = p->applied};
    c->values[1] = (struct state_value){.name = "data_digest", .type = STATE_TEXT, .text = p->facts.data_digest};
    c->values[2] = (struct state_value){.name = "max_length", .type = STATE_WHOLE, .whole = config->prompt.max_length};
    c->values[3] = (struct state_value){.name = "form", .type = STATE_WHOLE, .whole = config->reference.form};
    *out = (struct state){.kind = "pretrain",
                          .seed = (uint64_t)config->seed,
                          .config_digest = p->config_digest,
                          .vocabulary_digest = p->facts.vocabulary_digest,
                          .encoder_digest = p->facts.encoder_digest,
                          .precision = replica_precision(&p->replica.facts),
                          .instruction_set = isa_name(p->replica.facts.isa),
                          .libraries = p->about,
                          .task_count = (size_t)s->tasks,
                          .tasks = c->tasks,
                          .layers = (uint32_t)s->layers,
                          .modules = (uint32_t)s->modules,
                          .intrinsic = (uint32_t)s->intrinsic,
                          .prompt_tokens = (uint32_t)s->tokens,
                          .hidden = (uint32_t)s->hidden,
                          .tau = config->mixture.tau,
                          .placeholder_count = (size_t)s->tokens,
                          .placeholders = c->placeholders,
                          .separator = "，",
                          .value_count = sizeof c->values / sizeof *c->values,
                          .values = c->values};
    return ST_OK;
}

static status check_same(const struct pretrain *p, const char *what, const char *was, const char *is)
{
    if (strcmp(was, is) == 0) return ST_OK;
    if (!p->coordinator) return ST_INPUT;
    return fault(ST_INPUT, "%s: cannot be resumed: %s was %s, now %s", p->config->run, what, was, is);
}

/* Losses of first visits, and how often z and head were updated. */
static status restore_coordinator(struct pretrain *p, const struct state *state)
{
    struct pretrain_coordinator *c = p->coordinator;

    if (state->task_count != (size_t)p->facts.shape.tasks)
        return fault(ST_INPUT, "%s: a checkpoint of %zu tasks, expected %lld", p->config->run, state->task_count,
                     (long long)p->facts.shape.tasks);
    for (size_t t = 0; t < state->task_count; t++) c->tasks[t].first_loss = state->tasks[t].first_loss;
    c->parameters->applied = p->applied;
    if (p->config->prompt.heads == HEADS_ONE) c->parameters->head_applied[0] = p->applied;
    return ST_OK;
}

status pretrain_restore(void *self, const struct state *state)
{
    struct pretrain *p = self;
    const struct state_value *applied = state_find(state, "applied"), *data = state_find(state, "data_digest");

    if (p->coordinator && strcmp(state->config_digest, p->config_digest) != 0 &&
        strcmp(state->config_digest, p->all_tokens_digest) == 0)
        return fault(ST_INPUT, "%s: cannot be resumed: its losses are over all tokens; it goes on with train.loss: all",
                     p->config->run);
    TRY(check_same(p, "the configuration (options that affect the result)", state->config_digest, p->config_digest));
    TRY(check_same(p, "the encoder", state->encoder_digest, p->facts.encoder_digest));
    TRY(check_same(p, "the vocabulary", state->vocabulary_digest, p->facts.vocabulary_digest));
    TRY(check_same(p, "the imported data", data && data->type == STATE_TEXT ? data->text : "", p->facts.data_digest));
    if (!applied || applied->type != STATE_WHOLE || applied->whole < 0)
        return fault(ST_INPUT, "%s: a checkpoint without its count of updates", p->config->run);
    p->applied = applied->whole;
    p->encoder_stale = p->facts.shape.encoder != 0;
    return p->coordinator ? restore_coordinator(p, state) : ST_OK;
}

void pretrain_describe(void *self, Mp2__Run *run)
{
    struct pretrain *p = self;
    const struct pretrain_shape *s = &p->facts.shape;

    run->precision = (char *)(uintptr_t)replica_precision(&p->replica.facts);
    run->instruction_set = (char *)(uintptr_t)isa_name(p->replica.facts.isa);
    run->libraries = p->about;
    run->limit_flops = p->limit_flops;
    run->seed = (uint64_t)p->config->seed;
    run->layers = (uint32_t)s->layers;
    run->modules = (uint32_t)s->modules;
    run->prompt_length = (uint32_t)s->tokens;
    run->hidden = (uint32_t)s->hidden;
    run->intrinsic = (uint32_t)s->intrinsic;
    run->parameters = s->u * (uint64_t)(s->columns + s->modules) + s->tasks * s->gates + s->head +
                      (s->encoder ? prompt_encoder_parameters(s->tokens, s->hidden)
                                  : 0); /* A and z, routers, head, encoder of prompts */
    run->n_tasks = (size_t)s->tasks;
    run->tasks = p->coordinator->info_pointers;
}

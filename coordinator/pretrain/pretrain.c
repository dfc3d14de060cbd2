/* Opening, part by part, with all ranks agreeing on each; the job. */
#include "coordinator/pretrain/pretrain.h"

#include <gnu/libc-version.h>
#include <string.h>

#include "worker/model/matmul_rate.h"

static status open_encoder(struct pretrain *p, const struct model_source *model)
{
    return machine_open(p->comm, &p->config->machine,
                        &(struct machine_encoder){p->config->model, p->config->run, model}, &p->replica);
}

/* What bit-identical results depend on besides the options. */
static status share_libraries(struct pretrain *p)
{
    if (p->replica.encoder)
        snprintf(p->about, sizeof p->about, "%s, glibc %s", matmul_about(p->replica.encoder->matmul),
                 gnu_get_libc_version());
    /* The last rank is always a worker; a coordinator may have no encoder. */
    return comm_broadcast(p->comm, p->about, sizeof p->about, p->comm->size - 1);
}

status pretrain_measure_rate(struct pretrain *p)
{
    double rate = 0;
    int64_t sum;
    status s = ST_OK;

    if (p->replica.encoder) s = matmul_rate(p->replica.encoder->matmul, p->replica.pool, &rate);
    TRY(comm_agree(p->comm, s));
    sum = (int64_t)rate;
    TRY(comm_sum(p->comm, &sum, 1));
    if ((double)sum > p->limit_flops) p->limit_flops = (double)sum;
    return ST_OK;
}

static status open_worker(struct pretrain *p)
{
    const struct pretrain_config *c = p->config;
    const struct pretrain_shape *s = &p->facts.shape;
    struct pretrain_worker_options o = {.shape = s,
                                        .replica = &p->replica,
                                        .blocks = &p->blocks,
                                        .worker = p->comm->worker,
                                        .seed = (uint64_t)c->seed,
                                        .dropout = c->train.dropout,
                                        .divide = (int32_t)(s->batch * (c->reference.sum_groups ? 1 : s->groups)),
                                        .unit_examples = (int32_t)c->machine.unit_examples,
                                        .unit_memory = (size_t)c->machine.unit_memory,
                                        .loss = train_loss(c->loss, c->reference.loss)};

    return pretrain_worker_new(&o, &p->worker);
}

static status open_coordinator(struct pretrain *p, struct dataset **data)
{
    struct pretrain_coordinator_options o = {.config = p->config,
                                             .shape = &p->facts.shape,
                                             .encoder = &p->replica.facts.config,
                                             .go = &p->go,
                                             .workers = p->comm->workers};

    return pretrain_coordinator_new(&o, data, &p->coordinator);
}

static status open_parts(struct pretrain *p, struct dataset **data)
{
    TRY(pretrain_go_new(&p->keep, &p->facts.shape, p->comm->workers, &p->go));
    if (comm_is_worker(p->comm)) TRY(open_worker(p));
    if (!comm_is_coordinator(p->comm)) return ST_OK;
    TRY(open_coordinator(p, data));
    p->coordinator->rate.limit = p->limit_flops;
    return ST_OK;
}

static status open_all(struct pretrain *p, struct model_source **model, struct dataset **data)
{
    status s = comm_is_coordinator(p->comm) ? pretrain_prepare(p->config, &p->facts, model, data) : ST_OK;

    TRY(comm_agree(p->comm, s));
    TRY(comm_broadcast(p->comm, &p->facts, sizeof p->facts, 0));
    p->blocks = blocks_make(p->facts.shape.columns, p->comm->workers);
    reduce_init(&p->reduce, p->comm, &p->blocks, (int)p->facts.shape.layers);
    TRY(open_encoder(p, *model));
    TRY(share_libraries(p));
    TRY(pretrain_measure_rate(p));
    return comm_agree(p->comm, open_parts(p, data));
}

struct digested {
    const struct pretrain_config *config;
    enum loss_over loss;
};

/* Options that say what all runs did before there was a choice do not count: runs from then go on with these values,
 * and with these alone. */
static int enters_digest(void *arg, const char *name)
{
    const struct digested *d = arg;

    if (strcmp(name, "train.loss") == 0 || strcmp(name, "reference.loss") == 0) return d->loss != LOSS_ALL;
    if (strcmp(name, "train.balance") == 0) return d->config->mixture.balance;
    if (strcmp(name, "prompt.own_modules") == 0) return d->config->prompt.own_modules != 0;
    if (strcmp(name, "prompt.encoder") == 0) return d->config->prompt.encoder != PROMPT_ENCODER_NONE;
    if (strcmp(name, "prompt.heads") == 0) return d->config->prompt.heads != HEADS_ONE;
    return 1;
}

static status digest_options(const struct pretrain_config *config, const struct options *options, enum loss_over loss,
                             char out[DIGEST_TEXT])
{
    struct digested d = {config, loss};

    return train_config_digest(&config->train, options, enters_digest, &d, out);
}

status pretrain_open(struct comm *c, const struct pretrain_config *config, const struct options *options,
                     struct pretrain *p)
{
    struct model_source *model = NULL;
    struct dataset *data = NULL;
    status s;

    memset(p, 0, sizeof *p);
    p->comm = c;
    p->config = config;
    s = digest_options(config, options, train_loss(config->loss, config->reference.loss), p->config_digest);
    if (s == ST_OK) s = digest_options(config, options, LOSS_ALL, p->all_tokens_digest);
    s = comm_agree(c, s);
    if (s == ST_OK) s = open_all(p, &model, &data);
    model_source_close(&model);
    dataset_close(&data);
    if (s != ST_OK) pretrain_close(p);
    return s;
}

void pretrain_close(struct pretrain *p)
{
    pretrain_worker_destroy(&p->worker);
    pretrain_coordinator_destroy(&p->coordinator);
    reduce_fini(&p->reduce);
    replica_close(&p->replica);
    mem_keep_free(&p->keep);
    memset(p, 0, sizeof *p);
}

/* ---- the job ---- */

struct job pretrain_job(struct pretrain *p)
{
    return (struct job){.command = "pretrain",
                        .self = p,
                        .introduce = pretrain_introduce,
                        .step = pretrain_step,
                        .commit = pretrain_commit,
                        .flush = pretrain_flush,
                        .replay = pretrain_replay,
                        .evaluate = pretrain_evaluate,
                        .tensors = pretrain_tensors,
                        .state = pretrain_state,
                        .restore = pretrain_restore,
                        .describe = pretrain_describe};
}

/* Approximate, to estimate disk space: G and u of each group as floats, g and a head's gradient as doubles, and some
 * margin. */
static size_t record_bytes(const struct pretrain_shape *s)
{
    size_t group = s->bank * sizeof(float) + s->u * (sizeof(float) + sizeof(double)) + s->head * sizeof(double);

    return s->groups * group + 4096;
}

struct loop_options pretrain_loop_options(const struct pretrain *p, const char *resolved, struct run_folder *folder)
{
    const struct pretrain_config *c = p->config;

    return (struct loop_options){.run = c->run,
                                 .precision = p->replica.choice,
                                 .folder = folder,
                                 .config = resolved,
                                 .config_digest = p->config_digest,
                                 .steps = c->train.steps,
                                 .eval_every = c->eval.every,
                                 .eval_subset = c->eval.rows > 0,
                                 .eval_final = c->eval.final,
                                 .checkpoint_every = c->keep.every,
                                 .checkpoints_kept = (int)c->keep.count,
                                 .sync_ms = (int)c->keep.sync_ms,
                                 .mirror = c->keep.mirror,
                                 .skips = c->train.skips,
                                 .accept_break = c->machine.accept_break,
                                 .record_bytes = record_bytes(&p->facts.shape),
                                 .watch = c->watch};
}

status pretrain_load(struct pretrain *p, const char *checkpoint, int64_t *step)
{
    const struct checkpoint_tensor *tensors;
    struct state state = {0};
    size_t count;
    status s;

    TRY(comm_agree(p->comm, pretrain_tensors(p, &tensors, &count)));
    TRY(checkpoint_load(p->comm, checkpoint, tensors, count, &state));
    s = pretrain_restore(p, &state);
    *step = (int64_t)state.step;
    state_fini(&state);
    return comm_agree(p->comm, s);
}

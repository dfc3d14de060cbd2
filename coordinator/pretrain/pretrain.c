/* Setting up: what each rank holds, agreed on part by part. */
#include "coordinator/pretrain/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <gnu/libc-version.h>
#include <xxhash.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/score/scorer.h"
#include "coordinator/data/task_info.h"
#include "worker/model/matmul_rate.h"

enum { WORKERS_MOST = 4096 };

static status check_config(const struct pretrain_config *c, int workers)
{
    if (workers > WORKERS_MOST)
        return fault(ST_INPUT, "%d workers, expected at most %d", workers, WORKERS_MOST);
    if ((c->machine.unit_examples & (c->machine.unit_examples - 1)) != 0)
        return fault(ST_INPUT, "machine.unit_examples: found %lld, expected a power of two", (long long)c->machine.unit_examples);
    return ST_OK;
}

/* ---- the coordinator reads: encoder's config and digest, data ---- */

static status check_sizes(const struct pretrain_config *c, const struct model_config *m, const struct dataset *data)
{
    if (c->prompt.first_placeholder + c->prompt.tokens > m->vocab)
        return fault(ST_INPUT, "prompt.first_placeholder: ids %lld to %lld, the encoder's vocabulary has %lld",
                     (long long)c->prompt.first_placeholder, (long long)(c->prompt.first_placeholder + c->prompt.tokens - 1),
                     (long long)m->vocab);
    if (dataset_vocabulary_size(data) > m->vocab)
        return fault(ST_INPUT, "%s: imported with a vocabulary of %d, the encoder %s has %lld", c->data,
                     dataset_vocabulary_size(data), c->model, (long long)m->vocab);
    for (int t = 0; t < dataset_tasks(data); t++)
        if (dataset_rows(data, t, SPLIT_TRAIN) == 0)
            return fault(ST_INPUT, "%s: task %s has no training rows", c->data, dataset_task(data, t)->id);
    return ST_OK;
}

static status read_inputs(struct pretrain *p, struct model_source **model, struct dataset **data)
{
    const struct pretrain_config *c = p->config;
    struct input_form form = {.prompt = (int)c->prompt.tokens, .first_placeholder = (int32_t)c->prompt.first_placeholder,
                              .max_length = (int)c->prompt.max_length, .reference = c->reference.form};
    const struct model_config *m;

    TRY(check_config(c, p->comm->workers));
    TRY(model_source_open(c->model, model));
    m = model_source_config(*model);
    if (form.max_length > m->positions) form.max_length = (int)m->positions;
    TRY(dataset_open(c->data, &c->tasks, &form, data));
    TRY(check_sizes(c, m, *data));
    TRY(model_source_digest(*model, p->encoder_digest));
    model_source_drop(*model, NULL);
    snprintf(p->data_digest, sizeof p->data_digest, "%s", dataset_digest(*data));
    snprintf(p->vocabulary_digest, sizeof p->vocabulary_digest, "%s", dataset_vocabulary_digest(*data));
    p->shape = (struct shape){.layers = c->prompt.depth == DEPTH_DEEP ? (int32_t)m->layers : 1,
                              .tokens = (int32_t)c->prompt.tokens, .hidden = (int32_t)m->hidden,
                              .modules = (int32_t)c->prompt.modules, .intrinsic = (int32_t)c->prompt.intrinsic,
                              .tasks = dataset_tasks(*data), .groups = (int32_t)c->train.groups,
                              .batch = (int32_t)c->train.batch, .longest = form.max_length};
    p->shape.columns = (int64_t)p->shape.tokens * p->shape.hidden;
    p->shape.bank = (size_t)p->shape.layers * (size_t)p->shape.columns;
    return ST_OK;
}

/* Losses were over all tokens before there was a choice: runs from then go on with that, and with that alone. */
static int digest_counts(void *arg, const char *name)
{
    int is_loss = strcmp(name, "train.loss") == 0 || strcmp(name, "reference.loss") == 0;

    return !is_loss || *(const enum loss_over *)arg != LOSS_ALL;
}

/* The digest that a resumed run must match: options, and the number of steps where a schedule depends on it. */
static void digest_config(const struct pretrain *p, const struct options *options, enum loss_over loss, char out[33])
{
    options_digest_where(options, digest_counts, &loss, out);
    if (p->config->train.schedule != SCHEDULE_CONSTANT) {
        char text[64];
        int n = snprintf(text, sizeof text, "%s %lld", out, (long long)p->config->train.steps);
        XXH128_hash_t hash = XXH3_128bits(text, (size_t)n);

        snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    }
}

/* ---- memory of each side ---- */

static status open_worker(struct pretrain *p)
{
    const struct shape *s = &p->shape;
    const struct machine_config *m = &p->config->machine;
    int64_t first, last;
    size_t local, groups = (size_t)s->groups;
    struct arena_part part = {"columns", columns_bytes(&p->blocks, p->comm->worker, s->layers, s->intrinsic), 4096};
    struct compute_options co = {.groups = s->groups, .batch = s->batch,
                                 .divide = s->batch * (p->config->reference.sum_groups ? 1 : s->groups),
                                 .unit_examples = (int32_t)m->unit_examples, .longest = s->longest, .layers = s->layers,
                                 .prompt_tokens = s->tokens, .memory = (size_t)m->unit_memory,
                                 .threads = pool_threads(p->replica.pool),
                                 .loss = train_loss(p->config->train.loss, p->config->reference.loss)};

    blocks_columns(&p->blocks, p->comm->worker, &first, &last);
    local = (size_t)s->layers * (size_t)(last - first);
    TRY(arena_new(&part, 1, &p->arena));
    TRY(columns_open(&p->replica.encoder->kernels, p->replica.pool, &p->blocks, p->comm->worker, s->layers, s->intrinsic,
                     s->groups, arena_at(&p->arena, 0, NULL), &p->columns));
    columns_init(&p->columns, (uint64_t)p->config->seed);
    TRY(compute_open(p->replica.encoder, p->replica.pool, &co, &p->compute));
    TRY(mem_alloc(groups * (size_t)s->layers * (size_t)s->intrinsic, sizeof *p->pending_u, &p->pending_u));
    TRY(mem_alloc(groups * local, sizeof *p->local, &p->local));
    TRY(mem_alloc(groups * s->bank, sizeof *p->whole, &p->whole));
    TRY(mem_alloc(groups * local, sizeof *p->grad, &p->grad));
    TRY(mem_alloc(groups * local, sizeof *p->pending_grad, &p->pending_grad));
    TRY(mem_alloc(groups, sizeof *p->dropout, &p->dropout));
    TRY(mem_alloc(2 * groups * (size_t)s->batch + MEMBER_REPORT_DOUBLES, sizeof *p->answer, &p->answer));
    /* The largest share there can be, so that no step allocates. */
    TRY(assignment_reserve(&p->assignment, groups * (size_t)s->batch));
    return mem_grow(&p->message, &p->message_room,
                    groups * (size_t)s->batch * (share_message_most(s->longest) + 4) + 64, sizeof *p->message);
}

static status open_messages(struct pretrain *p)
{
    const struct shape *s = &p->shape;
    size_t groups = (size_t)s->groups, tasks = (size_t)s->tasks;

    mp2__step__init(&p->step_message);
    TRY(mem_alloc(groups, sizeof *p->group_messages, &p->group_messages));
    TRY(mem_alloc(groups, sizeof *p->group_pointers, &p->group_pointers));
    TRY(mem_alloc(tasks, sizeof *p->task_infos, &p->task_infos));
    TRY(mem_alloc(tasks, sizeof *p->task_info_pointers, &p->task_info_pointers));
    for (size_t g = 0; g < groups; g++) {
        mp2__group__init(&p->group_messages[g]);
        p->group_pointers[g] = &p->group_messages[g];
    }
    p->step_message.n_groups = groups;
    p->step_message.groups = p->group_pointers;
    for (size_t t = 0; t < tasks; t++) {
        task_info_fill(p->planner.data, (int)t, &p->task_infos[t]);
        p->task_info_pointers[t] = &p->task_infos[t];
    }
    return ST_OK;
}

static status open_coordinator(struct pretrain *p, struct dataset *data)
{
    const struct shape *s = &p->shape;
    size_t groups = (size_t)s->groups, gates = (size_t)s->layers * (size_t)s->modules, tasks = (size_t)s->tasks;
    size_t grad_u = groups * (size_t)s->layers * (size_t)s->intrinsic;

    p->planner.data = data;
    TRY(planner_open(p->config, s, p->comm->workers, data, &p->planner));
    TRY(parameters_new(&(struct parameters_shape){.layers = s->layers, .modules = s->modules, .d = s->intrinsic,
                                                  .hidden = s->hidden, .tasks = s->tasks,
                                                  .idle_rows = p->config->reference.idle_rows,
                                                  .z_start = p->config->prompt.module_start,
                                                  .router_start = p->config->prompt.router_start,
                                                  .router_centre = p->config->prompt.router_centre},
                       (uint64_t)p->config->seed, &p->parameters));
    TRY(mem_alloc(groups, sizeof *p->draws, &p->draws));
    TRY(mem_alloc(3 * groups * gates, sizeof *p->uniform, &p->uniform));
    for (size_t g = 0; g < groups; g++)
        p->draws[g] = (struct group_draw){.s = p->uniform + (groups + g) * gates,
                                          .r = p->uniform + (2 * groups + g) * gates,
                                          .u = p->u + g * (size_t)s->layers * (size_t)s->intrinsic};
    TRY(mem_alloc(groups * s->bank, sizeof *p->all_grad, &p->all_grad));
    TRY(mem_alloc(groups * 2 * (size_t)s->hidden, sizeof *p->grad_head, &p->grad_head));
    TRY(mem_alloc(grad_u, sizeof *p->grad_u, &p->grad_u));
    TRY(mem_alloc(grad_u, sizeof *p->grad_u_by_layer, &p->grad_u_by_layer));
    TRY(mem_alloc((size_t)p->comm->workers * (2 * groups * (size_t)s->batch + MEMBER_REPORT_DOUBLES), sizeof *p->answers,
                  &p->answers));
    TRY(mem_alloc(groups * (size_t)s->batch, sizeof *p->losses, &p->losses));
    TRY(mem_alloc((size_t)p->comm->workers, sizeof *p->heard, &p->heard));
    TRY(mem_alloc((size_t)p->comm->workers, sizeof *p->reports, &p->reports));
    TRY(mem_alloc((size_t)p->comm->workers, sizeof *p->units, &p->units));
    TRY(mem_alloc(2 * (size_t)s->hidden, sizeof *p->record_head, &p->record_head));
    TRY(mem_alloc(groups, sizeof *p->record_groups, &p->record_groups));
    TRY(mem_alloc(tasks, sizeof *p->state_tasks, &p->state_tasks));
    TRY(mem_alloc(tasks, sizeof *p->last_eval, &p->last_eval));
    TRY(mem_alloc((size_t)s->tokens, sizeof *p->placeholders, &p->placeholders));
    for (size_t t = 0; t < tasks; t++) {
        const struct task *task = dataset_task(data, (int)t);

        p->state_tasks[t] = (struct state_task){task->id, task->label_set, 0};
    }
    for (int32_t i = 0; i < s->tokens; i++) p->placeholders[i] = (uint32_t)(p->config->prompt.first_placeholder + i);
    return open_messages(p);
}

/* Digests and sizes were found by the coordinator; all ranks need them (restoring compares them everywhere). */
static status broadcast_facts(struct pretrain *p)
{
    TRY(comm_broadcast(p->comm, &p->shape, sizeof p->shape, 0));
    TRY(comm_broadcast(p->comm, p->encoder_digest, sizeof p->encoder_digest, 0));
    TRY(comm_broadcast(p->comm, p->data_digest, sizeof p->data_digest, 0));
    return comm_broadcast(p->comm, p->vocabulary_digest, sizeof p->vocabulary_digest, 0);
}

/* What the bits depend on besides the options. */
static status say_libraries(struct pretrain *p)
{
    if (p->replica.encoder)
        snprintf(p->about, sizeof p->about, "%s, glibc %s", matmul_about(p->replica.encoder->matmul), gnu_get_libc_version());
    /* The last worker is one in any case; a coordinator may have no encoder. */
    return comm_broadcast(p->comm, p->about, sizeof p->about, p->comm->size - 1);
}

/* The rate of all workers' products together, for those who watch. */
static status say_rate(struct pretrain *p)
{
    double rate = 0;
    int64_t sum;
    status s = ST_OK;

    if (p->replica.encoder) s = matmul_rate(p->replica.encoder->matmul, p->replica.pool, &rate);
    TRY(comm_agree(p->comm, s));
    sum = (int64_t)rate;
    TRY(comm_sum(p->comm, &sum, 1));
    p->limit_flops = (double)sum;
    return ST_OK;
}

static status open_all(struct pretrain *p, struct model_source **model, struct dataset **data)
{
    const struct machine_config *m = &p->config->machine;
    struct replica_options ro = {.folder = p->config->model, .spill = p->config->run, .precision =
                                 (enum precision_choice)m->precision, .isa = (enum isa)m->isa,
                                 .engine = (enum matmul_engine)m->engine, .exact = m->exact};
    size_t u;
    status s = ST_OK;

    if (comm_is_coordinator(p->comm)) s = read_inputs(p, model, data);
    TRY(comm_agree(p->comm, s));
    TRY(broadcast_facts(p));
    p->blocks = blocks_make(p->shape.columns, p->comm->workers);
    reduce_init(&p->reduce, p->comm, &p->blocks, p->shape.layers);
    ro.threads = m->threads ? (int)m->threads : replica_threads(p->comm);
    TRY(replica_open(p->comm, &ro, *model, &p->replica));
    TRY(say_libraries(p));
    TRY(say_rate(p));
    u = (size_t)p->shape.groups * (size_t)p->shape.layers * (size_t)p->shape.intrinsic;
    s = mem_alloc(u, sizeof *p->u, &p->u);
    if (s == ST_OK) s = mem_alloc(2 * (size_t)p->shape.hidden, sizeof *p->head, &p->head);
    if (s == ST_OK) s = mem_alloc(16, sizeof *p->tensors, &p->tensors);
    if (s == ST_OK && comm_is_worker(p->comm)) s = open_worker(p);
    if (s == ST_OK && comm_is_coordinator(p->comm)) {
        s = open_coordinator(p, *data);
        *data = NULL;   /* the planner's now */
    }
    return comm_agree(p->comm, s);
}

status pretrain_open(struct comm *c, const struct pretrain_config *config, const struct options *options,
                     const char *resolved, struct pretrain *p)
{
    struct model_source *model = NULL;
    struct dataset *data = NULL;
    status s;

    memset(p, 0, sizeof *p);
    p->comm = c;
    p->config = config;
    p->resolved = resolved;
    digest_config(p, options, train_loss(config->train.loss, config->reference.loss), p->config_digest);
    digest_config(p, options, LOSS_ALL, p->all_tokens_digest);
    s = open_all(p, &model, &data);
    model_source_close(&model);
    dataset_close(&data);
    if (s != ST_OK) pretrain_close(p);
    return s;
}

void pretrain_close(struct pretrain *p)
{
    struct dataset *data = p->planner.data;
    void *owned[] = {p->message, p->u, p->pending_u, p->head, p->local, p->whole, p->grad, p->pending_grad, p->answer,
                     p->dropout, p->draws, p->uniform, p->all_grad, p->grad_head, p->grad_u_by_layer, p->grad_u, p->answers,
                     p->losses, p->heard, p->reports, p->units,
                     p->record_head, p->record_groups, p->group_messages, p->group_pointers, p->task_infos,
                     p->task_info_pointers, p->tensors, p->state_tasks, p->placeholders, p->last_eval};

    pretrain_eval_message_free(&p->eval_message);
    record_buffer_fini(&p->record);
    parameters_destroy(&p->parameters);
    if (p->planner.schedule || p->planner.rows_of_task) planner_close(&p->planner, &p->shape, p->comm->workers);
    dataset_close(&data);
    compute_close(&p->compute);
    assignment_fini(&p->assignment);
    columns_close(&p->columns);
    arena_close(&p->arena);
    reduce_fini(&p->reduce);
    replica_close(&p->replica);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mem_free(owned[i]);
    memset(p, 0, sizeof *p);
}

struct job pretrain_job(struct pretrain *p)
{
    return (struct job){.command = "pretrain", .self = p, .introduce = pretrain_introduce, .step = pretrain_step, .commit = pretrain_commit,
                        .flush = pretrain_flush, .replay = pretrain_replay, .evaluate = pretrain_evaluate,
                        .tensors = pretrain_tensors, .state = pretrain_state, .restore = pretrain_restore,
                        .describe = pretrain_describe};
}

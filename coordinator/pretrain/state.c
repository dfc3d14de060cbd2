/* What is kept of pre-training: a record a step, a checkpoint now and then, and how both are read back. */
#include "coordinator/pretrain/pretrain.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

/* ---- records ---- */

static size_t per_group(const struct shape *s)
{
    return (size_t)s->layers * (size_t)s->intrinsic;
}

status pretrain_record(struct pretrain *p, int64_t step, enum record_skip skipped, struct job_step *out)
{
    const struct shape *s = &p->shape;
    int whole = skipped == RECORD_APPLIED;
    size_t head = 2 * (size_t)s->hidden;
    struct record_step r = {.step = (uint64_t)step, .layers = (uint32_t)s->layers, .intrinsic = (uint32_t)s->intrinsic,
                            .hidden = (uint32_t)s->hidden, .columns = (uint64_t)s->columns,
                            .group_count = (size_t)s->groups, .groups = p->record_groups, .skipped = skipped};

    for (size_t i = 0; i < head; i++) {
        p->record_head[i] = 0;
        for (int g = 0; g < s->groups; g++) p->record_head[i] += (double)p->grad_head[(size_t)g * head + i];
    }
    for (int g = 0; g < s->groups; g++) {
        const struct planned_group *planned = &p->planner.now.groups[g];
        int64_t place = planned->visit * s->batch, rows = p->planner.rows_of_task[planned->task];
        struct record_group *group = &p->record_groups[g];
        double loss = group->loss;
        uint32_t correct = group->correct;

        *group = (struct record_group){.task = (uint32_t)planned->task, .visit = (uint64_t)planned->visit,
                                       .epoch = (uint64_t)(place / rows), .position = (uint64_t)(place % rows),
                                       .rows = (uint32_t)s->batch, .tokens = (uint64_t)planned->tokens, .loss = loss,
                                       .correct = correct};
        if (!whole) continue;
        group->u = p->draws[g].u;
        group->gradient = p->all_grad + (size_t)g * s->bank;
        group->a_gradient = p->grad_u + (size_t)g * per_group(s);
    }
    if (whole) r.head_gradient = p->record_head;
    TRY(record_encode_step(&r, &p->record));
    out->record = p->record.data;
    out->record_bytes = p->record.bytes;
    return ST_OK;
}

/* The record must be of this run: sizes, and the tasks that the schedule draws. Fills draws and gradients from it. */
static status take_record(struct pretrain *p, int64_t step, const struct record_step *r)
{
    const struct shape *s = &p->shape;

    if ((int64_t)r->step != step || r->layers != (uint32_t)s->layers || r->intrinsic != (uint32_t)s->intrinsic ||
        r->hidden != (uint32_t)s->hidden || r->columns != (uint64_t)s->columns || r->group_count != (size_t)s->groups)
        return fault(ST_INPUT, "%s/journal: step %lld was recorded with other sizes than the configuration has", p->config->run,
                     (long long)step);
    for (int g = 0; g < s->groups; g++) {
        struct group_draw *d = &p->draws[g];
        int task = schedule_task(p->planner.schedule, step - 1, g);

        if (r->groups[g].task != (uint32_t)task)
            return fault(ST_INPUT, "%s/journal: step %lld trained task %u, the configuration draws %d", p->config->run,
                         (long long)step, r->groups[g].task, task);
        pretrain_draw_gates(p, step, g, task);
        if (r->skipped != RECORD_APPLIED) continue;
        if (memcmp(d->u, r->groups[g].u, per_group(s) * sizeof *d->u) != 0)
            return fault(ST_INPUT, "%s/journal: step %lld: another prompt mixture was recorded than its parameters give",
                         p->config->run, (long long)step);
        memcpy(p->all_grad + (size_t)g * s->bank, r->groups[g].gradient, s->bank * sizeof(float));
        memcpy(p->grad_u + (size_t)g * per_group(s), r->groups[g].a_gradient, per_group(s) * sizeof(double));
    }
    if (r->skipped == RECORD_APPLIED) memcpy(p->record_head, r->head_gradient, 2 * (size_t)s->hidden * sizeof(double));
    return ST_OK;
}

/* Replay is a commit whose gradients come from the journal: the columns' update runs at once, the rest as in a step. */
status pretrain_replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message)
{
    struct pretrain *p = self;
    struct record_step r = {0};
    int32_t apply = 0;
    status s = ST_OK;

    if (comm_is_coordinator(p->comm)) {
        s = record_decode_step("journal", record->payload, record->bytes, &r);
        if (s == ST_OK) s = take_record(p, step, &r);
        apply = s == ST_OK && r.skipped == RECORD_APPLIED;
        for (int g = 0; g < p->shape.groups && s == ST_OK; g++) p->record_groups[g] = r.groups[g];
        if (s == ST_OK) pretrain_fill_message(p, step, apply);
        p->step_message.skipped = !apply;
        *message = &p->step_message;
        record_step_fini(&r);
    }
    TRY(comm_agree(p->comm, s));
    TRY(comm_broadcast(p->comm, &apply, sizeof apply, 0));
    if (!apply) return ST_OK;
    TRY(comm_broadcast(p->comm, p->u, (size_t)p->shape.groups * per_group(&p->shape) * sizeof *p->u, 0));
    TRY(reduce_distribute(&p->reduce, p->shape.groups, p->all_grad, p->grad));
    TRY(pretrain_commit(p, step, 1));
    return pretrain_flush(p);
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

/* A tensor that the coordinator holds whole. */
static void add_whole(struct pretrain *p, const char *file, const char *name, enum tensor_type type, int rank,
                      const int64_t *shape, void *data)
{
    int64_t n = 1;

    for (int i = 0; i < rank; i++) n *= shape[i];
    add_tensor(p, file, name, type, rank, shape, comm_is_coordinator(p->comm) ? part_whole(n, data) : part_none(n));
}

static void add_columns(struct pretrain *p, const char *file, const char *name, int which)
{
    const struct shape *s = &p->shape;
    int64_t shape[3] = {s->layers, s->intrinsic, s->columns};

    add_tensor(p, file, name, TENSOR_F32, 3, shape,
               comm_is_worker(p->comm)
                   ? part_columns(s->layers, s->intrinsic, s->columns, p->columns.first,
                                  p->columns.last - p->columns.first, which, p->columns.data)
                   : part_none((int64_t)s->layers * s->intrinsic * s->columns));
}

status pretrain_tensors(void *self, const struct checkpoint_tensor **list, size_t *count)
{
    static const char prompts[] = "prompts.safetensors", optimizer[] = "optimizer.safetensors";
    struct pretrain *p = self;
    const struct shape *s = &p->shape;
    struct parameters *q = p->parameters, none = {0};
    int64_t z[3] = {s->layers, s->modules, s->intrinsic}, router[3] = {s->tasks, s->layers, s->modules};
    int64_t head[2] = {2, s->hidden}, rows[1] = {s->tasks};

    if (!q) q = &none;
    p->tensor_count = 0;
    add_columns(p, prompts, "A", 0);
    add_whole(p, prompts, "head.weight", TENSOR_F32, 2, head, q->head.value);
    add_whole(p, prompts, "router", TENSOR_F32, 3, router, q->router.value);
    add_whole(p, prompts, "z", TENSOR_F32, 3, z, q->z.value);
    add_whole(p, optimizer, "router.count", TENSOR_I64, 1, rows, q->row_applied);
    add_columns(p, optimizer, "A.m", 1);
    add_columns(p, optimizer, "A.v", 2);
    add_whole(p, optimizer, "head.weight.m", TENSOR_F32, 2, head, q->head.m);
    add_whole(p, optimizer, "head.weight.v", TENSOR_F32, 2, head, q->head.v);
    add_whole(p, optimizer, "router.m", TENSOR_F32, 3, router, q->router.m);
    add_whole(p, optimizer, "router.v", TENSOR_F32, 3, router, q->router.v);
    add_whole(p, optimizer, "z.m", TENSOR_F32, 3, z, q->z.m);
    add_whole(p, optimizer, "z.v", TENSOR_F32, 3, z, q->z.v);
    *list = p->tensors;
    *count = p->tensor_count;
    return ST_OK;
}

status pretrain_state(void *self, struct state *out)
{
    struct pretrain *p = self;
    const struct shape *s = &p->shape;
    const struct pretrain_config *config = p->config;

    p->state_values[0] = (struct state_value){.name = "applied", .type = STATE_WHOLE, .whole = p->applied};
    p->state_values[1] = (struct state_value){.name = "data_digest", .type = STATE_TEXT, .text = p->data_digest};
    p->state_values[2] = (struct state_value){.name = "max_length", .type = STATE_WHOLE, .whole = config->prompt.max_length};
    p->state_values[3] = (struct state_value){.name = "form", .type = STATE_WHOLE, .whole = config->reference.form};
    *out = (struct state){.kind = "pretrain", .seed = (uint64_t)config->seed, .config_digest = p->config_digest,
                          .vocabulary_digest = p->vocabulary_digest, .encoder_digest = p->encoder_digest,
                          .precision = p->replica.facts.precision == NUMBER_BF16 ? "bf16" : "f32",
                          .instruction_set = isa_name(p->replica.facts.isa), .libraries = p->about,
                          .task_count = (size_t)s->tasks, .tasks = p->state_tasks, .layers = (uint32_t)s->layers,
                          .modules = (uint32_t)s->modules, .intrinsic = (uint32_t)s->intrinsic,
                          .prompt_tokens = (uint32_t)s->tokens, .hidden = (uint32_t)s->hidden, .tau = config->train.tau,
                          .placeholder_count = (size_t)s->tokens, .placeholders = p->placeholders, .separator = "，",
                          .value_count = sizeof p->state_values / sizeof *p->state_values, .values = p->state_values};
    return ST_OK;
}

static status same(const struct pretrain *p, const char *what, const char *was, const char *is)
{
    if (strcmp(was, is) == 0) return ST_OK;
    if (!comm_is_coordinator(p->comm)) return ST_INPUT;
    return fault(ST_INPUT, "%s: cannot be resumed: %s was %s, now %s", p->config->run, what, was, is);
}

status pretrain_restore(void *self, const struct state *state)
{
    struct pretrain *p = self;
    const struct state_value *applied = state_find(state, "applied"), *data = state_find(state, "data_digest");

    if (comm_is_coordinator(p->comm) && strcmp(state->config_digest, p->config_digest) != 0 &&
        strcmp(state->config_digest, p->all_tokens_digest) == 0)
        return fault(ST_INPUT, "%s: cannot be resumed: its losses are over all tokens; it goes on with train.loss: all",
                     p->config->run);
    TRY(same(p, "the configuration (options that affect the result)", state->config_digest, p->config_digest));
    TRY(same(p, "the encoder", state->encoder_digest, p->encoder_digest));
    TRY(same(p, "the vocabulary", state->vocabulary_digest, p->vocabulary_digest));
    TRY(same(p, "the imported data", data && data->type == STATE_TEXT ? data->text : "", p->data_digest));
    if (!applied || applied->type != STATE_WHOLE || applied->whole < 0)
        return fault(ST_INPUT, "%s: a checkpoint without its count of updates", p->config->run);
    if (comm_is_coordinator(p->comm) && state->task_count != (size_t)p->shape.tasks)
        return fault(ST_INPUT, "%s: a checkpoint of %zu tasks, expected %d", p->config->run, state->task_count, p->shape.tasks);
    for (size_t t = 0; p->state_tasks && t < state->task_count; t++) p->state_tasks[t].first_loss = state->tasks[t].first_loss;
    p->applied = applied->whole;
    if (p->parameters) p->parameters->applied = p->applied;
    return ST_OK;
}

void pretrain_describe(void *self, Mp2__Run *run)
{
    struct pretrain *p = self;

    run->precision = (char *)(uintptr_t)(p->replica.facts.precision == NUMBER_BF16 ? "bf16" : "f32");
    run->instruction_set = (char *)(uintptr_t)isa_name(p->replica.facts.isa);
    run->libraries = p->about;
    run->limit_flops = p->limit_flops;
    run->seed = (uint64_t)p->config->seed;
    run->layers = (uint32_t)p->shape.layers;
    run->modules = (uint32_t)p->shape.modules;
    run->prompt_length = (uint32_t)p->shape.tokens;
    run->hidden = (uint32_t)p->shape.hidden;
    run->intrinsic = (uint32_t)p->shape.intrinsic;
    run->parameters = (uint64_t)p->shape.layers * (uint64_t)p->shape.intrinsic *
                          ((uint64_t)p->shape.columns + (uint64_t)p->shape.modules) +
                      (uint64_t)p->shape.tasks * (uint64_t)p->shape.layers * (uint64_t)p->shape.modules +
                      2 * (uint64_t)p->shape.hidden;
    run->n_tasks = (size_t)p->shape.tasks;
    run->tasks = p->task_info_pointers;
}

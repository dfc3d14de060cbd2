/* A step's record: what replay needs to repeat its update without the encoder. */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/pretrain/coordinator.h"

/* Add which rows the group trained. */
static void describe_group(const struct pretrain_coordinator *c, int g, struct record_group *group)
{
    const struct planned_group *planned = &c->planner->now.groups[g];
    int64_t place = planned->visit * c->shape->batch, rows = c->planner->rows_of_task[planned->task];

    *group = (struct record_group){.task = (uint32_t)planned->task,
                                   .visit = (uint64_t)planned->visit,
                                   .epoch = (uint64_t)(place / rows),
                                   .position = (uint64_t)(place % rows),
                                   .rows = (uint32_t)c->shape->batch,
                                   .tokens = (uint64_t)planned->tokens,
                                   .loss = group->loss,
                                   .correct = group->correct};
}

/* ---- heads ----
 *
 * With a head for each task, a record has the gradients of those that the step's groups use, by number; else all. */

static int is_recorded(const struct pretrain_coordinator *c, int head)
{
    if (c->config->prompt.heads != HEADS_TASKS) return 1;
    for (int g = 0; g < c->shape->groups; g++)
        if (c->draws[g].head == head) return 1;
    return 0;
}

static uint32_t recorded_heads(const struct pretrain_coordinator *c)
{
    uint32_t count = 0;

    for (int head = 0; head < c->shape->heads; head++) count += (uint32_t)is_recorded(c, head);
    return count;
}

/* Move the recorded heads' gradients between grad_head, where every head has its place, and the record, where they
 * stand together. */
static void pack_heads(struct pretrain_coordinator *c)
{
    size_t n = c->shape->head;
    double *to = c->recorded_heads;

    for (int head = 0; head < c->shape->heads; head++) {
        if (!is_recorded(c, head)) continue;
        memcpy(to, c->outcome.grad_head + (size_t)head * n, n * sizeof *to);
        to += n;
    }
}

static void unpack_heads(struct pretrain_coordinator *c, const double *from)
{
    size_t n = c->shape->head;

    memset(c->outcome.grad_head, 0, (size_t)c->shape->heads * n * sizeof *from);
    for (int head = 0; head < c->shape->heads; head++) {
        if (!is_recorded(c, head)) continue;
        memcpy(c->outcome.grad_head + (size_t)head * n, from, n * sizeof *from);
        from += n;
    }
}

/* ---- writing ---- */

status pretrain_record_make(struct pretrain_coordinator *c, int64_t step, enum record_skip skipped,
                            struct job_step *out)
{
    const struct pretrain_shape *s = c->shape;
    struct record_step r = {.step = (uint64_t)step,
                            .layers = (uint32_t)s->layers,
                            .intrinsic = (uint32_t)s->intrinsic,
                            .hidden = (uint32_t)s->hidden,
                            .heads = recorded_heads(c),
                            .columns = (uint64_t)s->columns,
                            .group_count = (size_t)s->groups,
                            .groups = c->outcome.groups,
                            .skipped = skipped};

    for (int g = 0; g < s->groups; g++) {
        struct record_group *group = &c->outcome.groups[g];

        describe_group(c, g, group);
        if (skipped != RECORD_APPLIED) continue;
        group->u = c->draws[g].u;
        group->grad_prompts = c->gradients.prompts + g * s->bank;
        group->grad_u = c->outcome.grad_u + g * s->u;
    }
    if (skipped == RECORD_APPLIED) {
        pack_heads(c);
        r.grad_head = c->recorded_heads;
    }
    TRY(record_encode_step(&r, &c->record));
    out->record = c->record.data;
    out->record_bytes = c->record.bytes;
    return ST_OK;
}

/* ---- taking up ---- */

static status other_sizes(const struct pretrain_coordinator *c, int64_t step)
{
    return fault(ST_INPUT, "%s/journal: step %lld was recorded with other sizes than the configuration has",
                 c->config->run, (long long)step);
}

static status check_sizes(const struct pretrain_coordinator *c, int64_t step, const struct record_step *r)
{
    const struct pretrain_shape *s = c->shape;

    if ((int64_t)r->step == step && r->layers == s->layers && r->intrinsic == s->intrinsic && r->hidden == s->hidden &&
        r->columns == (uint64_t)s->columns && r->group_count == (size_t)s->groups)
        return ST_OK;
    return other_sizes(c, step);
}

/* Take over a group's gradients; task and u must be those of schedule and parameters. */
static status take_group(struct pretrain_coordinator *c, int64_t step, int g, const struct record_step *r)
{
    const struct pretrain_shape *s = c->shape;
    const struct record_group *group = &r->groups[g];
    int task = schedule_task(c->planner->schedule, step - 1, g);

    if (group->task != (uint32_t)task)
        return fault(ST_INPUT, "%s/journal: step %lld trained task %u, the configuration draws %d", c->config->run,
                     (long long)step, group->task, task);
    pretrain_coordinator_mix(c, step, g, task);
    if (r->skipped != RECORD_APPLIED) return ST_OK;
    if (memcmp(c->draws[g].u, group->u, s->u * sizeof *group->u) != 0)
        return fault(ST_INPUT, "%s/journal: step %lld: another prompt mixture was recorded than its parameters give",
                     c->config->run, (long long)step);
    memcpy(c->gradients.prompts + g * s->bank, group->grad_prompts, s->bank * sizeof *group->grad_prompts);
    memcpy(c->outcome.grad_u + g * s->u, group->grad_u, s->u * sizeof *group->grad_u);
    return ST_OK;
}

static status take_record(struct pretrain_coordinator *c, int64_t step, const struct record_step *r)
{
    TRY(check_sizes(c, step, r));
    for (int g = 0; g < c->shape->groups; g++) {
        TRY(take_group(c, step, g, r));
        c->outcome.groups[g] = r->groups[g];
    }
    if (r->heads != recorded_heads(c)) return other_sizes(c, step);
    if (r->skipped == RECORD_APPLIED) unpack_heads(c, r->grad_head);
    return ST_OK;
}

status pretrain_record_take(struct pretrain_coordinator *c, int64_t step, const struct journal_record *record,
                            int32_t *apply)
{
    struct record_step r = {0};
    status s = record_decode_step("journal", record->payload, record->bytes, &r);

    if (s == ST_OK) s = take_record(c, step, &r);
    *apply = s == ST_OK && r.skipped == RECORD_APPLIED;
    record_step_fini(&r);
    return s;
}

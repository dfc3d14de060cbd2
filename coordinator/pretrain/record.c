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

status pretrain_record_make(struct pretrain_coordinator *c, int64_t step, enum record_skip skipped,
                            struct job_step *out)
{
    const struct pretrain_shape *s = c->shape;
    struct record_step r = {.step = (uint64_t)step,
                            .layers = (uint32_t)s->layers,
                            .intrinsic = (uint32_t)s->intrinsic,
                            .hidden = (uint32_t)s->hidden,
                            .heads = (uint32_t)s->heads,
                            .columns = (uint64_t)s->columns,
                            .group_count = (size_t)s->groups,
                            .groups = c->outcome.groups,
                            .skipped = skipped};

    for (int g = 0; g < s->groups; g++) {
        struct record_group *group = &c->outcome.groups[g];

        describe_group(c, g, group);
        if (skipped != RECORD_APPLIED) continue;
        group->u = c->draws[g].u;
        group->gradient = c->gradients.prompts + g * s->bank;
        group->a_gradient = c->outcome.grad_u + g * s->u;
    }
    if (skipped == RECORD_APPLIED) r.head_gradient = c->outcome.grad_head;
    TRY(record_encode_step(&r, &c->record));
    out->record = c->record.data;
    out->record_bytes = c->record.bytes;
    return ST_OK;
}

static status check_sizes(const struct pretrain_coordinator *c, int64_t step, const struct record_step *r)
{
    const struct pretrain_shape *s = c->shape;

    if ((int64_t)r->step == step && r->layers == s->layers && r->intrinsic == s->intrinsic && r->hidden == s->hidden &&
        r->heads == s->heads && r->columns == (uint64_t)s->columns && r->group_count == (size_t)s->groups)
        return ST_OK;
    return fault(ST_INPUT, "%s/journal: step %lld was recorded with other sizes than the configuration has",
                 c->config->run, (long long)step);
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
    memcpy(c->gradients.prompts + g * s->bank, group->gradient, s->bank * sizeof *group->gradient);
    memcpy(c->outcome.grad_u + g * s->u, group->a_gradient, s->u * sizeof *group->a_gradient);
    return ST_OK;
}

static status take_record(struct pretrain_coordinator *c, int64_t step, const struct record_step *r)
{
    TRY(check_sizes(c, step, r));
    for (int g = 0; g < c->shape->groups; g++) {
        TRY(take_group(c, step, g, r));
        c->outcome.groups[g] = r->groups[g];
    }
    if (r->skipped == RECORD_APPLIED)
        memcpy(c->outcome.grad_head, r->head_gradient,
               (size_t)c->shape->heads * c->shape->head * sizeof *r->head_gradient);
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

/* The message about a step for the stream. */
#include <math.h>

#include "coordinator/pretrain/coordinator.h"

status pretrain_message_new(struct mem_keep *keep, int64_t groups, struct pretrain_message *out)
{
    mp2__step__init(&out->step);
    TRY(mem_keep_new(keep, (size_t)groups, sizeof *out->groups, &out->groups));
    TRY(mem_keep_new(keep, (size_t)groups, sizeof *out->pointers, &out->pointers));
    for (int64_t g = 0; g < groups; g++) {
        mp2__group__init(&out->groups[g]);
        out->pointers[g] = &out->groups[g];
    }
    out->step.n_groups = (size_t)groups;
    out->step.groups = out->pointers;
    return ST_OK;
}

static double gradient_norm(const struct pretrain_coordinator *c)
{
    const struct pretrain_shape *s = c->shape;
    int groups = (int)s->groups;

    return sqrt(parameters_square(c->parameters, groups, c->draws, c->outcome.grad_u, c->outcome.grad_head) +
                parameters_square_of_a(c->parameters, groups, c->draws, s->columns, c->gradients.mixed) +
                c->outcome.encoder_square);
}

/* Of the first visit whose step counted: one that was not finite says nothing. */
static void note_first_loss(struct state_task *task, double loss)
{
    if (isfinite(loss) && (task->first_loss == 0 || isnan(task->first_loss))) task->first_loss = loss;
}

void pretrain_message_fill(struct pretrain_coordinator *c, int64_t step, int applied)
{
    struct rates r = pretrain_rates(c->config, step);
    Mp2__Step *m = &c->message.step;
    int64_t groups = c->shape->groups, batch = c->shape->batch;

    m->loss = m->accuracy = 0;
    m->tokens = m->examples = 0;
    m->compute_seconds = m->wait_seconds = m->reduce_seconds = 0;
    for (int64_t g = 0; g < groups; g++) {
        const struct record_group *group = &c->outcome.groups[g];
        Mp2__Group *gm = &c->message.groups[g];

        gm->task = (char *)(uintptr_t)dataset_task(c->data, (int)group->task)->id;
        gm->loss = group->loss;
        gm->accuracy = (double)group->correct / batch;
        gm->examples = (uint64_t)batch;
        gm->tokens = group->tokens;
        m->loss += gm->loss / groups;
        m->accuracy += gm->accuracy / groups;
        m->examples += gm->examples;
        m->tokens += gm->tokens;
        note_first_loss(&c->tasks[group->task], gm->loss);
    }
    m->learning_rate = r.z;
    m->router_rate = r.router;
    m->gradient_norm = applied ? gradient_norm(c) : 0;
}

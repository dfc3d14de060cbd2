/* Sizes of messages, and memory for them. */
#include "worker/pretrain_messages.h"

#include "worker/train/assignment.h"

void pretrain_shape_complete(struct pretrain_shape *s)
{
    s->columns = s->tokens * s->hidden;
    s->bank = (size_t)(s->layers * s->columns);
    s->u = (size_t)(s->layers * s->intrinsic);
    s->gates = (size_t)(s->layers * s->modules);
    s->head = (size_t)(2 * s->hidden);
    s->slots = (size_t)(s->groups * s->batch);
}

status pretrain_go_new(struct mem_keep *keep, const struct pretrain_shape *s, int workers, struct pretrain_go *out)
{
    size_t floats = s->groups * (s->u + s->head);

    out->bytes = ((size_t)workers + 1) * sizeof *out->words + floats * sizeof(float);
    TRY(mem_keep_new(keep, out->bytes, 1, &out->data));
    out->measure = out->data;
    out->words = out->measure + 1;
    out->u = (float *)(void *)(out->words + workers);
    out->head = out->u + s->groups * s->u;
    TRY(mem_keep_new(keep, (size_t)s->groups, sizeof *out->weights, &out->weights));
    for (int64_t g = 0; g < s->groups; g++) out->weights[g] = 1.0;
    return ST_OK;
}

size_t pretrain_assignment_most(const struct pretrain_shape *s)
{
    return assignment_message_most(s->slots, (size_t)s->longest);
}

size_t pretrain_report_bytes(const struct pretrain_shape *s)
{
    return sizeof(struct pretrain_report) + s->slots * sizeof(struct pretrain_slot);
}

status pretrain_gradients_new(struct mem_keep *keep, const struct pretrain_shape *s, struct pretrain_gradients *out)
{
    TRY(mem_keep_new(keep, s->groups * s->bank, sizeof *out->prompts, &out->prompts));
    out->mixed = out->prompts;
    if (s->encoder) TRY(mem_keep_new(keep, s->groups * s->bank, sizeof *out->mixed, &out->mixed));
    TRY(mem_keep_new(keep, s->groups * s->head, sizeof *out->head, &out->head));
    return mem_keep_new(keep, s->groups * s->u, sizeof *out->u, &out->u);
}

/* Prompts and their gradients through the encoder of prompts, if there is one: what every worker must have whole before
 * it computes with its copy. */
#include "coordinator/pretrain/pretrain.h"

/* A checkpoint is read by the first worker alone. */
static status share_encoder(struct pretrain *p)
{
    struct prompt_encoder *e = p->worker ? p->worker->encoder : NULL;
    const struct pretrain_shape *shape = &p->facts.shape;
    size_t bytes = prompt_encoder_parameters(shape->tokens, shape->hidden) * sizeof *e->value;
    int root = comm_rank_of_worker(p->comm, 0);
    float *none = NULL;
    status s;

    if (!p->encoder_stale) return ST_OK;
    p->encoder_stale = 0;
    if (!e) TRY(comm_or_abort(p->comm, mem_alloc(bytes, 1, &none)));
    s = comm_broadcast(p->comm, e ? e->value : none, bytes, root);
    if (s == ST_OK) s = comm_broadcast(p->comm, e ? e->m : none, bytes, root);
    if (s == ST_OK) s = comm_broadcast(p->comm, e ? e->v : none, bytes, root);
    mem_free(none);
    return s;
}

status pretrain_gather_prompts(struct pretrain *p, int groups)
{
    struct pretrain_worker *w = p->worker;
    struct prompt_encoder *e = w ? w->encoder : NULL;
    float *whole = e ? e->in : w ? w->prompts : NULL;

    if (p->facts.shape.encoder) TRY(share_encoder(p));
    TRY(comm_or_abort(p->comm, reduce_gather_prompts(&p->reduce, groups, w ? w->own : NULL, whole)));
    if (e) prompt_encoder_forward(e, groups, w->prompts);
    return ST_OK;
}

status pretrain_encoder_back(struct pretrain *p)
{
    const struct pretrain_shape *s = &p->facts.shape;
    struct pretrain_worker *w = p->worker;
    struct pretrain_coordinator *c = p->coordinator;
    double square = 0;

    if (!s->encoder) return ST_OK;
    if (c) pretrain_coordinator_weigh(c);
    TRY(comm_broadcast(p->comm, p->go.weights, (size_t)s->groups * sizeof *p->go.weights, 0));
    TRY(comm_or_abort(
        p->comm, reduce_gather_prompts(&p->reduce, (int)s->groups, w ? w->grad : NULL, w ? w->encoder->d_out : NULL)));
    if (w) {
        prompt_encoder_backward(w->encoder, p->go.weights, w->columns.first_column, w->columns.local, w->grad);
        square = prompt_encoder_square(w->encoder);
    }
    TRY(comm_or_abort(
        p->comm, reduce_gather_grad(&p->reduce, (int)s->groups, w ? w->grad : NULL, c ? c->gradients.mixed : NULL)));
    TRY(comm_broadcast(p->comm, &square, sizeof square, comm_rank_of_worker(p->comm, 0)));
    if (c) c->outcome.encoder_square = square;
    return ST_OK;
}

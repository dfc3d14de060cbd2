/* What a worker of `mp2 pretrain` does. It owns some columns of A with their AdamW moments, and holds the frozen
 * encoder. In a step:
 *
 *     receive    its assignment: examples, and who has which slots
 *     compose    own columns of the prompts u A, after the update of A that waited for this pass over memory
 *     compute    forward, loss and backward of its examples, unit by unit, added up along the tree of slots
 *     report     losses and hits of its slots, seconds, bytes
 *     grad_u     its part of g = A G, once G of its columns has been added up
 *     update     the step counts: u and G are kept until the next compose, or a flush
 *
 * All of it is local. What travels between the phases is in worker/pretrain_messages.h; the order, and all collectives,
 * in coordinator/pretrain/step.c. */
#ifndef MP2_WORKER_PRETRAIN_H
#define MP2_WORKER_PRETRAIN_H

#include "cluster/base/arena.h"
#include "cluster/base/memory.h"
#include "worker/model/replica.h"
#include "worker/pretrain_messages.h"
#include "worker/prompt/columns.h"
#include "worker/train/compute.h"
#include "worker/train/int8_check.h"

/* What it works on and with; all of it outlives the worker. */
struct pretrain_worker_options {
    const struct pretrain_shape *shape;
    const struct replica *replica;
    const struct blocks *blocks; /* who owns which columns */
    int worker;                  /* this one's number */
    uint64_t seed;
    int dropout;
    int32_t divide;        /* gradients are those of the sum of losses over this */
    int32_t unit_examples; /* most examples computed together; a power of two */
    size_t unit_memory;    /* bytes for their activations */
    enum loss_over loss;   /* what losses are over */
};

/* An update of A that waits for the next pass over memory. */
struct pretrain_pending {
    int waits;
    struct adamw adamw;
    float *u;    /* (groups, layers, d) */
    float *grad; /* (groups, layers, own columns) */
};

struct pretrain_worker {
    struct pretrain_worker_options o;
    struct mem_keep keep;
    struct arena arena; /* of columns */
    struct columns columns;
    struct compute compute;
    struct assignment assignment; /* of this step; points into message */
    int32_t *message;             /* (pretrain_assignment_most) as received */
    float *own, *prompts;         /* prompts: own columns (groups, layers, own), all of them (groups, layers, P*H) */
    float *grad;                  /* (groups, layers, own columns) G of this step */
    struct pretrain_pending pending;
    struct encoder_dropout *dropout; /* (groups) */
    struct pretrain_report *report;
};

/* Local. All memory that steps need, first values of A. ST_INPUT (reported) when unit_memory does not hold one example.
 */
status pretrain_worker_new(const struct pretrain_worker_options *o, struct pretrain_worker **out);
void pretrain_worker_destroy(struct pretrain_worker **w);

/* The assignment has arrived in w->message, so many words. */
status pretrain_worker_receive(struct pretrain_worker *w, size_t words);

/* Own columns of the prompts of `groups` groups (at most the shape's), u (groups, layers, d), to w->own. An update that
 * waits is carried out on the way. */
void pretrain_worker_compose(struct pretrain_worker *w, int groups, const float *u);

/* The assignment of step `step` (from 1) by the prompts in w->prompts: partial sums and losses to w->compute. */
status pretrain_worker_compute(struct pretrain_worker *w, int64_t step, const float *head);

/* After compute, where products are in int8: what that does to its first examples. ST_MEMORY, ST_INPUT, ST_IO
 * (reported). folder: the encoder's. */
status pretrain_worker_check_int8(struct pretrain_worker *w, const char *folder, const float *head,
                                  struct int8_check *out);

/* Fill w->report after compute. */
void pretrain_worker_report(struct pretrain_worker *w, const struct member_report *member);

/* g = A G of the own columns, from w->grad to w->columns.grad_u. */
status pretrain_worker_grad_u(struct pretrain_worker *w);

/* The step counts: its u (groups, layers, d), times the groups' weights, and w->grad update A later. */
void pretrain_worker_update(struct pretrain_worker *w, const float *u, const double *weights,
                            const struct adamw *adamw);

/* A as it is after all steps that count: for checkpoints, scores, the end. */
void pretrain_worker_flush(struct pretrain_worker *w);

#endif

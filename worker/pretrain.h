/* What a worker of `mp2 pretrain` does. It owns some columns of A with their AdamW moments, and holds the frozen
 * encoder. In a step:
 *
 *     receive    its assignment: examples, and which worker has which slots
 *     compose    own columns of u A, the prompts or the input of their encoder, after the deferred update of A, in one
 * pass over memory compute    forward, loss and backward of its examples, unit by unit, summed along the tree of slots
 *     report     losses and hits of its slots, seconds, bytes
 *     grad_u     its part of A G, once G of its columns has been summed
 *     update     the step is committed: u and G are kept until the next compose, or a flush
 *
 * All of it is local. The messages between the phases are in worker/pretrain_messages.h; the order, and all
 * collectives, in coordinator/pretrain/step.c. */
#ifndef MP2_WORKER_PRETRAIN_H
#define MP2_WORKER_PRETRAIN_H

#include "cluster/base/arena.h"
#include "cluster/base/memory.h"
#include "worker/model/replica.h"
#include "worker/pretrain_messages.h"
#include "worker/prompt/columns.h"
#include "worker/prompt/prompt_encoder.h"
#include "worker/train/compute.h"
#include "worker/train/int8_check.h"

/* What it works on and with; all of it must outlive the worker. */
struct pretrain_worker_options {
    const struct pretrain_shape *shape;
    const struct replica *replica;
    const struct blocks *blocks; /* which worker owns which columns */
    int worker;                  /* index of this worker */
    uint64_t seed;
    int dropout;
    int32_t divide;        /* gradients are those of the sum of losses divided by this */
    int32_t unit_examples; /* maximum examples computed together; a power of two */
    size_t unit_memory;    /* bytes for their activations */
    enum loss_over loss;   /* what losses are computed over */
};

/* An update of A that is deferred to the next pass over memory. */
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
    struct prompt_encoder *encoder; /* of prompts; NULL: none */
    struct compute compute;
    struct assignment assignment; /* of this step; points into message */
    int32_t *message;             /* (pretrain_assignment_most) as received */
    float *own, *prompts;         /* prompts: own columns (groups, layers, own), all of them (groups, layers, P*H) */
    float *grad;                  /* (groups, layers, own columns) G of this step */
    struct pretrain_pending pending;
    struct encoder_dropout *dropout; /* (groups) */
    struct pretrain_report *report;
};

/* Local. Allocates all memory that steps need, initialises A. ST_INPUT (reported) if unit_memory does not hold one
 * example. */
status pretrain_worker_new(const struct pretrain_worker_options *o, struct pretrain_worker **out);
void pretrain_worker_destroy(struct pretrain_worker **w);

/* Parse the assignment that has arrived in w->message: `words` words. */
status pretrain_worker_receive(struct pretrain_worker *w, size_t words);

/* Compose own columns of the prompts of `groups` groups (at most the shape's), u (groups, layers, d), into w->own. A
 * deferred update is carried out in the same pass. */
void pretrain_worker_compose(struct pretrain_worker *w, int groups, const float *u);

/* Compute the assignment of step `step` (from 1) with the prompts in w->prompts: partial sums and losses into
 * w->compute. */
status pretrain_worker_compute(struct pretrain_worker *w, int64_t step, const float *head);

/* Call after compute, if products are in int8: the effect of int8 on its first examples. ST_MEMORY, ST_INPUT, ST_IO
 * (reported). folder: the encoder's. */
status pretrain_worker_check_int8(struct pretrain_worker *w, const char *folder, const float *head,
                                  struct int8_check *out);

/* Fill w->report after compute. */
void pretrain_worker_report(struct pretrain_worker *w, const struct member_report *member);

/* A G of own columns, from w->grad into w->columns.grad_u. */
status pretrain_worker_grad_u(struct pretrain_worker *w);

/* The step counts: its u (groups, layers, d), times the groups' weights, and w->grad update A later. */
void pretrain_worker_update(struct pretrain_worker *w, const float *u, const double *weights,
                            const struct adamw *adamw);

/* Carry out a deferred update of A: before checkpoints, scores and the end. */
void pretrain_worker_flush(struct pretrain_worker *w);

#endif

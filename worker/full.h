/* What a worker does in full tuning: it holds all weights of the encoder, computes whole micro-batches, and owns a
 * range of the weights with its moments. coordinator/tune/full.c calls these functions in the order of a step and
 * exchanges the messages between them (full_messages.h). All functions are local.
 *
 * All micro-batches have the same number of rows, padded with examples without targets, whose gradients are 0: a
 * weight's gradient is a sum over rows, so its bits depend on the micro-batch only. There is neither prompt nor
 * dropout. */
#ifndef MP2_WORKER_FULL_H
#define MP2_WORKER_FULL_H

#include "cluster/base/memory.h"
#include "cluster/comm/ranges.h"
#include "worker/full_messages.h"
#include "worker/model/replica.h"
#include "worker/train/encoder_gradient.h"
#include "worker/train/unit.h"

struct full_worker {
    const struct full_facts *facts;
    struct replica *replica; /* its encoder uses the tuned weights until full_worker_close */
    int worker;
    int64_t first, last; /* own range of the weights */
    float *values;       /* all weights; between a step and full_worker_pack only the own range is up to date */
    float *m, *v, *best; /* own range: moments, the best weights */
    void *packed;        /* the weights, packed for matrix products */
    struct encoder_gradient gradient;
    int32_t rows; /* number of rows of every micro-batch */
    struct unit *unit;
    struct unit_batch batch;
    double *unit_loss; /* of the batch's examples, as are marks; pad: ids of padding examples */
    struct answer_marks *marks;
    int32_t *pad;
    struct tree_sum heads; /* the head's gradient: nodes over micro-batches */
    struct mem_keep keep;
};

/* blocks: partition of the weights; model: the encoder's folder, from which the weights are read. */
status full_worker_open(const struct full_facts *facts, struct replica *replica, const char *model,
                        const struct blocks *blocks, int worker, struct full_worker **out);
/* The replica's encoder uses the frozen weights again. */
void full_worker_close(struct full_worker **worker);

/* Pack all of values, which must be up to date, for the encoder. */
status full_worker_pack(struct full_worker *w);

/* Losses and gradients of the own micro-batches. Weight gradients go to ranges (begun here, summed by the caller),
 * those of the head to heads, losses (examples) by slot. Other ranks wait for this: a failure must end the run. */
status full_worker_compute(struct full_worker *w, const float *head, struct ranges *ranges, double *losses);

/* AdamW on the own range; grad: of the own range; step: number of updates, including this one. */
void full_worker_update(struct full_worker *w, const struct full_order *order, int64_t step, const float *grad);

/* Save the own range as the best weights; restore it. */
void full_worker_keep(struct full_worker *w);
void full_worker_restore(struct full_worker *w);

/* Local. AdamW's parameters, for the weights and the head. */
struct adamw full_adamw(const struct full_order *order, int64_t step);

#endif

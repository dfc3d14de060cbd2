/* What a worker does in full tuning: it has all weights of the encoder, computes whole micro-batches, and owns a range
 * of the weights with its moments. The spine (coordinator/tune/full.c) calls these functions in the order of a step and
 * moves what travels in between (full_messages.h). All functions are local.
 *
 * Micro-batches have the same rows each, filled up by examples without targets, whose gradients are 0: a weight's
 * gradient sums over rows, so its bits are the micro-batch's. There is neither prompt nor dropout. */
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
    struct replica *replica; /* its encoder has the tuned weights until full_worker_close */
    int worker;
    int64_t first, last; /* the own range of the weights */
    float *values;       /* all weights; between a step and full_worker_pack the own range alone is right */
    float *m, *v, *best; /* of the own range: moments, the best state */
    void *packed;        /* the weights as products take them */
    struct encoder_gradient gradient;
    int32_t rows; /* of every micro-batch */
    struct unit *unit;
    struct unit_batch batch;
    double *unit_loss; /* of the batch's examples, as are marks; pad: ids of fillers */
    struct answer_marks *marks;
    int32_t *pad;
    struct tree_sum heads; /* the head's gradient: nodes over micro-batches */
    struct mem_keep keep;
};

/* blocks: cut of the weights; model: the encoder's folder, from which the weights are read. */
status full_worker_open(const struct full_facts *facts, struct replica *replica, const char *model,
                        const struct blocks *blocks, int worker, struct full_worker **out);
/* The replica's encoder has the frozen weights again. */
void full_worker_close(struct full_worker **worker);

/* Once all of values is right: into the encoder. */
status full_worker_pack(struct full_worker *w);

/* Losses and gradients of the own micro-batches. The weights' go to ranges (begun here, to be summed by the caller),
 * the head's to heads, losses (examples) by slot. Others wait for this: a failure must end the run. */
status full_worker_compute(struct full_worker *w, const float *head, struct ranges *ranges, double *losses);

/* AdamW on the own range; grad: of the own range; step: how many updates there are with this one. */
void full_worker_update(struct full_worker *w, const struct full_order *order, int64_t step, const float *grad);

/* The own range as the best state; and back. */
void full_worker_keep(struct full_worker *w);
void full_worker_restore(struct full_worker *w);

/* Local. AdamW's numbers, of weights and head alike. */
struct adamw full_adamw(const struct full_order *order, int64_t step);

#endif

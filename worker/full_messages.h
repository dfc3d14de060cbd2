/* What all ranks know in full tuning, and the messages of a step (coordinator/tune/full.h):
 *
 *     head (2,H) f32 and, where they changed, all weights, to every worker
 *     the weights' gradient to the owners of its ranges (cluster/comm/ranges.h), the head's to the coordinator
 *     the losses of the training examples to the coordinator
 *     a struct full_order from the coordinator to all: after the losses, after a dev evaluation, at the end of the step
 */
#ifndef MP2_WORKER_FULL_MESSAGES_H
#define MP2_WORKER_FULL_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "cluster/comm/deal.h"
#include "worker/model/flat.h"
#include "worker/train/answer_loss.h"
#include "worker/train/assignment.h"

enum { FULL_MICRO = 4 }; /* examples per micro-batch; changing it changes result bits */

/* What the coordinator decides in a step. */
struct full_order {
    int32_t check;      /* score the weights on dev now */
    int32_t keep;       /* they are the best so far */
    int32_t save;       /* a snapshot is due */
    int32_t update;     /* update the weights; 0: end of training */
    double rate, decay; /* of that update */
};

struct full_facts {
    struct flat flat;                    /* all weights, and their gradient, as one array */
    const struct assignment *assignment; /* the training examples by slot; owned by the caller */
    int32_t examples, micros;
    enum loss_over loss; /* what losses are computed over */
    struct deal deal;    /* micro-batches to workers */
};

/* Local. */
status full_facts_open(struct full_facts *f, const struct model_config *model, const struct assignment *assignment,
                       int workers);
void full_facts_fini(struct full_facts *f);

/* Local. Number of examples of a micro-batch: slots from FULL_MICRO * micro on. */
int32_t full_micro_size(const struct full_facts *f, int32_t micro);
/* Floats of a head. */
static inline size_t full_head(const struct full_facts *f)
{
    return 2 * (size_t)f->flat.config.hidden;
}

#endif

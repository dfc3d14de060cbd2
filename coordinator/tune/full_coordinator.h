/* The coordinator's part of full tuning: it checks the losses, scores on dev, updates the head, and decides what comes
 * next. */
#ifndef MP2_COORDINATOR_TUNE_FULL_COORDINATOR_H
#define MP2_COORDINATOR_TUNE_FULL_COORDINATOR_H

#include "cluster/base/memory.h"
#include "coordinator/tune/full.h"
#include "worker/full_messages.h"

struct full_coordinator {
    const struct full_facts *facts;
    int64_t epochs, check_every;
    double rate, decay;
    struct dev_curve *dev_curve;
    const struct kernels *kernels;
    char digest[33];
    float *grad_head, *head_m, *head_v; /* (2,H) */
    float *whole;                       /* all weights, once they are collected */
    double *leaves;                     /* (examples) scratch of the mean */
    double loss;                        /* of the step */
    int checked;                        /* the state was scored already, by the process that left the snapshot */
    double seconds;                     /* of work, resumes included */
    double earlier, started;            /* of the processes before; this one's clock */
    double saved, saving;               /* the clock after the last snapshot, and how long it took */
    struct mem_keep keep;
};

/* Local, as all here. */
status full_coordinator_open(const struct full_options *o, const struct full_facts *facts,
                             struct full_coordinator **out);
void full_coordinator_close(struct full_coordinator **coordinator);

/* The clock starts; once more after a snapshot is loaded (seconds, dev_curve): from there on both count. */
void full_coordinator_begin(struct full_coordinator *c);
void full_coordinator_resumed(struct full_coordinator *c);

/* A step, in this order. The losses (examples) of the state as it is have arrived: sets order->check. ST_NUMBER
 * (reported): not finite.
 * */
status full_coordinator_heard(struct full_coordinator *c, const double *losses, int64_t step, struct full_order *order);
/* Inside a dialogue with the oracle: score the state on dev; sets order->keep and order->save. */
status full_coordinator_check(struct full_coordinator *c, const float *head, int64_t step, struct full_order *order);
/* A snapshot is written; began: the clock before. */
void full_coordinator_saved(struct full_coordinator *c, double began);
/* Sets order->update, rate and decay. ST_END: asked to stop. */
status full_coordinator_conclude(struct full_coordinator *c, int64_t step, struct full_order *order);
/* The head's own step from grad_head; step counts it. */
void full_coordinator_update(struct full_coordinator *c, const struct full_order *order, int64_t step, float *head);

#endif

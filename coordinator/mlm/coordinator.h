/* What the coordinator of `mp2 mlm` makes of the workers' scores: messages for the stream, the record of an
 * evaluation. */
#ifndef MP2_COORDINATOR_MLM_COORDINATOR_H
#define MP2_COORDINATOR_MLM_COORDINATOR_H

#include "coordinator/loop/loop.h"
#include "coordinator/mlm/config.h"
#include "worker/mlm.h"

struct mlm_coordinator {
    struct mem_keep keep;
    Mp2__Step message;
    Mp2__Eval eval;
    Mp2__Score score, *scores[1];
    struct record_eval_task task;
    struct state_value state_values[2];
    double heldout_loss, heldout_accuracy; /* loss 0: nothing was scored yet */
    int64_t targets, correct;              /* of held-out text */
    struct member_report *reports;         /* (workers) */
    int64_t *units;                        /* (workers) micro-batches dealt to each in a step */
};

/* Local. */
status mlm_coordinator_new(const struct deal *deal, int workers, struct mlm_coordinator **out);
void mlm_coordinator_destroy(struct mlm_coordinator **c);

struct mlm_times {
    double wait, reduce;
}; /* seconds of a step */

/* Local. A step's sums are here: out for the loop. norm: of the gradient before clipping. */
void mlm_coordinator_conclude(struct mlm_coordinator *c, const struct mlm_config *config, const struct mlm_settings *s,
                              const struct flat *flat, int64_t step, const struct mlm_reports *reports, double norm,
                              const struct mlm_times *times, struct job_step *out);

/* Local. Of an evaluation on so many rows; subset: there are more. */
void mlm_coordinator_eval(struct mlm_coordinator *c, const struct mlm_reports *reports, int64_t rows, int subset,
                          double seconds, struct job_eval *out);

#endif

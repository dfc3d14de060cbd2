/* Inside of full tuning: what the spine and the snapshots share. */
#ifndef MP2_COORDINATOR_TUNE_FULL_STATE_H
#define MP2_COORDINATOR_TUNE_FULL_STATE_H

#include "cluster/comm/ranges.h"
#include "cluster/comm/reduce.h"
#include "coordinator/tune/full_coordinator.h"
#include "worker/full.h"

struct full {
    struct full_options o;
    struct comm *comm;
    struct full_facts facts;
    struct blocks blocks; /* of the weights: a worker's range */
    struct ranges ranges;
    struct reduce reduce;
    float *head;                          /* (2,H): the coordinator's, sent in every step */
    double *losses;                       /* (examples) by slot */
    const float *grad;                    /* of the own range, of the step */
    int64_t step;                         /* updates made */
    int stale;                            /* ranges changed since the encoders got them */
    char snapshot[4096];                  /* folder; the coordinator's, on all ranks once full_run has begun */
    struct full_coordinator *coordinator; /* NULL: not this rank */
    struct full_worker *worker;           /* likewise */
    struct mem_keep keep;
};

/* ---- full_snapshot.c; collective ---- */

status full_save(struct full *f);
/* ST_OK with nothing changed when there is no snapshot, or one of another cell. ST_INPUT (reported) on a damaged one.
 * */
status full_resume(struct full *f);

#endif

/* Inside of full tuning: what its two files share. */
#ifndef MP2_COORDINATOR_TUNE_FULL_STATE_H
#define MP2_COORDINATOR_TUNE_FULL_STATE_H

#include "cluster/comm/ranges.h"
#include "coordinator/tune/full.h"
#include "coordinator/tune/oracle_state.h"
#include "worker/train/encoder_gradient.h"

enum full_op { FULL_LOOK, FULL_UPDATE, FULL_KEEP, FULL_BEST, FULL_COLLECT, FULL_SAVE, FULL_RESUME };

struct full {
    struct tuning *t;
    struct comm *comm;
    struct flat flat;
    struct blocks blocks;
    struct ranges ranges;
    struct reduce reduce;
    struct deal deal;                /* micro-batches to workers */
    int32_t examples, micros, rows;  /* rows of every micro-batch */
    struct oracle *oracle;
    const struct assignment *assignment;       /* the oracle's examples */
    struct tree_sum heads;
    int64_t *losses;                 /* (examples) bits of doubles */
    float *head;                     /* (2,H) */
    int64_t applied;
    int32_t stale;                   /* ranges changed since the encoder got them */
    double rate, decay;
    int64_t step;                    /* updates made; coordinator */
    double seconds;                  /* of the processes before and, in the end, of this one; coordinator */
    char snapshot[4096];             /* folder; the coordinator's, on all ranks from FULL_RESUME on */
    char digest[33];                 /* of the cell; coordinator */
    struct dev_curve *dev_curve;           /* coordinator */
    double *curve;                   /* the points as numbers; coordinator */
    /* workers */
    int64_t first, last;             /* own range */
    float *values, *m, *v, *best;
    const float *grad;
    void *packed;
    struct encoder_gradient gradient;
    struct unit *unit;
    struct unit_batch batch;
    struct answer_marks *marks;      /* of the batch */
    double *unit_loss;
    int32_t *pad;
    /* coordinator */
    float *d_head, *head_m, *head_v, *whole;
};

/* ---- full_snapshot.c: bodies of FULL_SAVE and FULL_RESUME, on all ranks ---- */

status full_save(struct full *f);
/* ST_OK with nothing changed when there is no snapshot, or one of another cell. ST_INPUT (said) on a damaged one. */
status full_resume(struct full *f);

#endif

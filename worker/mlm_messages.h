/* What the ranks of `mp2 mlm` exchange in a step or an evaluation besides gradients and parameters: the scores of items
 * (micro-batches) and the workers' reports, in one array of 64-bit integers that is summed over all ranks. Each element
 * is written by one rank and 0 on all others, so the sum preserves the bits of doubles, too. */
#ifndef MP2_WORKER_MLM_MESSAGES_H
#define MP2_WORKER_MLM_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "worker/train/mlm_unit.h"

struct mlm_notes {
    int64_t *values; /* (items + workers, 3) */
    size_t room;
    int64_t items;
    int workers;
};

/* Local. Room for `items` and `workers`, all 0. */
status mlm_notes_begin(struct mlm_notes *n, int64_t items, int workers);
void mlm_notes_fini(struct mlm_notes *n);

/* Local. The number of elements to sum. */
int mlm_notes_count(const struct mlm_notes *n);

/* Local. Enter the score of item i, on the rank that computed it; enter worker w's own report: seconds computed, bytes
 * sent, resident bytes. */
void mlm_notes_score(struct mlm_notes *n, int64_t i, const struct mlm_score *score);
void mlm_notes_report(struct mlm_notes *n, int w, double seconds, double sent, double memory);

/* Local, after the reduction. The sum of the items, in item order; worker w's report. */
struct mlm_score mlm_notes_total(const struct mlm_notes *n);
void mlm_notes_reported(const struct mlm_notes *n, int w, double *seconds, double *sent, double *memory);

#endif

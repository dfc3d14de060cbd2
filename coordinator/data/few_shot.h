/* Few examples of a task, drawn for tuning (worker/README.md, "Few-shot examples"): k per label word, or k in all
 * where rows have no label from a list, for training, and the next k for development. From the few-shot pool where the
 * task has one, else from train.
 *
 * A draw is a function of (seed, task's rows): rows are taken in a keyed permutation of the split. One rule for k,
 * whatever tunes; few_shot_standard gives it. (The reference has two, Q14: its gradient descent takes 32 / labels, 8
 * for ten labels and more.) */
#ifndef MP2_COORDINATOR_DATA_FEW_SHOT_H
#define MP2_COORDINATOR_DATA_FEW_SHOT_H

#include "coordinator/data/dataset.h"

struct few_shot {
    enum split split;     /* where the rows are from */
    int64_t *train, *dev; /* row numbers, label by label */
    int64_t train_count, dev_count;
};

/* k of a task: what its entry says; else 16 per label (8 from ten labels on), 32 in all. reference: the gradient
 * descent's. */
int few_shot_standard(const struct task *task, int reference);

/* Local. ST_INPUT (reported, with the label and how many it has) when 2 k rows of a label, or in all, are not there. */
status few_shot_draw(const struct dataset *dataset, int task, int k, uint64_t seed, struct few_shot *out);
void few_shot_fini(struct few_shot *draw);

#endif

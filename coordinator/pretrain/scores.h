/* Scores of all tasks: the latest of each, as messages for the stream, as a journal record, as a table. Coordinator,
 * local. */
#ifndef MP2_COORDINATOR_PRETRAIN_SCORES_H
#define MP2_COORDINATOR_PRETRAIN_SCORES_H

#include <stdio.h>

#include "coordinator/loop/loop.h"
#include "coordinator/score/scorer.h"
#include "worker/pretrain_messages.h"

struct task_scores {
    struct mem_keep keep;
    struct dataset *data; /* the caller's */
    const struct pretrain_shape *shape;
    int complete;                /* the scores can be printed */
    struct eval_result *results; /* (tasks) the latest */
    Mp2__Eval eval;
    Mp2__Score *scores, **pointers; /* (tasks) */
    struct record_eval_task *tasks;
    Mp2__Router router;
    float *chances; /* (T,L,K) */
    char **names;   /* (T) */
};

/* data and shape must outlive the scores. */
status task_scores_new(struct dataset *data, const struct pretrain_shape *shape, struct task_scores **out);
void task_scores_destroy(struct task_scores **s);

/* Begin an evaluation of a split; add a task's result; end it, after `seconds`: mean and messages, which leave out
 * tasks without rows. subset: not all rows were requested. */
void task_scores_begin(struct task_scores *s, enum split split);
void task_scores_add(struct task_scores *s, int task, enum split split, const struct eval_result *r);
void task_scores_end(struct task_scores *s, int subset, double seconds, struct job_eval *out);

/* The chance of every module (worker/README.md, "Router": sigmoid of the raw routers (T,L,K)), into out. */
void task_scores_router(struct task_scores *s, const float *router, struct job_eval *out);

/* Print a line per task, and the means. tasks (T): with the losses of their first visits. */
void task_scores_print(const struct task_scores *s, const struct state_task *tasks, enum split split, FILE *to);

#endif

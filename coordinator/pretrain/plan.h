/* The plan of a step: task, rows and slots come from the schedule and the rows' lengths alone (they are part of the
 * result); who computes which slots follows predicted cost and measured speed (it is not). Coordinator, local. */
#ifndef MP2_COORDINATOR_PRETRAIN_PLAN_H
#define MP2_COORDINATOR_PRETRAIN_PLAN_H

#include "cluster/comm/deal.h"
#include "coordinator/data/dataset.h"
#include "coordinator/pretrain/config.h"
#include "coordinator/pretrain/schedule.h"
#include "worker/pretrain_messages.h"
#include "worker/train/assignment.h"

/* One group as it is planned. */
struct planned_group {
    int task;
    int64_t visit;    /* of the task: earlier draws of it */
    int64_t *rows;    /* (batch) by slot */
    int32_t *lengths; /* (batch) by slot, tokens */
    int32_t *read;    /* (batch) by slot: tokens that the last layer computes */
    int64_t tokens;
};

/* A step, ready to be dealt. */
struct planned_step {
    int64_t step; /* 0: none */
    struct planned_group *groups;
    struct deal deal;
    struct assignment_message *messages; /* (workers) */
    double *cost;                        /* (workers) predicted, of what each was dealt */
};

struct planner {
    const struct pretrain_config *config;
    const struct pretrain_shape *shape;
    int workers;
    struct dataset *data; /* the caller's */
    struct mem_keep keep;
    struct schedule *schedule;
    struct planned_step now, next; /* the step under way; the one that is planned while workers compute */
    double *measured;              /* (workers) predicted cost a second; 0: it has had no slots yet */
    double *speed;                 /* (workers) likewise, assumed where nothing is measured */
    int64_t *rows_of_task;         /* (T) */
    struct example_buffer buffer;
    int64_t *drawn_rows; /* (batch) in the order of the draw */
    int32_t *drawn_lengths, *order;
    double *slot_cost; /* (groups) predicted, of a slot */
};

/* config, shape and data outlive the planner. */
status planner_new(const struct pretrain_config *config, const struct pretrain_shape *shape, int workers,
                   struct dataset *data, struct planner **out);
void planner_destroy(struct planner **p);

/* p->now becomes step `step` (from 1): planned ahead or, where it was not, planned now. */
status planner_begin(struct planner *p, int64_t step);
/* Plan step `step` ahead, to p->next. */
status planner_plan_next(struct planner *p, int64_t step);

/* Worker w took so many seconds for what it was dealt in p->now; the next deals follow. */
void planner_update_speed(struct planner *p, int w, double seconds);

#endif

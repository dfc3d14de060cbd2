/* The plan of a step: task, rows and slots depend on the schedule and the rows' lengths only (they affect the result);
 * which worker computes which slots depends on predicted cost and measured speed (it does not). Coordinator, local. */
#ifndef MP2_COORDINATOR_PRETRAIN_PLAN_H
#define MP2_COORDINATOR_PRETRAIN_PLAN_H

#include "cluster/comm/deal.h"
#include "coordinator/data/dataset.h"
#include "coordinator/pretrain/config.h"
#include "coordinator/pretrain/schedule.h"
#include "worker/pretrain_messages.h"
#include "worker/train/assignment.h"

/* One planned group. */
struct planned_group {
    int task;
    int64_t visit;    /* number of earlier draws of the task */
    int64_t *rows;    /* (batch) by slot */
    int32_t *lengths; /* (batch) by slot, tokens */
    int32_t *read;    /* (batch) by slot: tokens computed by the last layer */
    int64_t tokens;
};

/* A step, ready to be dealt. */
struct planned_step {
    int64_t step; /* 0: none */
    struct planned_group *groups;
    struct deal deal;
    struct assignment_message *messages; /* (workers) */
    double *cost;                        /* (workers) predicted cost of the slots of each */
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
    int64_t *drawn_rows; /* (batch) in the order drawn */
    int32_t *drawn_lengths, *order;
    double *slot_cost; /* (groups) predicted cost of a slot */
};

/* config, shape and data must outlive the planner. */
status planner_new(const struct pretrain_config *config, const struct pretrain_shape *shape, int workers,
                   struct dataset *data, struct planner **out);
void planner_destroy(struct planner **p);

/* p->now becomes step `step` (from 1): planned ahead, or else planned now. */
status planner_begin(struct planner *p, int64_t step);
/* Plan step `step` ahead, into p->next. */
status planner_plan_next(struct planner *p, int64_t step);

/* Worker w took so many seconds for what it was dealt in p->now; the next deals follow. */
void planner_update_speed(struct planner *p, int w, double seconds);

#endif

/* What the coordinator of `mp2 pretrain` does in a step. It owns z, routers and head (coordinator/prompt/parameters.h)
 * and plans who computes what (plan.h). In a step:
 *
 *     draw       gates and u of each planned group: with the head, the contents of the go message
 *     plan_next  the step after this one, while workers compute
 *     heard      which reports have arrived
 *     conclude   is the step finite? its record, its message
 *     update     the step is committed: z, routers and head are updated
 *
 * and, for a step from the journal: take, then update. All of it is local; the order, and all collectives, are in
 * step.c. */
#ifndef MP2_COORDINATOR_PRETRAIN_COORDINATOR_H
#define MP2_COORDINATOR_PRETRAIN_COORDINATOR_H

#include "coordinator/loop/loop.h"
#include "coordinator/pretrain/balance.h"
#include "coordinator/pretrain/plan.h"
#include "coordinator/pretrain/rate_watch.h"
#include "coordinator/prompt/parameters.h"
#include "worker/model/config.h"
#include "worker/pretrain_messages.h"

/* The workers' reports of a step, as they arrive. */
struct pretrain_reports {
    size_t bytes;                  /* of one report */
    char *data;                    /* (workers) the reports */
    unsigned char *heard;          /* (workers) which have arrived */
    struct member_report *members; /* (workers) */
    double *losses;                /* (groups, batch) of all slots */
};

/* The result of a step, from the workers' sums or read back from its record: all that its update needs. */
struct pretrain_outcome {
    struct record_group *groups; /* loss, counts */
    double *grad_u;              /* (groups, layers, d): A G */
    double *grad_head;           /* (heads, 2, H), the sum over the groups of each, times their weights */
    double *square;              /* (groups) |G|^2, with train.balance */
    double encoder_square;       /* that of the gradient of the prompts' encoder; 0: there is none */
};

/* A Step message and what it points to. */
struct pretrain_message {
    Mp2__Step step;
    Mp2__Group *groups;
    Mp2__Group **pointers;
};

struct task_scores; /* scores.h */

struct pretrain_coordinator {
    const struct pretrain_config *config;
    const struct pretrain_shape *shape;
    const struct model_config *encoder;
    int workers;
    struct mem_keep keep;
    struct dataset *data; /* owned */
    struct planner *planner;
    struct parameters *parameters;
    struct group_draw *draws; /* (groups) their u point into the go message */
    double *uniform;          /* (groups, layers, K) router noise */
    float *head_means;        /* (2, 2, H) of a checkpoint with a head for each task: where new tasks start */
    double *recorded_heads;   /* (heads, 2, H) room for the record's */
    float *u, *head;          /* go's */
    double *weights;          /* go's */
    struct balance *balance;
    struct pretrain_reports reports;
    struct pretrain_gradients gradients;
    struct pretrain_outcome outcome;
    struct record_buffer record;
    struct pretrain_message message;
    int64_t *units;                        /* (workers) units assigned in this step */
    struct state_task *tasks;              /* (tasks) as in a checkpoint's state, with the loss of the first visit */
    Mp2__TaskInfo *infos, **info_pointers; /* (tasks) their description for the stream */
    struct state_value values[4];          /* of a checkpoint's state */
    uint32_t *placeholders;                /* (P) */
    struct task_scores *scores;            /* of the last evaluation */
    struct rate_watch rate;
    double concluded; /* clock_now of the last step's end; 0: none in this process */
    int64_t *measure; /* points into the go message */
};

/* What it works on; all of it must outlive the coordinator, except data: the coordinator always takes ownership (NULL
 * here afterwards), even on failure. */
struct pretrain_coordinator_options {
    const struct pretrain_config *config;
    const struct pretrain_shape *shape;
    const struct model_config *encoder;
    const struct pretrain_go *go;
    int workers;
};

status pretrain_coordinator_new(const struct pretrain_coordinator_options *o, struct dataset **data,
                                struct pretrain_coordinator **out);
void pretrain_coordinator_destroy(struct pretrain_coordinator **c);

/* Learning rates of step `step` (from 1). */
struct rates pretrain_rates(const struct pretrain_config *config, int64_t step);

/* Step `step` begins: its plan, its gates, u and heads; words (workers): the lengths of assignments. */
status pretrain_coordinator_draw(struct pretrain_coordinator *c, int64_t step, int64_t *words);
/* Compute gates and u of group g of a step, which trains `task`. */
void pretrain_coordinator_mix(struct pretrain_coordinator *c, int64_t step, int g, int task);
/* Compute u of group 0 and the head to score a task: gates at their means. */
void pretrain_coordinator_mix_task(struct pretrain_coordinator *c, int task);

/* Buffer for worker w's report; mark all reports as missing; then, repeatedly, note which have arrived:
 * c->reports.heard. */
struct pretrain_report *pretrain_coordinator_report(struct pretrain_coordinator *c, int w);
void pretrain_coordinator_expect(struct pretrain_coordinator *c);
void pretrain_coordinator_heard(struct pretrain_coordinator *c);

/* Call when all reports and gradients of step `step` have arrived: fills out for the loop. planned, reported: clock_now
 * when the coordinator's own work was done, and when the reports had arrived. */
void pretrain_coordinator_conclude(struct pretrain_coordinator *c, int64_t step, double planned, double reported,
                                   struct job_step *out);

/* All G of a step are here, workers' or a record's: the weights of the groups. */
void pretrain_coordinator_weigh(struct pretrain_coordinator *c);

/* The step counts. */
void pretrain_coordinator_update(struct pretrain_coordinator *c, int64_t step);

/* Read a step from the journal instead: gates, gradients, outcome. apply: whether the step was applied. */
status pretrain_coordinator_take(struct pretrain_coordinator *c, int64_t step, const struct journal_record *record,
                                 int32_t *apply);
/* The message of a step that was read, before it is applied again. */
Mp2__Step *pretrain_coordinator_tell(struct pretrain_coordinator *c, int64_t step, int32_t apply);

/* ---- record.c ---- */

/* The record of the planned step, whose sums have arrived; skipped: why it is not applied. */
status pretrain_record_make(struct pretrain_coordinator *c, int64_t step, enum record_skip skipped,
                            struct job_step *out);
/* Read a step from the journal: gates, gradients, outcome. Checked against this run: sizes, tasks, u. apply: whether it
 * was applied. */
status pretrain_record_take(struct pretrain_coordinator *c, int64_t step, const struct journal_record *record,
                            int32_t *apply);

/* ---- message.c ---- */

status pretrain_message_new(struct mem_keep *keep, int64_t groups, struct pretrain_message *out);
/* Fill the message from the outcome of step `step`; applied: its gradients are available. */
void pretrain_message_fill(struct pretrain_coordinator *c, int64_t step, int applied);

#endif

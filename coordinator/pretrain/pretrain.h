/* Multi-task pre-training of modular prompts: the job behind `mp2 pretrain` (design.md sections 3 to 5, method.md sections 2
 * to 6). pretrain.c sets it up, pretrain_step.c is one step, pretrain_state.c what is kept of it. */
#ifndef MP2_COORDINATOR_PRETRAIN_PRETRAIN_H
#define MP2_COORDINATOR_PRETRAIN_PRETRAIN_H

#include "cluster/comm/reduce.h"
#include "coordinator/data/dataset.h"
#include "coordinator/loop/loop.h"
#include "coordinator/pretrain/parameters.h"
#include "coordinator/pretrain/config.h"
#include "coordinator/pretrain/schedule.h"
#include "worker/model/replica.h"
#include "worker/prompt/columns.h"
#include "worker/train/assignment.h"

/* Sizes that all ranks know. */
struct shape {
    int32_t layers;             /* of the prompt bank: L, or 1 when shallow */
    int32_t tokens, hidden;     /* P, H */
    int32_t modules, intrinsic; /* K, d */
    int32_t tasks, groups, batch;
    int32_t longest;            /* rows of the longest example that training may see */
    int64_t columns;            /* P*H */
    size_t bank;                /* floats of a whole prompt bank: layers * P * H */
};

/* One group as the coordinator plans it. */
struct planned_group {
    int task;
    int64_t visit;
    int64_t *rows;              /* (batch) by slot */
    int32_t *lengths;           /* (batch) by slot */
    int32_t *read;              /* (batch) by slot: tokens that the last layer computes */
    int64_t tokens;
};

/* A step, ready to be dealt; made while the step before computes. */
struct planned_step {
    int64_t step;               /* 0: none */
    struct planned_group *groups;
    struct deal deal;
    struct assignment_message *messages;   /* (workers) */
    double *cost;               /* (workers) predicted, of what each was dealt */
};

/* The coordinator's side. */
struct planner {
    struct dataset *data;
    struct schedule *schedule;
    struct planned_step now, next;
    double *speed;              /* (workers) measured: predicted cost a second */
    int64_t *rows_of_task;      /* (T) */
    struct example_buffer buffer;
    int64_t *drawn_rows;        /* (batch) in the order of the draw */
    int32_t *drawn_lengths, *order;
};

struct pretrain {
    struct comm *comm;
    const struct pretrain_config *config;
    struct shape shape;
    struct replica replica;
    struct blocks blocks;
    struct reduce reduce;
    int64_t applied;            /* AdamW steps taken, the same on all ranks */
    char encoder_digest[33], data_digest[33], vocabulary_digest[33], config_digest[33];
    char all_tokens_digest[33]; /* config_digest, were losses over all tokens */

    /* workers */
    struct arena arena;
    struct columns columns;
    struct compute compute;
    struct assignment assignment;
    int32_t *message;           /* received share */
    size_t message_room;
    float *u, *pending_u;       /* (groups,layers,d) of this step, and of the update that waits */
    float *head;                /* (2,H) */
    float *local, *whole;       /* prompts: own columns, all */
    float *grad, *pending_grad; /* (groups,layers,local) */
    double *answer;             /* (2 * groups * batch + MEMBER_REPORT_DOUBLES): losses and found of the slots, report */
    int pending;                /* an update waits for the next pass over memory */
    int64_t pending_step;       /* whose */
    struct encoder_dropout *dropout;

    /* coordinator */
    struct planner planner;
    struct parameters *parameters;
    struct group_draw *draws;
    double *uniform;            /* (groups,layers,K) */
    float *all_grad;            /* (groups,layers,P*H) */
    float *grad_head;           /* (groups,2,H) */
    double *grad_u_by_layer;      /* (layers,groups,d), as it arrives */
    double *grad_u;               /* (groups,layers,d): g = A G */
    double *answers;            /* (workers) rows like answer */
    double *losses;             /* (groups * batch) of all slots */
    unsigned char *heard;       /* (workers) who has answered */
    struct member_report *reports;/* (workers) */
    int64_t *units;             /* (workers) units dealt in this step */
    double *record_head;        /* (2,H) */
    struct record_group *record_groups;
    struct record_buffer record;
    Mp2__Step step_message;
    Mp2__Group *group_messages;
    Mp2__Group **group_pointers;
    Mp2__TaskInfo *task_infos;
    Mp2__TaskInfo **task_info_pointers;
    struct checkpoint_tensor *tensors;
    size_t tensor_count;
    struct state_task *state_tasks;     /* (tasks) with the loss of the first visit */
    struct state_value state_values[4];
    uint32_t *placeholders;
    const char *resolved;       /* configuration as text; the caller's */
    struct eval_result *last_eval;      /* (tasks) of the last evaluation; evaluate.h */
    struct eval_message *eval_message;
    char about[256];            /* libraries */
    double limit_flops;         /* FLOP/s of all workers' products, measured at the start */
};

/* Collective. Everything but the run's folder. config is the same on all ranks and stays the caller's. */
status pretrain_open(struct comm *c, const struct pretrain_config *config, const struct options *options,
                     const char *resolved, struct pretrain *p);
void pretrain_close(struct pretrain *p);

/* Local. The job for loop_run. */
struct job pretrain_job(struct pretrain *p);

/* ---- pretrain_plan.c: coordinator, local ---- */

/* What to draw from; data and rows outlive the planner. */
status planner_open(const struct pretrain_config *config, const struct shape *shape, int workers, struct dataset *data,
                    struct planner *p);
void planner_close(struct planner *p, const struct shape *shape, int workers);
/* Plan step `step` (from 1) into plan: tasks, rows, slots, deal, messages. */
status planner_plan(struct planner *p, const struct pretrain_config *config, const struct shape *shape, int workers,
                    int64_t step, struct planned_step *plan);

/* ---- pretrain_step.c: collective, for struct job ---- */

void pretrain_introduce(void *self, struct member_card *card);
status pretrain_step(void *self, int64_t step, struct membership *membership, struct job_step *out);
status pretrain_commit(void *self, int64_t step, int apply);
status pretrain_flush(void *self);
/* Coordinator, local. Gates and u of group g of a step, which trains `task`. */
void pretrain_draw_gates(struct pretrain *p, int64_t step, int g, int task);
/* Coordinator. The Step message of planned groups whose losses are in record_groups; applied: their gradients are there. */
void pretrain_fill_message(struct pretrain *p, int64_t step, int applied);
struct rates pretrain_rates(const struct pretrain *p, int64_t step);

/* ---- pretrain_state.c: for struct job ---- */

status pretrain_record(struct pretrain *p, int64_t step, enum record_skip skipped, struct job_step *out);
status pretrain_replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message);
status pretrain_tensors(void *self, const struct checkpoint_tensor **list, size_t *count);
status pretrain_state(void *self, struct state *out);
status pretrain_restore(void *self, const struct state *state);
void pretrain_describe(void *self, Mp2__Run *run);

/* ---- pretrain_evaluate.c ---- */

struct eval_message;
status pretrain_evaluate(void *self, int64_t step, int full, struct membership *membership, struct job_eval *out);
void pretrain_eval_message_free(struct eval_message **m);

#endif

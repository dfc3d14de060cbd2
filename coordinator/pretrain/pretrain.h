/* Multi-task pre-training of modular prompts: the job behind `mp2 pretrain` (coordinator/README.md, "One step").
 *
 * step.c is the step: the order of its phases, and all its collectives. worker/pretrain.h is what a worker does in it,
 * coordinator.h what rank 0 does, worker/pretrain_messages.h what travels. evaluate.c scores tasks, state.c is what a
 * checkpoint keeps, prepare.h what rank 0 does before. */
#ifndef MP2_COORDINATOR_PRETRAIN_PRETRAIN_H
#define MP2_COORDINATOR_PRETRAIN_PRETRAIN_H

#include <stdio.h>

#include "cluster/comm/reduce.h"
#include "coordinator/loop/loop.h"
#include "coordinator/pretrain/config.h"
#include "coordinator/pretrain/coordinator.h"
#include "coordinator/pretrain/prepare.h"
#include "worker/model/replica.h"
#include "worker/pretrain.h"

enum { PRETRAIN_TENSORS = 15 }; /* of a checkpoint */

/* What all ranks have. */
struct pretrain {
    struct comm *comm;
    const struct pretrain_config *config;
    char config_digest[DIGEST_TEXT], about[256]; /* about: the libraries of the products */
    char all_tokens_digest[DIGEST_TEXT];         /* config_digest, were losses over all tokens */
    struct pretrain_facts facts;
    struct mem_keep keep;
    struct replica replica;
    struct blocks blocks; /* of 64 columns of A, over the workers */
    struct reduce reduce;
    struct pretrain_go go;
    int64_t applied;    /* AdamW steps taken */
    double limit_flops; /* FLOP/s of all workers' products; measured again when steps are faster (rate_watch.h) */
    struct checkpoint_tensor tensors[PRETRAIN_TENSORS];
    size_t tensor_count;
    struct pretrain_worker *worker;           /* NULL on ranks without a worker */
    struct pretrain_coordinator *coordinator; /* NULL on all ranks but 0 */
};

/* Collective. Everything but the run's folder. config is the same on all ranks and stays the caller's. */
status pretrain_open(struct comm *c, const struct pretrain_config *config, const struct options *options,
                     struct pretrain *p);
void pretrain_close(struct pretrain *p);

/* Collective. The rate of all workers' products together, for those who watch: p->limit_flops, if it is higher. About a
 * tenth of a second. */
status pretrain_measure_rate(struct pretrain *p);

/* Local. The job for loop_run, and how it is to be run. resolved: the configuration as text; folder: taken. */
struct job pretrain_job(struct pretrain *p);
struct loop_options pretrain_loop_options(const struct pretrain *p, const char *resolved, struct run_folder *folder);

/* Collective. Take z, routers, head and A from a checkpoint of this configuration; step: its step. */
status pretrain_load(struct pretrain *p, const char *checkpoint, int64_t *step);

/* ---- step.c: for struct job; collective ---- */

status pretrain_step(void *self, int64_t step, struct membership *membership, struct job_step *out);
status pretrain_commit(void *self, int64_t step, int apply);
status pretrain_flush(void *self);
status pretrain_replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message);

/* ---- evaluate.c: collective; no update may be pending (pretrain_flush) ---- */

/* For struct job: dev scores. */
status pretrain_evaluate(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out);
/* Coordinator, local, before pretrain_evaluate_split. ST_INPUT (reported: why, and which tasks) when the split has no
 * rows at all. */
status pretrain_check_rows(const struct pretrain *p, enum split split, const char *checkpoint);
/* For `mp2 evaluate`: every row of a split, task by task as messages to those who watch. ST_END (not reported): a stop
 * was asked for; the tasks before have their scores. */
status pretrain_evaluate_split(struct pretrain *p, enum split split);
/* Local, coordinator. The table of the last evaluation, if there was one. */
void pretrain_print_scores(const struct pretrain *p, enum split split, FILE *to);

/* ---- state.c: for struct job; local ---- */

void pretrain_introduce(void *self, struct worker_info *card);
status pretrain_tensors(void *self, const struct checkpoint_tensor **list, size_t *count);
status pretrain_state(void *self, struct state *out);
status pretrain_restore(void *self, const struct state *state);
void pretrain_describe(void *self, Mp2__Run *run);

#endif

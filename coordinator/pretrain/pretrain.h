/* Multi-task pre-training of modular prompts: the job behind `mp2 pretrain` (coordinator/README.md, "One step").
 *
 * step.c is the step: the order of its phases, and all its collectives. worker/pretrain.h is the worker's part,
 * coordinator.h that of rank 0, worker/pretrain_messages.h the messages. evaluate.c scores tasks, state.c defines what
 * a checkpoint contains, prepare.h is what rank 0 does before the start. */
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

enum { PRETRAIN_TENSORS = 22 }; /* of a checkpoint */

/* State on all ranks. */
struct pretrain {
    struct comm *comm;
    const struct pretrain_config *config;
    char config_digest[DIGEST_TEXT], about[256]; /* about: the libraries of the products */
    char all_tokens_digest[DIGEST_TEXT];         /* config_digest, if losses were over all tokens */
    struct pretrain_facts facts;
    struct mem_keep keep;
    struct replica replica;
    struct blocks blocks; /* blocks of 64 columns of A, distributed over the workers */
    struct reduce reduce;
    struct pretrain_go go;
    int64_t applied;    /* AdamW steps taken */
    double limit_flops; /* FLOP/s of all workers' products; measured again when steps are faster (rate_watch.h) */
    struct checkpoint_tensor tensors[PRETRAIN_TENSORS];
    size_t tensor_count;
    int encoder_stale;              /* the prompts' encoder was loaded from a checkpoint, by the first worker alone */
    struct pretrain_worker *worker; /* NULL: this rank is not a worker */
    struct pretrain_coordinator *coordinator; /* NULL: it is not the coordinator */
};

/* Collective. Open everything but the run's folder. config is the same on all ranks and remains owned by the caller. */
status pretrain_open(struct comm *c, const struct pretrain_config *config, const struct options *options,
                     struct pretrain *p);
void pretrain_close(struct pretrain *p);

/* Collective. Measure the total rate of all workers' products, for display: raises p->limit_flops if it is higher.
 * Takes about a tenth of a second. */
status pretrain_measure_rate(struct pretrain *p);

/* Local. The job for loop_run, and its options. resolved: the configuration as text; folder: locked. */
struct job pretrain_job(struct pretrain *p);
struct loop_options pretrain_loop_options(const struct pretrain *p, const char *resolved, struct run_folder *folder);

/* Collective. Load z, routers, head and A from a checkpoint of this configuration; step: its step. */
status pretrain_load(struct pretrain *p, const char *checkpoint, int64_t *step);

/* ---- step.c: for struct job; collective ---- */

status pretrain_step(void *self, int64_t step, struct membership *membership, struct job_step *out);
status pretrain_commit(void *self, int64_t step, int apply);
status pretrain_flush(void *self);
status pretrain_replay(void *self, int64_t step, const struct journal_record *record, Mp2__Step **message);

/* ---- encode.c; collective ---- */

/* Whole prompts of `groups` groups on every worker, from their own columns of u A: gathered and, with
 * `prompt.encoder`, encoded. */
status pretrain_gather_prompts(struct pretrain *p, int groups);
/* G is in the workers' grad (own columns) and at the coordinator: with `prompt.encoder`, grad becomes the gradient of
 * u A, and that of the encoder is made. After a pretrain_gather_prompts of all groups. */
status pretrain_encoder_back(struct pretrain *p);

/* ---- evaluate.c: collective; no update may be pending (pretrain_flush) ---- */

/* For struct job: dev scores. */
status pretrain_evaluate(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out);
/* Coordinator, local, before pretrain_evaluate_split. ST_INPUT (reported: why, and which tasks) if the split has no
 * rows at all. */
status pretrain_check_rows(const struct pretrain *p, enum split split, const char *checkpoint);
/* For `mp2 evaluate`: score every row of a split, publishing task by task. ST_END (not reported): a stop was requested;
 * the tasks before it have their scores. */
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

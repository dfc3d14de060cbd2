/* Pre-training of an encoder as a masked language model: the job behind `mp2 mlm`.
 *
 * A step is a fixed number of micro-batches of full sequences. A worker computes whole micro-batches; their gradients
 * are added along the fixed tree and scattered, each layer's while backward works on those below, so that each worker
 * has the sum of its own range of the parameters, with AdamW's moments of that range alone (ZeRO-1). The updated
 * ranges are gathered before the next use. Bits depend on neither ranks nor threads. The coordinator decides about
 * skipping and clipping; steps are not journalled but computed again from the newest checkpoint.
 *
 * step.c is the step: the order of its phases, and all collectives. worker/mlm.h is what a worker does in it,
 * coordinator.h what rank 0 makes of it, prepare.h what rank 0 does before, state.c what a checkpoint keeps.
 *
 * Packed weights exist once a rank, as parameters and gradient do: a rank with all threads of its node has them once.
 * Ranks that share a node could share them; with 12 layers of 768 that would save each .4 GB of about 2, for a barrier
 * of the node in every step, and packing takes at most .03 of a step: not worth it. */
#ifndef MP2_COORDINATOR_MLM_MLM_H
#define MP2_COORDINATOR_MLM_MLM_H

#include "cluster/comm/reduce.h"
#include "coordinator/loop/loop.h"
#include "coordinator/mlm/config.h"
#include "coordinator/mlm/coordinator.h"
#include "coordinator/mlm/prepare.h"
#include "worker/mlm.h"

/* What all ranks have. */
struct mlm {
    struct comm *comm;
    const struct mlm_config *config;
    char config_digest[DIGEST_TEXT], about[256]; /* about: the libraries of the products */
    struct mlm_facts facts;
    struct mlm_settings settings;
    struct replica replica;
    struct flat flat;
    struct blocks blocks; /* of 64 parameters, over the workers */
    struct deal deal;     /* micro-batches to workers */
    struct reduce reduce;
    struct ranges ranges;
    struct tree_sum squares; /* of the gradient */
    struct token_text train, heldout;
    struct mlm_notes notes;
    const float *grad; /* this step's, own range; workers */
    double scale;      /* of this step's gradient */
    int64_t applied;   /* AdamW steps taken */
    int stale;         /* workers' own ranges have changed since the last gather */
    struct checkpoint_tensor *tensors;
    char (*names)[80];
    struct mem_keep keep;
    struct mlm_worker *worker;           /* NULL: this rank is none */
    struct mlm_coordinator *coordinator; /* NULL: this rank is not */
};

/* Collective. vocabulary, text, encoder, memory; makes the run's folder. With config->evaluate nothing for training. */
status mlm_open(struct comm *c, const struct mlm_config *config, const struct options *options, struct mlm *m);
void mlm_close(struct mlm *m);

/* Local. The job for loop_run, and how it is to be run. */
struct job mlm_job(struct mlm *m);
struct loop_options mlm_loop_options(const struct mlm *m, const char *resolved, struct run_folder *folder);

/* Collective. Write the encoder with its head as a Hugging Face folder, on the coordinator. */
status mlm_write(struct mlm *m);

/* ---- step.c: for struct job; collective ---- */

status mlm_step(void *self, int64_t step, struct membership *membership, struct job_step *out);
status mlm_commit(void *self, int64_t step, int apply);
status mlm_evaluate_heldout(void *self, int64_t step, int full, const struct eval_watch *watch, struct job_eval *out);

/* ---- state.c: for struct job; local ---- */

void mlm_introduce(void *self, struct worker_info *card);
status mlm_tensors(void *self, const struct checkpoint_tensor **list, size_t *count);
status mlm_state(void *self, struct state *out);
status mlm_restore(void *self, const struct state *state);
void mlm_describe(void *self, Mp2__Run *run);

/* ---- batches.c ---- */

/* Local. The held-out sequences as mlm_evaluate_heldout masks them, as JSON lines, for other programs. */
status mlm_batches_write(const struct mlm *m, const char *path);

#endif

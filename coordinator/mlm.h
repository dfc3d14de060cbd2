/* Pre-training of an encoder as a masked language model: the job behind `mp2 mlm`.
 *
 * A step is a fixed number of micro-batches of full sequences. A worker computes whole micro-batches; their gradients are added
 * along the fixed tree and scattered, each layer's while backward works on those below, so that each worker has the sum of its
 * own range of the parameters, with AdamW's moments of that range alone (ZeRO-1). The updated ranges are gathered before the next
 * use. Bits depend on neither ranks nor threads. The coordinator decides about skipping and clipping; steps are not journalled but
 * computed again from the newest checkpoint.
 *
 * Packed weights stand once a rank, as masters and gradient do: a rank with all threads of its node has them once. At 12 layers of
 * 768 ranks of one node could save .4 GB each of about 2, and packing, .03 of a step at 4 layers of 256 and 2,048 tokens and less
 * in larger ones, for a barrier of the node in every step: not worth it. */
#ifndef MP2_COORDINATOR_MLM_H
#define MP2_COORDINATOR_MLM_H

#include "cluster/comm/ranges.h"
#include "cluster/comm/reduce.h"
#include "coordinator/loop.h"
#include "coordinator/masking.h"
#include "coordinator/mlm_config.h"
#include "coordinator/mlm_text.h"
#include "worker/model/replica.h"
#include "worker/train/mlm.h"

struct mlm {
    struct comm *comm;
    const struct mlm_config *config;
    struct replica replica;
    struct flat flat;
    struct blocks blocks;          /* of 64 parameters, over the workers */
    struct reduce reduce;
    struct ranges ranges;
    struct deal deal;              /* micro-batches to workers */
    struct mlm_special special;
    int32_t salient[MASKING_FIRST], salients;   /* ids of masking.first */
    struct mlm_text train, heldout;
    struct masking masking, exam;  /* in training; of held-out text */
    int32_t length, wanted, asked; /* tokens of a sequence; to guess in it, in training and held-out text */
    int64_t applied;               /* AdamW steps taken */
    int aside;                     /* the text stands in RUN/evaluate: it is not the run's */
    char config_digest[33], encoder_digest[33], vocabulary_digest[33], text_digest[33], about[256];
    int64_t *sums;                 /* exchanged: bits of losses, counts; reports */
    size_t sum_room;
    /* workers */
    int64_t first, last;           /* own parameters */
    float *values;                 /* all; other workers' ranges as of the last gather */
    float *own;                    /* values + first */
    float *m, *v;                  /* (last - first) */
    const float *grad;             /* (last - first): this step's, the ranges' */
    double *block_squares;         /* of the own blocks, then of their subtrees */
    int stale;                     /* own ranges changed since */
    void *packed;
    struct mlm_unit *unit;
    struct batch batch;
    int64_t *sequences;            /* (sequences of a micro-batch) */
    int32_t *rows, *targets, *ids, *words, *fate;   /* of the micro-batch; of one sequence */
    struct tree_sum squares;
    double scale;                  /* of this step's gradient */
    /* coordinator */
    struct checkpoint_tensor *tensors;
    char (*names)[80];
    Mp2__Step message;
    Mp2__Eval eval;
    Mp2__Score score, *scores[1];
    struct record_eval_task task;
    struct state_value state_values[2];
    double heldout_loss, heldout_accuracy;
    int64_t targets_scored, correct;   /* of held-out text */
    struct crew_report *reports;   /* (workers) */
    int64_t *units;                /* (workers) micro-batches dealt to each in a step */
};

/* Collective. vocabulary, text, encoder, memory; makes the run's folder. With config->evaluate nothing for training. */
status mlm_open(struct comm *c, const struct mlm_config *config, const struct options *options, struct mlm *m);
void mlm_close(struct mlm *m);
struct job mlm_job(struct mlm *m);

/* Collective. Write the encoder with its head as a Hugging Face folder, on the coordinator. */
status mlm_write(struct mlm *m);

/* ---- mlm_start.c: coordinator, local ---- */

/* A new encoder with its head, in folder. */
status mlm_start_write(const struct mlm_config *config, const struct vocabulary *vocabulary, const char *folder);

/* ---- mlm_step.c: for struct job ---- */

void mlm_introduce(void *self, struct crew_card *card);
status mlm_step(void *self, int64_t step, struct crew *crew, struct job_step *out);
status mlm_commit(void *self, int64_t step, int apply);
status mlm_evaluate_heldout(void *self, int64_t step, int full, struct crew *crew, struct job_eval *out);
/* Collective. All parameters to all workers, packed for the encoder. */
status mlm_refresh(struct mlm *m);

/* ---- mlm_batches.c ---- */

/* Local. The held-out sequences as mlm_evaluate_heldout masks them, as JSON lines, for other programs. */
status mlm_batches_write(const struct mlm *m, const char *path);

/* Local. The key under which held-out sequence `index` is masked. */
struct random_key mlm_exam_key(const struct mlm *m, int64_t index);

/* ---- mlm_state.c: for struct job ---- */

status mlm_tensors(void *self, const struct checkpoint_tensor **list, size_t *count);
status mlm_state(void *self, struct state *out);
status mlm_restore(void *self, const struct state *state);
void mlm_describe(void *self, Mp2__Run *run);

#endif

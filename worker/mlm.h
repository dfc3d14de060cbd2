/* What a worker of `mp2 mlm` does: gradients of the micro-batches of a step that were assigned to it, norm and update
 * of its own range of the parameters; scores of held-out text. All local, except that gradient messages are sent while
 * a micro-batch is computed (cluster/comm/ranges.h); the collectives are in coordinator/mlm/step.c. */
#ifndef MP2_WORKER_MLM_H
#define MP2_WORKER_MLM_H

#include "cluster/base/memory.h"
#include "cluster/comm/ranges.h"
#include "worker/mlm_messages.h"
#include "worker/model/replica.h"
#include "worker/train/masking.h"

/* Sizes and choices that all ranks know. */
struct mlm_settings {
    uint64_t seed;
    int32_t length;            /* tokens per sequence */
    int32_t sequences, micros; /* sequences per micro-batch, micro-batches per step */
    int32_t wanted, asked;     /* masked tokens to predict per sequence: in training, in held-out text */
    int32_t frozen;            /* number of lowest layers that are not trained; 0: none */
    int apart;                 /* documents of a sequence do not attend to each other */
    int dropout;
    int train; /* 0: only scores will be requested */
    struct special_tokens special;
    struct masking masking, heldout_masking;
};

/* What a worker works on and with; all of it must outlive the worker. */
struct mlm_worker_options {
    const struct mlm_settings *settings;
    const struct replica *replica;
    const struct flat *flat;     /* where each tensor lies in one array of all parameters */
    const struct blocks *blocks; /* which worker owns which range of them */
    const struct deal *deal;     /* of a step's micro-batches */
    struct ranges *ranges;       /* planned by the worker, if training */
    const struct token_text *train, *heldout;
    int worker, workers;
};

struct mlm_worker {
    struct mlm_worker_options o;
    struct mem_keep keep;
    int64_t first, last; /* own parameters */
    float *values;       /* all; other workers' ranges as of the last gather */
    float *own;          /* values + first */
    float *m, *v;        /* (last - first) AdamW's moments */
    double *squares;     /* of own blocks, then of their subtrees */
    void *packed;        /* the weights, packed for the encoder's matrix products */
    struct mlm_unit *unit;
    struct unit_batch batch;
    int64_t *sequences;                           /* (sequences) of a micro-batch */
    int32_t *rows, *targets, *ids, *words, *fate; /* of the micro-batch; of one sequence */
};

/* Only allocates; the caller fills in the parameters (values), then calls mlm_worker_attach. */
status mlm_worker_new(const struct mlm_worker_options *o, struct mlm_worker **out);
void mlm_worker_destroy(struct mlm_worker **w);

/* The parameters have changed: pack them for the encoder. */
status mlm_worker_attach(struct mlm_worker *w);

/* Compute the micro-batches of step `step` (from 1) assigned to this worker: gradients into the ranges, scores into
 * notes. */
status mlm_worker_compute(struct mlm_worker *w, int64_t step, struct mlm_notes *notes);

/* The sum of squares of the own range of the gradient (last - first), as nodes of the tree over all blocks. */
status mlm_worker_square(struct mlm_worker *w, const float *grad, struct tree_sum *squares);

/* AdamW on the own range. */
void mlm_worker_update(struct mlm_worker *w, const struct adamw *adamw, const float *grad);

/* Score this worker's share (every workers-th) of items first … first + count - 1 of the first `rows` held-out
 * sequences, `sequences` of them an item. There may be fewer items. */
status mlm_worker_evaluate(struct mlm_worker *w, int64_t first, int64_t count, int64_t rows, struct mlm_notes *notes);

/* ---- how held-out text is scored, for reuse elsewhere ---- */

/* The key for masking held-out sequence `index`; the place-th held-out sequence in scoring order. */
struct random_key mlm_heldout_key(uint64_t seed, int64_t index);
int64_t mlm_heldout_sequence(uint64_t seed, int64_t sequences, int64_t place);

#endif

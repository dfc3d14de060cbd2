/* One unit of a training step or of an evaluation: encoder forward, loss, backward to prompts and head
 * (worker/README.md, "Units and packing"). The partial sums are nodes of the batch's tree. */
#ifndef MP2_WORKER_TRAIN_UNIT_H
#define MP2_WORKER_TRAIN_UNIT_H

#include <stdint.h>

#include "cluster/base/pool.h"
#include "cluster/base/status.h"
#include "worker/model/encoder.h"
#include "worker/train/answer_loss.h"

struct unit_inputs {
    const struct unit_batch *batch;
    struct encoder_prompts prompts;
    struct encoder_dropout dropout;
    const float *head;                /* (2,H): row 0 start, row 1 end */
    int32_t batch_examples;           /* batch size B of the whole group: the loss is the mean over it */
    const struct answer_marks *marks; /* (E) each example's possible answers; NULL: losses are over all tokens */
    enum loss_over loss; /* LOSS_ANSWERS, with marks: without a sink, tokens that no answer is read from are skipped in
                            the last layer and have logits of -INFINITY */
    const struct encoder_sink *sink; /* unit_train: receives the weights' gradients; NULL: none */
};

struct unit_outputs {
    double *loss;        /* (E) each example's loss (answer_loss, span_loss), not divided by B; or NULL */
    double *found;       /* (E) 1: the answer would be found (answer_found), else 0; needs marks; or NULL */
    float *logits;       /* (T,2) start and end logit by row, or NULL */
    float *grad_prompts; /* (layers,P,H): sum over the unit's slots by the tree, loss / B; training only; or NULL */
    float *grad_head;    /* (2,H): likewise; training only */
};

struct unit; /* activations and the loss's memory for units up to a size */

/* Purpose of a unit: losses; also their gradients down to the prompts; or also those of weights (with a sink). */
enum unit_use { UNIT_EVALUATE, UNIT_TRAIN, UNIT_TRAIN_WEIGHTS };

/* Local. ST_MEMORY if there is not enough. */
status unit_new(const struct encoder *e, int32_t most_rows, int32_t most_examples, int32_t prompt_tokens, int threads,
                enum unit_use use, struct unit **out);
void unit_destroy(struct unit **u);

/* Local. Bytes of a unit of that size; and the maximum rows that fit in a budget (with at most most_examples
 * examples). */
size_t unit_bytes(const struct encoder *e, int32_t most_rows, int32_t most_examples, int32_t prompt_tokens, int threads,
                  enum unit_use use);
int32_t unit_most_rows(const struct encoder *e, int32_t most_examples, int32_t prompt_tokens, int threads,
                       enum unit_use use, size_t budget);

/* Local. Losses, logits and gradients of one unit. A non-finite loss is not an error here (the step decides). */
status unit_train(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_inputs *in,
                  const struct unit_outputs *out);

/* Local. The same without gradients and, by the caller's choice, dropout. Examples without targets (start -1) get loss
 * 0. */
status unit_evaluate(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_inputs *in,
                     const struct unit_outputs *out);

/* Local. Evaluation of a unit in stages: unit_advance takes the unit from layer `first` (0: its ids) to layer `last`,
 * unit_finish to the end, with losses and logits. unit_state is the (T,H) f32 input of the next layer, before its
 * prompt: the caller may save and restore it. No dropout. */
status unit_advance(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_batch *b,
                    const struct encoder_prompts *prompts, int32_t first, int32_t last);
status unit_finish(struct unit *u, const struct encoder *e, struct pool *pool, const struct unit_inputs *in,
                   int32_t first, const struct unit_outputs *out);
float *unit_state(struct unit *u);

#endif

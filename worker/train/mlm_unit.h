/* A micro-batch of masked-language-model training: encoder, head at the masked positions only (vocabulary_head.h), and
 * the gradient of every parameter. Which sequences form a micro-batch is part of the configuration: a weight's gradient
 * sums over tokens, so its bits depend on the micro-batch. Work is divided among threads in blocks of fixed size, so
 * bits do not depend on the number of threads. */
#ifndef MP2_WORKER_TRAIN_MLM_UNIT_H
#define MP2_WORKER_TRAIN_MLM_UNIT_H

#include "worker/model/encoder.h"
#include "worker/model/flat.h"
#include "worker/train/encoder_gradient.h"

struct mlm_inputs {
    const struct unit_batch *batch; /* no gaps: lengths are multiples of the encoder's row align; masked ids in place */
    const int32_t *rows, *targets;  /* (count) masked rows of the batch, ascending, and their original ids */
    int32_t count;
    int32_t token_type; /* of all tokens, 0 or 1 */
    double divide;      /* gradients are those of the sum over the targets divided by this */
    struct encoder_dropout dropout;
    const struct gradient_watch *watch; /* called for every part of the gradient (flat.h); NULL: none */
};

struct mlm_score {
    double loss;
    int64_t targets, correct;
}; /* loss: the sum over the targets */

struct mlm_unit;

/* Local. For micro-batches of at most that many rows, examples and targets. frozen: number of lowest layers whose
 * gradient is 0, like that of the embeddings; 0: none. From here on e uses its own token-type row. */
struct mlm_sizes {
    int32_t rows, examples, targets, threads;
    int train;
    int32_t frozen;
};
status mlm_unit_new(struct encoder *e, const struct flat *flat, const struct mlm_sizes *sizes, struct mlm_unit **out);
void mlm_unit_destroy(struct mlm_unit **u);

/* Local. Take over parameters (flat): packs them into memory (encoder_weights_bytes, 64-byte aligned), to which the
 * encoder is attached on the first call, and into the head. values must not change until the next call. */
status mlm_attach(struct mlm_unit *u, struct pool *pool, const float *values, void *memory);

/* Local. Of a whole micro-batch (sizes.rows rows), grad (flat) is written entirely, except for the gaps between
 * tensors. A non-finite loss is not an error here. */
status mlm_train(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *grad,
                 struct mlm_score *out);

/* Local. Scores only. logits (count,V): of each target row; NULL: not wanted. */
status mlm_evaluate(struct mlm_unit *u, struct pool *pool, const struct mlm_inputs *in, float *logits,
                    struct mlm_score *out);

/* Local. FLOPs of products and attention in training a micro-batch: forward, and backward to activations and
 * weights. */
double mlm_flops(const struct model_config *c, int64_t examples, int64_t length, int64_t targets);

#endif

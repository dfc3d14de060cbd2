/* The masked-language-model head: dense, GELU, LayerNorm, decoder (the word table, or its own table), cross entropy
 * over the vocabulary, at the masked rows only. A thread takes HEAD_BLOCK rows at a time all the way forward and
 * backward, so that their logits stay in its cache; the vocabulary is cut into slices, whose weights are repacked after
 * every update. Products use the encoder's precision and sum in f32; logits are f32. */
#ifndef MP2_WORKER_TRAIN_VOCABULARY_HEAD_H
#define MP2_WORKER_TRAIN_VOCABULARY_HEAD_H

#include "worker/model/encoder.h"
#include "worker/model/flat.h"

struct vocabulary_head;

/* Local. For at most that many target rows; train: backward too. e and flat remain owned by the caller and must outlive
 * it. */
status vocabulary_head_new(const struct encoder *e, const struct flat *flat, int32_t targets, int threads, int train,
                           struct vocabulary_head **out);
void vocabulary_head_destroy(struct vocabulary_head **h);

/* Local. Take over parameters (flat), whose encoder part is already packed in the encoder. */
status vocabulary_head_pack(struct vocabulary_head *h, struct pool *pool, const float *values);

/* Inputs and outputs of a run: count rows of hidden (T,H), their target ids, and factor = d loss / d (a row's loss).
 * d_hidden (T,H): its rows `rows` are written; NULL: scores only. logits (count,V) f32; NULL: not wanted; only without
 * d_hidden. */
struct vocabulary_run {
    const float *values, *hidden;
    const int32_t *rows, *targets;
    int32_t count;
    float factor;
    float *d_hidden, *logits;
};
/* Local. loss, best (count): a row's loss, and its most likely id (the first, in a tie); both remain owned by the
 * head. */
status vocabulary_head_run(struct vocabulary_head *h, struct pool *pool, const struct vocabulary_run *run,
                           const double **loss, const int32_t **best);

/* Local. After a run with d_hidden: the gradient of the head's tensors and of the decoder's table, written into grad
 * (flat). */
status vocabulary_head_gradient(struct vocabulary_head *h, struct pool *pool, float *grad);

#endif

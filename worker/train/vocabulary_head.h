/* The masked-language-model head: dense, GELU, LayerNorm, decoder (the word table, or one of its own), cross entropy
 * over the vocabulary, at the masked rows alone. A thread takes HEAD_BLOCK rows at a time all the way down and up
 * again, so that their logits stay in its cache; the vocabulary is cut into slices, whose weights are packed anew
 * after every update. Products take the encoder's precision and sum in f32; logits are f32. */
#ifndef MP2_WORKER_TRAIN_VOCABULARY_HEAD_H
#define MP2_WORKER_TRAIN_VOCABULARY_HEAD_H

#include "worker/model/encoder.h"
#include "worker/model/flat.h"

struct vocabulary_head;

/* Local. For at most so many target rows; train: backward too. e and flat stay the caller's and must outlive it. */
status vocabulary_head_new(const struct encoder *e, const struct flat *flat, int32_t targets, int threads, int train,
                           struct vocabulary_head **out);
void vocabulary_head_destroy(struct vocabulary_head **h);

/* Local. Take over parameters (flat), whose encoder part is packed in the encoder already. */
status vocabulary_head_pack(struct vocabulary_head *h, struct pool *pool, const float *values);

/* What runs: count rows of hidden (T,H), the ids that should stand there, and factor = d loss / d (a row's loss).
 * d_hidden (T,H): its rows `rows` are written; NULL: scores alone. logits (count,V) f32: where they are wanted, else
 * NULL; without d_hidden only. */
struct vocabulary_run {
    const float *values, *hidden;
    const int32_t *rows, *targets;
    int32_t count;
    float factor;
    float *d_hidden, *logits;
};
/* Local. loss, best (count): a row's loss, and its first most likely id; both stay the head's. */
status vocabulary_head_run(struct vocabulary_head *h, struct pool *pool, const struct vocabulary_run *run,
                           const double **loss, const int32_t **best);

/* Local. After a run with d_hidden: the gradient of the head's tensors and of the decoder's table, written into grad
 * (flat). */
status vocabulary_head_gradient(struct vocabulary_head *h, struct pool *pool, float *grad);

#endif

/* The span loss: softmax cross entropy of the start and the end position over an example's candidate positions
 * (worker/README.md, "Loss"). In double inside, so that the loss of an example does not depend on how logits were
 * summed. */
#ifndef MP2_WORKER_TRAIN_SPAN_LOSS_H
#define MP2_WORKER_TRAIN_SPAN_LOSS_H

#include <stdint.h>

/* Local. One example.
 *   logits     [rows][2]: start and end logit of each candidate (padding rows only if padding is attended to)
 *   start, end targets, 0 <= x < rows
 *   batch      B of the loss's mean: d_logits = d(loss / B)
 *   d_logits   [rows][2], written; NULL: not wanted
 * Returns (CE(start) + CE(end)) / 2 of this example, not divided by B. A NaN among the logits gives NaN; -infinity
 * is a candidate of probability 0. */
double span_loss(int64_t rows, const float *logits, int64_t start, int64_t end, int64_t batch, float *d_logits);

#endif

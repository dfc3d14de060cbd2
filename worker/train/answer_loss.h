/* The loss over possible answers: softmax cross entropy over the candidates of score/marks.h instead of all tokens
 * (span_loss.h). Options: one softmax over the sums of start and end logit by which they are scored. Spans: one over
 * the start and one over the end logits, half each. Computed in double, as there. */
#ifndef MP2_WORKER_TRAIN_ANSWER_LOSS_H
#define MP2_WORKER_TRAIN_ANSWER_LOSS_H

#include <stdint.h>

#include "worker/score/marks.h"

/* What losses are computed over; in the order of train.loss's choices. */
enum loss_over { LOSS_ANSWERS, LOSS_ALL };

/* Local. One example.
 *   logits     [rows][2]: start and end logit of each token; only the candidates' are read
 *   start, end the correct answer's first and last token; for options, start alone identifies it
 *   batch      B of the loss's mean: d_logits = d(loss / B)
 *   d_logits   [rows][2], written: 0 at tokens that are not candidates; NULL: not wanted
 * Returns the example's loss, not divided by B. An answer that is not a candidate (start -1) has loss and gradient 0.
 */
double answer_loss(int64_t rows, const float *logits, const struct answer_marks *marks, int64_t start, int64_t end,
                   int64_t batch, float *d_logits);

/* Local. log(sum of exp) of the candidates' start (end 0) or end logits (1). */
double answer_log_sum(const float *logits, const struct answer_marks *marks, int end);

/* Local. Whether scoring (score.h) finds the answer; 0 if there is none. */
int answer_found(int64_t rows, const float *logits, const struct answer_marks *marks, int64_t start, int64_t end);

#endif

/* Evaluation on a worker: examples with the marks of their possible answers in, answers out. The message consists of
 * 32-bit numbers, built by the coordinator; answers return in its order. An answer depends on its example only. */
#ifndef MP2_WORKER_TRAIN_SCORE_BATCH_H
#define MP2_WORKER_TRAIN_SCORE_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "worker/score/score.h"
#include "worker/train/compute.h"

struct score_batch_result {
    double loss; /* answer_loss or span_loss, as set in compute; NAN: the example has no target */
    double score;
    int32_t choice, start, end, pad;
};

/* Local. Append an example: ids, width (0, or rows with attended padding), targets (-1: none), marks. */
status score_batch_add(struct assignment_message *m, const int32_t *ids, int32_t length, int32_t width, int32_t start,
                       int32_t end, const struct answer_marks *marks);

/* Local. Answer everything in the message; results has room for one per call of score_batch_add. */
status score_batch_run(struct compute *c, const int32_t *words, size_t count, const struct encoder_prompts *prompts,
                       const float *head, struct score_batch_result *results);

/* The same with the logits behind the answers, for display: score_batch_detail floats per example, one example after
 * another. Options: start logit of the first and end logit of the last token of each. A span: its start and end logit,
 * those of "no answer" (0 if there is none), the logarithms of the sums of exp over candidates' start and end
 * logits. */
enum { SCORE_SPAN_DETAIL = 6 };
static inline size_t score_batch_detail(const struct answer_marks *marks)
{
    return marks->options > 0 ? 2 * (size_t)marks->options : SCORE_SPAN_DETAIL;
}
status score_batch_run_detailed(struct compute *c, const int32_t *words, size_t count,
                                const struct encoder_prompts *prompts, const float *head,
                                struct score_batch_result *results, float *detail);

#endif

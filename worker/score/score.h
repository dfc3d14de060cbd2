/* From start and end logits to an answer (worker/README.md, "Scores"): the best option, or the best span of a context.
 * Local functions of one example; no state. */
#ifndef MP2_WORKER_SCORE_SCORE_H
#define MP2_WORKER_SCORE_SCORE_H

#include <stdint.h>

#include "worker/score/marks.h"

struct answer {
    int32_t choice;     /* the option; -1: a span */
    int32_t start, end; /* the span, tokens, inclusive; end < start: no answer */
    double score;       /* start logit + end logit of the answer */
};

/* logits (length,2): start and end logit of each token. The first of equal scores wins. */
struct answer score_answer(const float *logits, int32_t length, const struct answer_marks *marks);

#endif

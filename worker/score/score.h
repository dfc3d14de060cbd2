/* From start and end logits to an answer (method.md section 4): the best option, or the best span of a context.
 * Local functions of one example; no state. */
#ifndef MP2_WORKER_SCORE_SCORE_H
#define MP2_WORKER_SCORE_SCORE_H

#include <stdint.h>

struct answer_marks {
    int32_t options;                      /* 0: a span is asked for */
    const int32_t (*option)[2];           /* first and last token of each */
    int32_t context_first, context_last;  /* span: where it may lie, inclusive */
    int32_t none_first, none_last;        /* span: tokens that mean "no answer"; -1: there must be one */
    int32_t reference;                    /* product of logits (Q8); independent argmax over the row (Q29) */
};

struct answer {
    int32_t choice;                       /* the option; -1: a span */
    int32_t start, end;                   /* the span, tokens, inclusive; end < start: no answer */
    double score;                         /* start logit + end logit of the answer */
};

/* logits (length,2): start and end logit of each token. The first of equal scores wins. */
struct answer score_answer(const float *logits, int32_t length, const struct answer_marks *marks);

#endif

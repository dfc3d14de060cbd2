/* How good an extracted answer is. */
#ifndef MP2_COORDINATOR_DATA_ANSWER_H
#define MP2_COORDINATOR_DATA_ANSWER_H

#include "coordinator/data/dataset.h"
#include "coordinator/data/texts.h"

/* Local. F1 of bags of words (word_bag.h) as the `squad` metric has it: of the piece of the context from token first
 * to token last (last < first: no answer), the best over the accepted answers, by their texts. An answer of which
 * nothing is left scores 0. No accepted answer: 1 when nothing was predicted, else 0. */
status answer_f1(const struct row_texts *row, int32_t first, int32_t last, double *f1);

/* Local. The reference's: of decoded tokens, so that unknown ones are all equal. It accepts only one answer: give
 * gold_count 1. */
status answer_f1_of_tokens(const struct token_roles *roles, const int32_t *predicted, int count,
                           const struct gold *gold, int gold_count, double *f1);

#endif

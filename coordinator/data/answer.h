/* How good an extracted answer is. */
#ifndef MP2_COORDINATOR_DATA_ANSWER_H
#define MP2_COORDINATOR_DATA_ANSWER_H

#include "coordinator/data/dataset.h"

/* Local. F1 of bags of words as the `squad` metric has it (method.md section 4): words that both have, counted as often as both
 * have them; F1 of precision and recall; the best over the accepted answers. A word is a token and the "##" pieces behind it,
 * so a Chinese character is one; ASCII punctuation and the articles a, an, the do not count, on either side, as in the metric's clean-up (the
 * tokenizer has lowered the case). An answer of which nothing is left scores 0. No accepted answer: 1 when nothing was predicted,
 * else 0. The reference accepts only one answer: give gold_count 1. */
double answer_f1(const struct token_roles *roles, const int32_t *predicted, int count, const struct gold *gold, int gold_count);

#endif

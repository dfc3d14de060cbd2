/* How good an extracted answer is. */
#ifndef MP2_DATA_ANSWER_H
#define MP2_DATA_ANSWER_H

#include "coordinator/data/dataset.h"

/* Local. Token-bag F1 as SQuAD's (method.md section 4): tokens that both have, counted as often as both have them; F1
 * of precision and recall; the best over the accepted answers. Chinese tokens are characters, so this is F1 over
 * characters. SQuAD's English clean-up (ASCII punctuation, a, an, the) is not done: such tokens count like others, on
 * both sides. No accepted answer: 1 when nothing was predicted, else 0. The reference accepts only one answer: give
 * gold_count 1. */
double answer_f1(const int32_t *predicted, int count, const struct gold *gold, int gold_count);

/* Local. 1 when the prediction is token for token one of the accepted answers. */
int answer_exact(const int32_t *predicted, int count, const struct gold *gold, int gold_count);

#endif

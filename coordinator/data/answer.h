/* How right an extracted answer is: F1 of token bags, as SQuAD's metric counts words (method.md section 4). Tokens are the
 * encoder's, so upper and lower case are one and Chinese counts by the character. */
#ifndef MP2_DATA_ANSWER_H
#define MP2_DATA_ANSWER_H

#include "coordinator/data/dataset.h"

/* Local. The best F1 of count ids against the accepted answers. No ids: "no answer", right when there is no gold. */
double answer_f1(const int32_t *ids, int count, const struct gold *gold, int gold_count);

#endif

/* Convert an example of the data to what the workers need to know about its answer. */
#ifndef MP2_COORDINATOR_SCORE_EXAMPLE_MARKS_H
#define MP2_COORDINATOR_SCORE_EXAMPLE_MARKS_H

#include "coordinator/data/dataset.h"
#include "worker/score/marks.h"

/* Local. product, independent: score options (Q8) and spans (Q29) as the reference does; 0: our way. The options remain
 * owned by the example. */
struct answer_marks example_marks(const struct example *x, int product, int independent);

#endif

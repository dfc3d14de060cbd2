/* From an example of the data to what the workers know of its answer. */
#ifndef MP2_COORDINATOR_SCORE_EXAMPLE_MARKS_H
#define MP2_COORDINATOR_SCORE_EXAMPLE_MARKS_H

#include "coordinator/data/dataset.h"
#include "worker/score/marks.h"

/* Local. product, independent: how the reference scores options (Q8) and spans (Q29); 0: as we do. The options stay the
 * example's. */
struct answer_marks example_marks(const struct example *x, int product, int independent);

#endif

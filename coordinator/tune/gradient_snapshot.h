/* A snapshot of a cell that is tuned by gradient descent (gradient.h). Coordinator, local. */
#ifndef MP2_COORDINATOR_TUNE_GRADIENT_SNAPSHOT_H
#define MP2_COORDINATOR_TUNE_GRADIENT_SNAPSHOT_H

#include "coordinator/tune/gradient.h"

/* seconds: of work so far. */
status gradient_save(const struct gradient *g, double seconds);
/* ST_OK with nothing changed when there is no snapshot, or one of another cell. ST_INPUT (reported) on a damaged one.
 * */
status gradient_load(struct gradient *g);

#endif

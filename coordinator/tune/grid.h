/* Tasks x methods x seeds: the cells of a run, in the order in which they are run. */
#ifndef MP2_COORDINATOR_TUNE_GRID_H
#define MP2_COORDINATOR_TUNE_GRID_H

#include "coordinator/tune/cell.h"

struct grid {
    enum method methods[METHOD_COUNT];
    int64_t seeds[TUNE_SEEDS_MOST];
    size_t method_count, seed_count, tasks;
};

/* Local. ST_INPUT (reported) on what is no method or seed. */
status grid_make(const struct tune_config *c, struct grid *g);

/* Collective. Run every cell that is not done; each (may be NULL) is told every result on the coordinator. g counts on
 * the coordinator. ST_END: the run was asked to stop. */
status grid_run(struct tuning *t, struct grid *g, void (*each)(void *arg, const struct cell_result *result), void *arg);

#endif

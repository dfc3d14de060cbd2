/* Inside of a cell: what its files share. */
#ifndef MP2_COORDINATOR_TUNE_CELL_STATE_H
#define MP2_COORDINATOR_TUNE_CELL_STATE_H

#include "coordinator/data/few_shot.h"
#include "coordinator/tune/cell.h"
#include "coordinator/tune/dev_curve.h"
#include "coordinator/tune/full.h"

/* A cell under way. All ranks have t, cell and full, the rest is the coordinator's. */
struct cell_work {
    struct tuning *t;
    const struct cell *cell;
    const struct task *task;
    char folder[4096], digest[33];
    int k;
    struct few_shot draw;
    struct bank *bank; /* what is tuned: t->bank, t->single, or fresh */
    struct bank fresh; /* sizes of a prompt that starts from nothing */
    struct full *full; /* NULL: the encoder is frozen */
    struct dev_curve dev_curve;
    struct cell_result *result;
};

/* Local. Choose the bank; sizes of what is tuned are then w->bank's. */
status cell_choose(struct cell_work *w);

/* Coordinator, inside a dialogue with the oracle: tune. The dev curve then has the best state; result gets steps,
 * evaluations, parameters, seconds. Not for full tuning. */
status cell_tune(struct cell_work *w, struct oracle *oracle);

/* Coordinator, local. Full tuning's start (full_begin); result gets steps and parameters. */
status cell_begin_full(struct cell_work *w);

/* Local. examples.json: which rows (of `mp2 data export`) the cell trains on and looks at. */
status cell_save_examples(const char *folder, const struct few_shot *draw);

/* Local. result.json, whole. */
status cell_save(const char *folder, const struct cell_result *r);

#endif

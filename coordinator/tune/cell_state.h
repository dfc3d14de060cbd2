/* Inside of a cell: what its files share. */
#ifndef MP2_COORDINATOR_TUNE_CELL_STATE_H
#define MP2_COORDINATOR_TUNE_CELL_STATE_H

#include "coordinator/data/few_shot.h"
#include "coordinator/tune/cell.h"
#include "coordinator/tune/dev_curve.h"
#include "coordinator/tune/full.h"

/* A cell under way; coordinator. */
struct cell_work {
    struct tuning *t;
    const struct cell *cell;
    const struct task *task;
    char folder[4096], digest[33];
    int k;
    struct few_shot draw;
    struct bank *bank;          /* what is tuned: t->bank, t->single, or fresh */
    struct bank fresh;          /* sizes of a prompt that starts from nothing */
    struct full *full;          /* all ranks; NULL: the encoder is frozen */
    struct dev_curve dev_curve;
    struct cell_result *result;
};

/* Local. The digest that a result must match to be used again. */
status cell_digest(const struct cell_work *w, char out[33]);

/* Local. Choose the bank; sizes of what is tuned are then w->bank's. */
status cell_choose(struct cell_work *w);

/* Coordinator, inside the oracle's dialogue: tune. The dev_curve then has the best state; result gets steps, evaluations,
 * parameters, seconds. */
status cell_tune(struct cell_work *w, struct oracle *oracle);

/* Local. examples.json: which rows (of `mp2 data export`) the cell trains on and looks at. */
status cell_save_examples(const char *folder, const struct few_shot *draw);

/* Local. result.json, whole. */
status cell_save(const char *folder, const struct cell_result *r);

#endif

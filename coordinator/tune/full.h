/* Tuning of all weights of the encoder, and the head: the baseline "full". As `mp2 mlm` does it: micro-batches of a few examples
 * are computed whole by one worker each, their gradients summed along the tree, each worker updates its range of the weights
 * (ZeRO-1), and ranges are shared and packed again before the next step. Bits depend on neither ranks nor threads.
 *
 * Placeholders stand where they stand for prompts; no prompt is added. There is no dropout, as in all of tuning. A look at dev
 * leaves a snapshot, a checkpoint that all ranks write their ranges of (four times the encoder, so not after every look); a
 * killed cell computes the steps since again, on any number of ranks, to the same bits. */
#ifndef MP2_COORDINATOR_TUNE_FULL_H
#define MP2_COORDINATOR_TUNE_FULL_H

#include "coordinator/tune/dev_curve.h"
#include "coordinator/tune/tuning.h"

struct full;

/* snapshot: its folder; digest: of the cell, a snapshot of another is not gone on from. */
struct full_options { int64_t epochs, check_every; double rate, decay; const char *snapshot, *digest; };

/* Collective. For a cell; oracle_options then get own = full_request and own_arg = the new one. */
status full_open(struct tuning *t, struct full **out);
/* Local. The replica's encoder has the frozen weights again. */
void full_close(struct full **full);

/* For struct oracle_options. */
status full_request(void *full, int what);
/* Local, on all ranks, once the oracle is open and before it serves: room for the oracle's examples. The status is this rank's. */
status full_prepare(struct full *f, struct oracle *oracle);

/* Coordinator, inside the dialogue: all epochs from a head (2,H), or what a snapshot leaves of them, looks at dev; in the end
 * the encoder's weights are those of the best state. seconds: of work, resumes included. ST_NUMBER (said): a loss is not
 * finite; ST_END: asked to stop. */
status full_run(struct full *f, struct dev_curve *dev_curve, const struct full_options *o, const float *head, double *seconds);

/* Coordinator, inside the dialogue: write the weights as they are as a Hugging Face folder, with its digest. */
status full_write(struct full *f, const char *folder, char digest[33]);

/* Coordinator. Weights that are tuned, the head included. */
int64_t full_parameters(const struct full *f);

#endif

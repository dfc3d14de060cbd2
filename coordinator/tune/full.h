/* Tuning of all weights of the encoder, and the head: the baseline "full". As `mp2 mlm` does it: micro-batches of a few
 * examples are computed whole by one worker each, their gradients summed along the tree, each worker updates its range
 * of the weights (ZeRO-1), and ranges are gathered and packed again before the next step. Bits depend on neither ranks
 * nor threads.
 *
 * Placeholders stay where they are for prompts; no prompt is added. There is no dropout, as in all of tuning. A look at
 * dev leaves a snapshot, a checkpoint that all ranks write their ranges of (four times the encoder, so not after every
 * look); a killed cell computes the steps since again, on any number of ranks, to the same bits.
 *
 * All ranks go through the steps together; looks at dev are dialogues with the oracle in between. What a worker does is
 * in worker/full.h, what travels in worker/full_messages.h. */
#ifndef MP2_COORDINATOR_TUNE_FULL_H
#define MP2_COORDINATOR_TUNE_FULL_H

#include "coordinator/tune/dev_curve.h"
#include "coordinator/tune/oracle.h"

/* The same on all ranks. */
struct full_options {
    struct comm *comm;
    struct replica *replica; /* its encoder has the tuned weights until full_close */
    const char *model;       /* the encoder's folder: where weights begin */
    struct oracle *oracle;   /* open, outside a dialogue; the training examples are its */
    int64_t epochs, check_every;
    double rate, decay;
    enum loss_over loss; /* what losses are over */
};

struct full;

/* Collective. Texts, replica and oracle stay the caller's; the oracle is closed after this. */
status full_open(const struct full_options *o, struct full **out);
/* Local. The replica's encoder has the frozen weights again. */
void full_close(struct full **full);

/* Coordinator, local. What a cell begins with: head (2,H); the folder of its snapshot; its digest: a snapshot of
 * another cell is not gone on from. kernels: for the head's update. */
struct full_start {
    struct dev_curve *dev_curve;
    const struct kernels *kernels;
    const float *head;
    const char *snapshot, *digest;
};
void full_begin(struct full *f, const struct full_start *start);

/* Collective, after full_begin. All epochs, or what a snapshot leaves of them, with looks at dev; in the end the
 * encoder's weights are those of the best state. ST_NUMBER (reported): a loss is not finite; ST_END: asked to stop. */
status full_run(struct full *f);
/* Collective. All weights to the coordinator, for full_write. */
status full_collect(struct full *f);

/* Coordinator, local. The collected weights as a Hugging Face folder, with its digest; seconds of work, resumes
 * included; weights that are tuned, the head included. */
status full_write(struct full *f, const char *folder, char digest[33]);
double full_seconds(const struct full *f);
int64_t full_parameters(const struct full *f);

#endif

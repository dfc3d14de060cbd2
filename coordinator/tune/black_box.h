/* Tuning without gradients (worker/README.md, "Black box"): the optimisers see nothing but losses of the few training
 * examples, all of them forward passes; A and the head stand still. Coordinator only; the oracle evaluates.
 *
 * Stage one, "router": Bayesian optimisation of the router's logits (layers,K). Stage two, "prompt": CMA-ES over the
 * intrinsic vectors, one search a layer, in layer order, one generation each a round; it begins at x_l = sum_k r_lk
 * z_lk of the chosen router, and a candidate x makes the layer's prompt x A_l. While a layer is searched, the oracle
 * keeps what lies below it.
 *
 * Where the reference has quirks (Q17, Q18):
 *                       here                                              reference
 *   looks at dev        stage one: the point of lowest loss so far;       the candidate that is evaluated when the
 *                       stage two: the state as it stands                 count comes round
 *   a generation's best becomes the layer's prompt when the loss falls    the best of all generations becomes it
 *   ties on dev         the lower training loss                           (the same here)
 *   nothing above 0     the untuned state is the first one checked        a crash (the same here)
 *
 * Every loss and every dev score goes to a journal before it is used: a killed search replays the optimisers and goes
 * on to the same bits (ledger.h). */
#ifndef MP2_COORDINATOR_TUNE_BLACK_BOX_H
#define MP2_COORDINATOR_TUNE_BLACK_BOX_H

#include "cluster/base/random.h"
#include "coordinator/tune/bank.h"
#include "coordinator/tune/dev_curve.h"
#include "coordinator/tune/config.h"

struct black_box {
    struct bank *bank;
    const float *head; /* (2,H), the task's */
    struct oracle *oracle;
    struct dev_curve *dev_curve;
    struct black_box_config config; /* zeros stand for the method's figures */
    int reference;
    struct random_key key; /* of seed and task */
    const float *theta;    /* (layers,K) logits of the untuned state */
    char folder[4096];     /* of the journal */
    char digest[33];       /* of the cell: the journal of another one is not gone on from */
    /* what came of it */
    int64_t evaluations; /* losses of candidates, all stages */
    int64_t parameters;  /* numbers that were searched over */
    double seconds;
};

/* Run both stages, or what is left of them. ST_END: asked to stop; the journal stands. ST_NUMBER (reported): the
 * untuned loss is not finite. The result is in the dev_curve's best state. */
status black_box_run(struct black_box *b);

/* Local. Losses of both stages. layers: of the prompts. */
int64_t black_box_evaluations(const struct black_box_config *config, int32_t layers);

#endif

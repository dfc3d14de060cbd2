/* Tuning by gradient descent: stages in which some of router, module prompts and head move and the rest does not
 * (worker/README.md, "Tuning by gradient"). Coordinator only; a step is one request to the oracle for loss and
 * gradient of the whole training set, without dropout and with the deterministic router, so an epoch is a step.
 *
 * A stage goes on from the last state of the one before, as in the reference; the best state of all stages is the
 * result.
 *
 * AdamW as PyTorch has it. Moments: every stage begins with moments of 0 for what moves in it. The reference has one
 * AdamW over both stages with rates of about 0 for what does not move, so that prompts and head enter stage two with
 * warm moments; `warm` does that (Q15).
 *
 * Every look at dev leaves a snapshot; a killed cell computes the steps since again, to the same bits. */
#ifndef MP2_COORDINATOR_TUNE_GRADIENT_H
#define MP2_COORDINATOR_TUNE_GRADIENT_H

#include "cluster/base/memory.h"
#include "coordinator/tune/bank.h"
#include "coordinator/tune/dev_curve.h"
#include "coordinator/tune/stages.h"

/* One tensor with its moments. */
struct gradient_group {
    float *value, *m, *v;
    size_t size;
    int64_t applied; /* updates that the moments have seen */
    int moved;       /* it is not as the cell began */
};

struct gradient {
    const struct bank *bank; /* sizes and kernels; its values are not touched */
    struct oracle *oracle;
    struct dev_curve *dev_curve;
    struct stages stages;
    int warm;
    int64_t check_every;
    double decay;
    char snapshot[4096]; /* path */
    char digest[33];     /* of the cell: a snapshot of another is not gone on from */
    /* the state */
    struct gradient_group router, modules, head; /* (layers,K) logits; (layers,K,P*H); (2,H) */
    int64_t step;
    double seconds; /* of the processes before */
    /* of a step */
    double *s, *r, *grad_theta; /* (layers,K) */
    float *prompts, *grad_prompts, *grad_head, *grad_modules, *grad_router;
    struct mem_keep keep;
};

/* Local. Start values: theta (layers,K), modules (layers,K,P*H), head (2,H); copied. Fields up to digest are the
 * caller's. */
status gradient_open(struct gradient *g, const float *theta, const float *modules, const float *head);
void gradient_close(struct gradient *g);

/* Run all stages, or what is left of them. ST_END: asked to stop; the snapshot is there. ST_NUMBER (reported): a loss
 * is not finite. The result is in the dev curve's best state. */
status gradient_run(struct gradient *g);

#endif

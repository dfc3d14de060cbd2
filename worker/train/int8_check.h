/* The effect of int8 products on the first examples of a run: their loss and gradients, compared with those of an
 * encoder without int8, opened only for this. Each model has its own outliers, so the effect is measured, not assumed
 * (worker/README.md, "int8"). */
#ifndef MP2_WORKER_TRAIN_INT8_CHECK_H
#define MP2_WORKER_TRAIN_INT8_CHECK_H

#include "worker/model/replica.h"
#include "worker/train/compute.h"

/* A few examples and what they are computed with. Uses compute's unit, which must be one for training. */
struct int8_check_inputs {
    const struct replica *replica;
    const char *folder; /* the encoder's */
    struct compute *compute;
    const struct assignment *assignment; /* at least one example; the first few are used */
    int32_t layers, tokens;
    const float *prompts, *head; /* (layers,P,H) of the first example's group, (2,H) */
    const struct encoder_dropout *dropout;
};

/* Plain values, can be sent as raw bytes. */
struct int8_check {
    double loss, float_loss; /* means */
    double cosine;           /* of the gradients of a layer's prompt, in the worst layer */
    int64_t layer;           /* that layer */
    double head;             /* cosine of the head's gradients */
    int64_t examples;
};

/* Local. ST_MEMORY, ST_INPUT, ST_IO (reported) if the second encoder cannot be opened. compute's results are preserved,
 * except those in its unit. */
status int8_check(const struct int8_check_inputs *in, struct int8_check *out);

#endif

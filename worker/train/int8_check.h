/* What products in int8 do to the first examples of a run: their loss and gradients beside those of an encoder without
 * int8, opened for this alone. Each model has its own outliers, so it is measured and not assumed
 * (worker/README.md, "int8"). */
#ifndef MP2_WORKER_TRAIN_INT8_CHECK_H
#define MP2_WORKER_TRAIN_INT8_CHECK_H

#include "worker/model/replica.h"
#include "worker/train/compute.h"

/* A few examples and what they are computed with. compute's unit serves; it must be one for training. */
struct int8_check_inputs {
    const struct replica *replica;
    const char *folder; /* the encoder's */
    struct compute *compute;
    const struct assignment *assignment; /* at least one example; the first few are taken */
    int32_t layers, tokens;
    const float *prompts, *head; /* (layers,P,H) of the first example's group, (2,H) */
    const struct encoder_dropout *dropout;
};

/* Plain values, fit for sending. */
struct int8_check {
    double loss, float_loss; /* means */
    double cosine;           /* of the gradients of a layer's prompt, in the worst layer */
    int64_t layer;           /* that layer */
    double head;             /* cosine of the head's gradients */
    int64_t examples;
};

/* Local. ST_MEMORY, ST_INPUT, ST_IO (reported) when the second encoder cannot be opened. What compute computed before
 * is kept, but for its unit. */
status int8_check(const struct int8_check_inputs *in, struct int8_check *out);

#endif

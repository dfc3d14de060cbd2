/* Where the time of passes through the encoder goes, thread by thread: each piece of work ends with a lap that is
 * added to its phase. Off unless a caller asks (activations_measure, unit_measure): a step then reads no clock. */
#ifndef MP2_WORKER_MODEL_PHASES_H
#define MP2_WORKER_MODEL_PHASES_H

#include "worker/model/packed_weights.h"

/* The products (enum product) are phases 0 … PRODUCT_COUNT - 1; then what lies between them. */
enum phase {
    PHASE_SCALE = PRODUCT_COUNT, /* int8: finding scales, rounding, multiplying them back */
    PHASE_GELU,                  /* forward and backward; in int8 with the scales of its input and output */
    PHASE_ATTENTION,
    PHASE_ATTENTION_BACK,
    PHASE_NORM, /* LayerNorm with dropout, residual and prompt, and the embedding */
    PHASE_NORM_BACK,
    PHASE_SUM,  /* prompt gradients, over the examples */
    PHASE_HEAD, /* head and loss, forward and backward */
    PHASE_WAIT, /* for other threads, and for what one thread does alone */
    PHASE_COUNT
};

/* One thread's. */
struct phase_times {
    _Alignas(64) double seconds[PHASE_COUNT];
    double flops[PRODUCT_COUNT]; /* of each product, 2 rows k n */
    double since;                /* clock_now of the last lap */
};

/* Local. All zero (threads), and the first lap begins. */
void phases_begin(struct phase_times *times, int threads);
/* Local, the thread's own. A lap ends. */
void phases_lap(struct phase_times *times, int phase);
/* Local. "attention"; of products "qkv", "qkv back". */
const char *phase_name(int phase);

#endif

/* The gradient of every weight of the encoder, computed from what backward passes to the sink (encoder.h: struct
 * encoder_sink), in an array laid out like the weights (flat.h). Which examples form a micro-batch affects the result:
 * a weight's gradient sums over its rows. */
#ifndef MP2_WORKER_TRAIN_ENCODER_GRADIENT_H
#define MP2_WORKER_TRAIN_ENCODER_GRADIENT_H

#include "worker/model/encoder.h"
#include "worker/model/flat.h"

/* Callbacks on the progress of a gradient; called on the thread that computes it. */
struct gradient_watch {
    void (*part)(void *arg); /* the next part (flat.h) is final */
    void (*turn)(void *arg); /* as in struct encoder_sink */
    void *arg;
};

struct encoder_gradient {
    struct encoder *e;
    const struct flat *flat;
    struct matmul *matmul; /* weight gradients: products 0 … PRODUCT_DOWN */
    int32_t rows;          /* number of rows of every micro-batch */
    /* of the micro-batch under way */
    struct pool *pool;
    const struct unit_batch *batch;
    int32_t token_type;
    float *grad;
    const struct gradient_watch *watch; /* NULL: none */
};

/* Local. For micro-batches of exactly that many rows, gaps included. */
status encoder_gradient_open(struct encoder_gradient *g, struct encoder *e, const struct flat *flat, int32_t rows,
                             int threads);
void encoder_gradient_close(struct encoder_gradient *g);

/* Local. The sink for the backward of a batch, all of whose tokens are of token_type. It writes the encoder's part of
 * grad (flat), but adds to the word table's. watch is called for layers and embeddings; NULL: none. */
status encoder_gradient_begin(struct encoder_gradient *g, struct pool *pool, const struct unit_batch *batch,
                              int32_t token_type, float *grad, const struct gradient_watch *watch,
                              struct encoder_sink *sink);

#endif

/* Gradients of weights from a micro-batch's inputs and output gradients: dW = dY^T X and db = sum of dY's rows, f32
 * sums of products of the encoder's precision. All work is cut into pieces of fixed size, so bits do not depend on the
 * number of threads. */
#ifndef MP2_WORKER_TRAIN_WEIGHT_GRADIENT_H
#define MP2_WORKER_TRAIN_WEIGHT_GRADIENT_H

#include <stdint.h>

#include "cluster/base/pool.h"
#include "worker/kernel/kernels.h"
#include "worker/model/matmul.h"

/* One product: dy (rows,n), with row stride ld, x (rows,k), both of the product's type; dw (n,k) is written. */
struct weight_piece {
    int product;
    const void *x, *dy;
    float *dw;
};

/* The product that such a piece needs. ld: row stride of dy. */
struct matmul_spec weight_product(enum number type, int64_t rows, int64_t n, int64_t k, int64_t ld);

/* A sum over rows: bias (n) += dy's rows, with row stride ld. */
struct bias_piece {
    const void *dy;
    enum number type;
    int64_t rows, n, ld;
    float *out;
};

/* A LayerNorm's parameters. */
struct norm_piece {
    struct norm norm;
    int dropped;
    const float *d_out;
    const void *xhat;
    float *gamma, *beta;
};

enum { WEIGHT_PIECES = 8 };
struct weight_work {
    const struct kernels *kernels;
    const struct matmul *matmul;
    struct weight_piece weight[WEIGHT_PIECES];
    struct bias_piece bias[WEIGHT_PIECES];
    struct norm_piece norm[WEIGHT_PIECES];
    int weights, biases, norms;
    void (*turn)(void *arg); /* as in struct encoder_sink; NULL: none */
    void *turn_arg;
};

/* Local. Compute all pieces, on all threads of the pool. */
status weight_gradient(const struct weight_work *w, struct pool *pool);

#endif

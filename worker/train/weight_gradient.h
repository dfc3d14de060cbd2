/* Gradients of weights from a micro-batch's inputs and output gradients: dW = dY^T X and db = sum of dY's rows, f32. */
#ifndef MP2_TRAIN_WEIGHT_GRADIENT_H
#define MP2_TRAIN_WEIGHT_GRADIENT_H

#include <stdint.h>

#include "cluster/base/pool.h"
#include "worker/kernel/kernels.h"

/* One product: x (rows,k), dy (rows,n) with leading dimension ld; dw (n,k) is written. */
struct weight_piece { const float *x, *dy; int64_t rows, k, n, ld; float *dw; };

/* A sum over rows: bias (n) += dy's rows. */
struct bias_piece { const void *dy; enum number type; int64_t rows; int n; float *out; };

/* A LayerNorm's parameters. */
struct norm_piece { struct norm norm; int dropped; const float *d_out; const void *xhat; float *gamma, *beta; };

enum { WEIGHT_PIECES = 8 };
struct weight_work {
    const struct kernels *kernels;
    struct weight_piece weight[WEIGHT_PIECES];
    struct bias_piece bias[WEIGHT_PIECES];
    struct norm_piece norm[WEIGHT_PIECES];
    int weights, biases, norms;
};

/* Local. All pieces, on all threads of the pool. */
void weight_gradient(const struct weight_work *w, struct pool *pool);

/* Local. x in f32: itself, or (bf16) converted into room on all threads. */
const float *weight_floats(const struct kernels *k, struct pool *pool, enum number type, int64_t n, const void *x, float *room);

#endif

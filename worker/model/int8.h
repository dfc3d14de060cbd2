/* Products in int8 over rows of a block: quantized, multiplied, dequantized (kernels.h: struct int8_scales;
 * worker/README.md, "int8"). Internal to the encoder; a failure is stored in p->failed. */
#ifndef MP2_WORKER_MODEL_INT8_H
#define MP2_WORKER_MODEL_INT8_H

#include "worker/model/pass.h"

/* Local. y (rows,n) = x (rows,k) W + b, or with a backward product x W^T; x of the encoder's precision, y as in
 * packed_weights_products. */
void int8_product(struct pass *p, int thread, int product, int32_t layer, int32_t rows, const void *x, void *y);

/* Local. y = GELU(x W_up + b_up) W_down + b_down: GELU's output is never stored as floats. y may be x. pre (rows,F):
 * receives GELU's input for backward; NULL: not stored. */
void int8_feed_forward(struct pass *p, int thread, int32_t layer, int32_t rows, const void *x, void *pre, void *y);

/* Local. d_x (rows,H) = ((d_y W_down^T) GELU'(pre)) W_up^T. */
void int8_feed_forward_back(struct pass *p, int thread, int32_t layer, int32_t rows, const void *d_y, const void *pre,
                            float *d_x);

#endif

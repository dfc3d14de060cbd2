/* Forward products of whole numbers over rows of a block: quantized, multiplied, brought back (kernels.h: struct
 * int8_scales). Inside of the encoder; a failure is kept in p->failed. */
#ifndef MP2_WORKER_MODEL_INT8_H
#define MP2_WORKER_MODEL_INT8_H

#include "worker/model/pass.h"

/* Local. y (rows,n) = x (rows,k) W + b, both of the encoder's precision. */
void int8_product(struct pass *p, int thread, int product, int32_t layer, int32_t rows, const void *x, void *y);

/* Local. y = GELU(x W_up + b_up) W_down + b_down: what lies between never becomes floats in memory. y may be x. */
void int8_feed_forward(struct pass *p, int thread, int32_t layer, int32_t rows, const void *x, void *y);

#endif

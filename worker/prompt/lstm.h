/* A bidirectional LSTM over the tokens of one layer's prompt, with a head of two linear layers and a residual sum, as
 * prompt encoders of the P-tuning family have it:
 *
 *     h = [LSTM over t = 0 … P-1, LSTM over t = P-1 … 0](x)     y = x + relu(h W1 + b1) W2 + b2
 *
 * W2 and b2 start at 0, so that y is x, to the bit, until they have moved. All of it is local and on one thread; values
 * are f32, products fused multiply-adds in a fixed order, gates in double. */
#ifndef MP2_WORKER_PROMPT_LSTM_H
#define MP2_WORKER_PROMPT_LSTM_H

#include <stddef.h>
#include <stdint.h>

#include "worker/kernel/kernels.h"

struct lstm {
    const struct kernels *kernels;
    int64_t tokens, hidden, width; /* P, H; cells of each direction, w */
};

/* Numbers of all parameters: of each direction input (H,4w), recurrent (w,4w), bias (4w), with gates in the order in,
 * forget, cell, out; then W1 (2w,2w), b1 (2w), W2 (2w,H), b2 (H). Matrices are (in, out), row-major. */
size_t lstm_parameters(const struct lstm *n);
/* Numbers that backward needs from forward; numbers that backward needs as scratch. */
size_t lstm_trace(const struct lstm *n);
size_t lstm_scratch(const struct lstm *n);

/* First values, functions of the seed: uniform in ±1/sqrt(w) in the LSTM and ±1/sqrt(2w) in W1, b1; W2 and b2 are 0. */
void lstm_init(const struct lstm *n, uint64_t seed, float *parameters);

/* y (P,H) from x (P,H); trace is filled. */
void lstm_forward(const struct lstm *n, const float *parameters, const float *x, float *trace, float *y);

/* From dy back: dx is set, the parameters' gradient is added to d_parameters. dx and dy may not overlap. */
void lstm_backward(const struct lstm *n, const float *parameters, const float *x, const float *trace, const float *dy,
                   float *scratch, float *dx, float *d_parameters);

#endif

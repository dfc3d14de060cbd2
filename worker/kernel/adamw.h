/* One AdamW update, PyTorch's arithmetic: p *= 1 - lr wd; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
 * p -= lr/c1 * m / (sqrt(v)/sqrt(c2) + eps). */
#ifndef MP2_WORKER_KERNEL_ADAMW_H
#define MP2_WORKER_KERNEL_ADAMW_H

#include <stdint.h>

/* Constant over all updates. */
struct adamw_options {
    double beta1, beta2, eps, decay;
};

/* The parameters of one update. */
struct adamw {
    double lr, beta1, beta2, eps, decay;
    double correction1, correction2; /* 1 - beta1^t, 1 - beta2^t */
    double scale;                    /* the gradient is first multiplied by it; 0: unscaled */
};

/* Local. Update number `count` (t, from 1) at a learning rate. */
struct adamw adamw_at(double rate, const struct adamw_options *o, int64_t count);

#endif

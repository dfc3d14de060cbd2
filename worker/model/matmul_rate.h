/* How fast this machine multiplies matrices, as a reference for a run's own rate. */
#ifndef MP2_WORKER_MODEL_MATMUL_RATE_H
#define MP2_WORKER_MODEL_MATMUL_RATE_H

#include "worker/model/matmul.h"

/* Local. Total FLOP/s of all threads of the pool, each running all products of m in turn, MATMUL_ROWS rows at a time;
 * the best of several trials, a tenth of a second in total. `mp2 bench gemm` measures more carefully. */
status matmul_rate(const struct matmul *m, struct pool *pool, double *flops_per_second);
/* Local. The same by the CPU time of the thread that needs most of it: what the clock would say if nobody else used the
 * cores. For comparisons on a machine that may have other work. */
status matmul_rate_cpu(const struct matmul *m, struct pool *pool, double *flops_per_second);

#endif

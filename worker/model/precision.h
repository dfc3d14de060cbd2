/* What `machine.precision: auto` means on a machine that supports both: on some CPUs bf16 is twice as fast as f32, on
 * others half as fast. */
#ifndef MP2_WORKER_MODEL_PRECISION_H
#define MP2_WORKER_MODEL_PRECISION_H

#include "cluster/base/pool.h"
#include "cluster/comm/comm.h"
#include "worker/model/encoder.h"

/* FLOP/s of the slowest worker in the products of an encoder; 0: not measured. */
struct precision_rates {
    double f32, bf16;
};

/* Collective. Time both, on all workers at once; the same result on all ranks. options: their precision is ignored;
 * pool: a worker's. Takes a fraction of a second for small encoders, a second or two for large ones. */
status precision_measure(struct comm *c, const struct model_config *config, const struct encoder_options *options,
                         struct pool *pool, struct precision_rates *out);

/* Local. bf16 uses half the memory: f32 is chosen only if it is a tenth faster. */
enum number precision_choose(const struct precision_rates *rates);

#endif

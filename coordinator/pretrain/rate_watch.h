/* Is the machine's rate of products, measured at the start, still plausible? If other work ran at the start, the rate
 * measured is too low, and the run would show, say, 157 % of it forever. If steps are faster than the rate, it is
 * measured again; if that does not help, the rate that steps reach replaces it. */
#ifndef MP2_COORDINATOR_PRETRAIN_RATE_WATCH_H
#define MP2_COORDINATOR_PRETRAIN_RATE_WATCH_H

#include <stdint.h>

struct rate_watch {
    double limit;   /* FLOP/s of all workers' products */
    double reached; /* rate of the steps, smoothed; 0: no step yet */
    int64_t wait;   /* steps until it may be measured again */
    int vain;       /* measurements in a row that left the rate below what steps reach */
};

/* Local, coordinator. A step of `flops` FLOPs took `seconds`. Returns 1: measure before the next step. */
int rate_watch_step(struct rate_watch *w, double flops, double seconds);

/* Local. The rate was measured again. Returns the rate that is valid from now on. */
double rate_watch_measured(struct rate_watch *w, double rate);

#endif

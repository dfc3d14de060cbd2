/* Is the rate of the machine's own products, measured at the start, still believable? A run that began beside other
 * work measured too little, and would show 157 % of it for ever. When steps are faster than the rate, it is measured
 * again; when that does not help, what steps reach is the rate. */
#ifndef MP2_COORDINATOR_PRETRAIN_RATE_WATCH_H
#define MP2_COORDINATOR_PRETRAIN_RATE_WATCH_H

#include <stdint.h>

struct rate_watch {
    double limit;   /* FLOP/s of all workers' products */
    double reached; /* by steps, smoothed; 0: no step yet */
    int64_t wait;   /* steps until it may be measured again */
    int vain;       /* measurements in a row that left the rate below what steps reach */
};

/* Local, coordinator. A step of so many FLOPs took so many seconds. 1: measure before the next step. */
int rate_watch_step(struct rate_watch *w, double flops, double seconds);

/* Local. It was measured again. Returns the rate that holds from now on. */
double rate_watch_measured(struct rate_watch *w, double rate);

#endif

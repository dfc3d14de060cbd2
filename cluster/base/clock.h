/* The time, in seconds. */
#ifndef MP2_CLUSTER_BASE_CLOCK_H
#define MP2_CLUSTER_BASE_CLOCK_H

#include <stdint.h>

/* Local. Since some point in the past; never jumps: for differences. */
double clock_now(void);
int64_t clock_ns(void); /* the same in nanoseconds */
/* Local. Since 1970 UTC by the machine's clock, which may jump: for people and files. */
double clock_unix(void);
/* Local. CPU time of all threads of this process together. */
double clock_cpu(void);
/* Local. CPU time of the calling thread. */
double clock_thread(void);

#endif

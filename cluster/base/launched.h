/* What `mp2 launch` tells the processes that it starts: which epoch of the run they are (an epoch: a period of constant
 * membership, one mpirun). Without it there is none. */
#ifndef MP2_CLUSTER_BASE_LAUNCHED_H
#define MP2_CLUSTER_BASE_LAUNCHED_H

#include <stdint.h>

#define LAUNCHED_EPOCH "MP2_LAUNCH_EPOCH" /* environment: the epoch's number, from 1 */
#define LAUNCHED_RUN "MP2_LAUNCH_RUN"     /* environment: the run's folder, absolute */

/* The supervisor's own corner of a run folder. */
#define LAUNCH_FOLDER "launch"

/* Local. This process's epoch; 0: not started by mp2 launch. */
uint64_t launched_epoch(void);

#endif

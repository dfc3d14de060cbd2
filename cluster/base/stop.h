/* A request to stop cleanly: SIGUSR1 sets one flag, looked at between steps and between the rounds of an evaluation.
 * mpirun hands the signal on to every rank; where one alone gets it, the others know from the next comm_agree on. */
#ifndef MP2_CLUSTER_BASE_STOP_H
#define MP2_CLUSTER_BASE_STOP_H

#include <stdint.h>

#include "cluster/base/status.h"

/* Local. From now on SIGUSR1 asks for an orderly end instead of killing the process. */
status stop_install(void);
/* Local, any thread. */
int stop_requested(void);
/* Local. As if the signal had come: for commands that find another reason to end in order. */
void stop_request(void);

/* Local. From now on SIGTERM adds STOP_TERMINATED to the eventfd fd, so that a thread can publish a final message and
 * then end the process by stop_terminate; fd -1: SIGTERM ends the process at once again. */
#define STOP_TERMINATED ((uint64_t)1 << 32)
status stop_tell_terminated(int fd);
/* Local. What SIGTERM would have done. */
void stop_terminate(void);

#endif

/* The wish to end in order: SIGUSR1 (mpirun hands it on to every rank) sets one flag, looked at between steps. */
#ifndef MP2_BASE_STOP_H
#define MP2_BASE_STOP_H

#include "cluster/base/status.h"

/* Local. From now on SIGUSR1 asks for an orderly end instead of killing the process. */
status stop_install(void);
/* Local, any thread. */
int stop_requested(void);
/* Local. As if the signal had come: for commands that find another reason to end in order. */
void stop_request(void);

#endif

/* `mp2 launch`: keeps a run going. One process without MPI; it starts one mpirun an epoch, on the hosts that may be
 * used then, watches it, ends what does not get on, and starts the next one, which goes on where the run's folder
 * stands.
 *
 *     hosts (source) --> roster: settle, drain, quarantine --> desired
 *     epoch under way: desired is another?  --> ask it to stop in order, next epoch
 *                      overdue (pulse)      --> end it, next epoch
 *                      ended (verdict)      --> over, next epoch, or back off and try again
 * Membership changes at step boundaries alone: an epoch is asked to stop as `mp2 stop` does. */
#ifndef MP2_COORDINATOR_LAUNCH_SUPERVISOR_H
#define MP2_COORDINATOR_LAUNCH_SUPERVISOR_H

#include <stdint.h>

#include "cluster/base/status.h"

struct launch_config {
    const char *hosts, *discover, *rsh, *mpirun, *mpi;
    int64_t min, max, retries, strikes;
    double poll, settle, hang, first, cool_down;
};

struct launch_run {
    const char *folder;       /* of the run, absolute */
    const char *command;      /* pretrain, mlm, tune, report */
    const char *const *words; /* of every rank: program, command, …; NULL at the end */
    int steady;               /* 1: steps take alike; 0: phases differ too much for the median to judge */
};

/* Local. Until the run is over, was stopped, or failed for good; *exit_status is then what `mp2 launch` ends with.
 * ST_INPUT (reported): another supervisor has the run. */
status supervisor_run(const struct launch_config *config, const struct launch_run *run, int *exit_status);

#endif

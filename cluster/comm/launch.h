/* How this process was started: by mpirun, by srun with PMIx, or by nobody who knows of MPI. Open MPI takes a wrong
 * start for one rank, or ends the process with a page of text; here it is told apart before and after MPI_Init. Local.
 */
#ifndef MP2_CLUSTER_COMM_LAUNCH_H
#define MP2_CLUSTER_COMM_LAUNCH_H

#include "cluster/base/status.h"

/* Before MPI_Init. Sets variables of Open MPI that the user has not set: what would be done for nothing, and, without a
 * launcher, that this is one process, whatever Slurm's variables make of it. ST_USAGE when srun started several
 * processes that would not know of each other; the first of them reports it. */
status launch_prepare(void);

/* After MPI_Init. size: ranks that MPI found. ST_USAGE when the launcher started more (it belongs to another MPI); the
 * first of them reports it. */
status launch_confirm(int size);

/* Before mpirun takes this process's place. Variables for the installed Open MPI, none of which replaces one of the
 * user's: more ranks than cores, threads not bound to one core, root where this is root. one_host: ranks need no
 * network.
 */
void launch_ease_mpirun(int one_host);

#endif

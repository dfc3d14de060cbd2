/* One epoch: an mpirun as a child process, its words, its end, and what it says about ranks and daemons that it lost.
 * Its standard output is ours; its standard error goes through us line by line. */
#ifndef MP2_COORDINATOR_LAUNCH_EPOCH_H
#define MP2_COORDINATOR_LAUNCH_EPOCH_H

#include <stdint.h>
#include <sys/types.h>

#include "coordinator/launch/hosts.h"

struct epoch_plan {
    const char *mpirun;       /* program */
    const char *flags;        /* the user's, more words for mpirun; "" */
    const char *rsh;          /* remote shell; "": mpirun's own choice */
    const char *run;          /* folder, absolute */
    const char *const *words; /* what every rank runs: program, command, …; NULL at the end */
    int alone;                /* 1: all hosts are named here, whatever a batch system says */
};

struct epoch {
    uint64_t number;
    struct hosts hosts;
    pid_t pid;  /* 0: none is under way */
    int errors; /* read end of its standard error; -1 */
    int status; /* waitpid's, once it has ended */
    char line[1024];
    size_t line_bytes;
    /* What mpirun said; -1 and "": nothing */
    int lost_rank, lost_signal;
    char lost_node[HOST_BYTES];   /* of the rank */
    char lost_daemon[HOST_BYTES]; /* a node whose daemon is gone */
};

/* Local. The words of mpirun as a list that ends with NULL; one block, mem_free. */
status epoch_words(const struct epoch_plan *plan, const struct hosts *hosts, uint64_t number, char ***words);

/* Local. What the measured flags say by environment (cluster/README.md, "Running on MPI"), where the user has not set
 * it already: for all that is started from now on. */
status epoch_environment(void);

/* Local. Start it; hosts are copied. When this process dies, mpirun gets SIGTERM. */
status epoch_start(const struct epoch_plan *plan, const struct hosts *hosts, uint64_t number, struct epoch *e);
/* Local. Pass its messages on and look at them. */
void epoch_read(struct epoch *e);
/* Local. 1: it has ended, e->status tells how; pid is 0 then. */
int epoch_ended(struct epoch *e);
void epoch_signal(const struct epoch *e, int signal_number);
/* Local. The host of a rank, -1: no such rank. Rank 0 and the first workers are on the first host. */
int epoch_host_of(const struct epoch *e, uint32_t rank);
void epoch_fini(struct epoch *e);

/* Local. Processes of this machine that an earlier epoch of the run left behind are killed: ranks outlive a killed
 * mpirun, for ever when they are stopped. Returns how many. */
int epoch_sweep(const char *run, uint64_t number);

#endif

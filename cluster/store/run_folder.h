/* The folder of a run, as the coordinator keeps it:
 *     config.resolved.yaml   every option with its value
 *     journal/               committed steps since the oldest kept checkpoint
 *     step-N/ …              checkpoints; latest and best are links to two of them
 *     metrics.jsonl          what a plot needs
 *     run.lock               held while a coordinator writes; its text says which process on which host
 *     stop                   `mp2 stop` asks the run to end after the step under way
 * Only one writer: run.lock is locked with the kernel (fcntl), so a dead process leaves no lock behind. */
#ifndef MP2_CLUSTER_STORE_RUN_FOLDER_H
#define MP2_CLUSTER_STORE_RUN_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

enum { RUN_FOLDER_PATH_BYTES = 4000 };

/* Of `mp2 launch`: held while a supervisor is at work; asks it to end with the run. */
#define RUN_FOLDER_LAUNCH_LOCK "launch/lock"
#define RUN_FOLDER_LAUNCH_STOP "launch/stop"

enum run_folder_mode {
    RUN_FOLDER_NEW,    /* must hold no run yet */
    RUN_FOLDER_RESUME, /* must hold one */
    RUN_FOLDER_EITHER
};

struct run_folder {
    char path[RUN_FOLDER_PATH_BYTES];
    int lock;         /* file descriptor; -1: closed */
    int existed;      /* a run was here before (a checkpoint or a journal) */
    int64_t asked_ns; /* when the stop file was looked for last */
    int stop_seen;
};

/* Local (coordinator). Make or take the folder, lock it, remove what an interrupted writer left (*.part, an old stop
 * request). ST_INPUT (reported) when the mode does not fit, or another process has it: pid and host are named. wait_ms:
 * how long to wait for another process to let go. */
status run_folder_open(const char *path, enum run_folder_mode mode, int wait_ms, struct run_folder *out);
void run_folder_close(struct run_folder *run); /* removes the stop request that was followed; harmless when closed */

/* Local. Lock a file, made when missing, for this process's life or until *lock is closed; its text says who has it.
 * ST_INPUT (reported: what, pid and host) when somebody else has it after wait_ms. */
status run_folder_lock(const char *path, const char *what, int wait_ms, int *lock);
/* Local. 1: some process holds that lock of the run in path. */
int run_folder_is_held(const char *path, const char *lock);

/* Local. config.resolved.yaml: written when new. When there is one, the caller has compared digests and may replace
 * it. */
status run_folder_save_config(const struct run_folder *run, const char *text, size_t bytes);

/* Local. Has `mp2 stop` asked, or SIGUSR1 (cluster/base/stop.h)? Looks at most every 200 ms; cheap to call after every
 * step. run NULL: there is no folder to look into. */
int run_folder_stop_asked(struct run_folder *run);

/* Local, by another process (mp2 stop): ask the run in path, and a supervisor that keeps it going, to stop; wait up to
 * wait_ms for both to end (0: do not wait). ST_INPUT when no run is going there; *ended tells whether it did. */
status run_folder_ask_stop(const char *path, int wait_ms, int *ended);

/* Local. Compare what a run will need with what is free in its file system: ST_IO (reported) when it cannot fit, a
 * warning in the log when it would take more than nine tenths. */
status run_folder_check_room(const char *path, uint64_t bytes);

#endif

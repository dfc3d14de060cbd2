/* A thread that makes what was appended to a file durable (fdatasync) while its caller goes on. Between them is a queue
 * of (step, number) of the records that are written but not durable yet, under one lock:
 *
 *     caller: write, flusher_add.   thread: take the queue's last number, fdatasync, drop what it covers, wake waiters.
 *
 * A failed fdatasync is final: the system may have thrown the pages away, and what the disk holds is known only when
 * the file is opened again. Every call then gives its errno. Internal to the journal; one thread calls. */
#ifndef MP2_CLUSTER_STORE_FLUSHER_H
#define MP2_CLUSTER_STORE_FLUSHER_H

#include <stdint.h>

#include "cluster/base/status.h"

struct flusher;

/* Where a file stands: its last record's number and step (0: none), all of it durable. */
struct flushed {
    int fd, mirror_fd; /* mirror_fd: of a second copy that is made durable with it; -1: none */
    uint64_t step, number;
};

/* Local. interval_ms: how long a record may wait (0: it is made durable as soon as it is added). The files stay
 * the caller's. */
status flusher_new(int interval_ms, const struct flushed *file, struct flusher **out);
/* Local. The thread makes durable what is left, and has ended when this returns; NULL is allowed. */
void flusher_destroy(struct flusher **flusher);

/* Local. Before a record is written: *why 0, room for it in the queue, and the newest durable record's number; or the
 * errno of a failure before. ST_MEMORY (reported). */
status flusher_admit(struct flusher *f, uint64_t *durable, int *why);
/* Local. It is written. Cannot fail. */
void flusher_add(struct flusher *f, uint64_t step, uint64_t number);

/* Local. Block until all records of steps <= step are durable; asks for it now, whatever the interval. 0 or an errno.
 */
int flusher_wait(struct flusher *f, uint64_t step);
/* Local, any thread. All records up to this step are durable. */
uint64_t flusher_step(struct flusher *f);

/* Local. The errno of the mirror's failed fdatasync, 0: none; it is not touched any more then. Give it up. */
int flusher_mirror_failure(struct flusher *f);
void flusher_drop_mirror(struct flusher *f);

/* Local. Only while nothing is waiting: go on with another file; or refuse all that follows, with this errno. */
void flusher_switch(struct flusher *f, const struct flushed *file);
void flusher_refuse(struct flusher *f, int why);

#endif

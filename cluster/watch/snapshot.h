/* Answers of the snapshot socket: the Clone pattern's server side. A request says what the asker has; it gets what came
 * after that when it is still at hand, the whole picture otherwise. The whole picture is built at most once a second
 * and shared by all who ask meanwhile; askers beyond a rate are not answered and ask again. */
#ifndef MP2_CLUSTER_WATCH_SNAPSHOT_H
#define MP2_CLUSTER_WATCH_SNAPSHOT_H

#include <stdint.h>
#include <zmq.h>

#include "cluster/watch/history.h"

struct snapshot {
    zmq_msg_t whole;
    int has_whole;
    uint64_t order; /* of the history when it was built */
    double built;   /* monotonic seconds */
    double tokens, filled;
};

enum snapshot_outcome { SNAPSHOT_NONE, SNAPSHOT_ANSWERED, SNAPSHOT_REFUSED };

/* Local. Take one request from the ROUTER socket, if there is one, and answer it. sent: the last sequence number
 * sent. */
enum snapshot_outcome snapshot_answer(struct snapshot *s, void *router, const struct history *h, uint64_t epoch,
                                      uint64_t sent);

/* Local. A packed Snapshot of the entries, as a message. */
status snapshot_pack(const struct history_entry *entries, size_t count, uint64_t epoch, uint64_t sequence, int complete,
                     zmq_msg_t *out);

/* Local. Read a request; 0 when the bytes are none. */
int snapshot_parse(const void *bytes, size_t size, uint64_t *epoch, uint64_t *sequence);

void snapshot_fini(struct snapshot *s);

#endif

/* Follows one publisher: SUB for the stream, DEALER for snapshots, repair.h for the rest. One thread. */
#ifndef MP2_CLUSTER_WATCH_FOLLOW_H
#define MP2_CLUSTER_WATCH_FOLLOW_H

#include "cluster/watch/address.h"
#include "cluster/watch/curve.h"
#include "cluster/watch/repair.h"

struct follow;

enum follow_state {
    FOLLOW_CONNECTING, /* nothing heard yet */
    FOLLOW_LIVE,
    FOLLOW_SILENT /* no heartbeat for 5 seconds: ended, cut off, or the keys are wrong */
};

struct follow_keys {
    struct curve_pair own;
    char server[CURVE_KEY];
};

/* Local. keys NULL: no CURVE. Nothing is waited for. */
status follow_open(const struct address *at, const struct follow_keys *keys, const struct repair_sink *sink,
                   struct follow **out);
void follow_close(struct follow **follow);

/* Local. Take what arrives within so many milliseconds; returns early after a batch. */
status follow_wait(struct follow *f, int milliseconds);

/* Local. Now: a stream that has not been heard for a while is silent. */
enum follow_state follow_state(const struct follow *f);
/* Local. 1 when everything was handed on that had been posted when we began to listen. */
int follow_complete(const struct follow *f);
void follow_stats(const struct follow *f, struct repair_stats *out);

#endif

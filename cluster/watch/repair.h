/* The subscriber's half of the Clone pattern, without sockets: it takes what arrives (in any state of loss, repetition,
 * restart) and hands on every message once and in order, or a new whole picture. Epochs are told apart, never compared,
 * and no clock is read, so clocks may jump as they like. */
#ifndef MP2_CLUSTER_WATCH_REPAIR_H
#define MP2_CLUSTER_WATCH_REPAIR_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

/* Who gets the messages. reset: forget everything, a whole picture follows. bytes is m packed. Both may be called by
 * repair_take and repair_snapshot only. */
struct repair_sink {
    void *arg;
    void (*reset)(void *arg);
    void (*message)(void *arg, const Mp2__Progress *m, const unsigned char *bytes, size_t size);
};

struct repair;

struct repair_stats {
    uint64_t delivered; /* messages handed on, heartbeats not counted */
    uint64_t gaps;      /* found */
    uint64_t pictures;  /* whole ones taken */
    uint64_t garbage;   /* what was no message, or of a newer version */
};

/* Local. sink is copied; ST_MEMORY (reported). */
status repair_new(const struct repair_sink *sink, struct repair **out);
void repair_destroy(struct repair **repair);

/* Local. A message from the stream. */
status repair_take(struct repair *r, const unsigned char *bytes, size_t size);

/* Local. An answer of the snapshot socket. */
status repair_snapshot(struct repair *r, const unsigned char *bytes, size_t size);

/* Whether a snapshot is needed; the request to send, packed (at most 64 bytes), its size in *size. */
int repair_wants(const struct repair *r, unsigned char request[64], size_t *size);

/* Whether everything was handed on that the publisher had posted when its first heartbeat was heard. A picture alone is
 * not enough: it may be a second old. */
int repair_complete(const struct repair *r);

void repair_stats(const struct repair *r, struct repair_stats *out);

#endif

/* The publisher: a thread that sends messages to whoever listens and answers snapshot requests (the zguide's Clone
 * pattern). It drops messages: our ring pushes out the oldest, counted; ZeroMQ's queue of a slow subscriber (64
 * messages) loses the newest, uncounted. Subscribers see the gap in the sequence numbers and ask for a snapshot. Nobody
 * who watches, slowly, wrongly or not at all, can delay publisher_post. The ring is sent in batches 200 ms apart: a
 * message after a pause at once, those of fast steps together, so that many subscribers cost few calls of the kernel.
 * Only a ring that is half full does not wait. About 2,000 messages a second pass; of more, the oldest are dropped.
 *
 * Sockets: PUB at address, ROUTER one port higher. Loopback needs no keys; any other address needs CURVE: the server's
 * secret key file and a file with the clients' public keys (made by `mp2-monitor keygen`). */
#ifndef MP2_CLUSTER_WATCH_PUBLISH_H
#define MP2_CLUSTER_WATCH_PUBLISH_H

#include <stdint.h>

#include "cluster/base/options.h"
#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

/* The options of watching; the rows for a command's option table are below. */
struct watch_config {
    const char *listen;     /* "host:port", port 0: any free one; "": no publisher */
    const char *server_key; /* file; "" */
    const char *allowed;    /* file; "" */
};

/* clang-format off */
#define WATCH_OPTIONS(type, field)                                                                                     \
    TEXT_OPTION("watch.listen", offsetof(type, field.listen), "127.0.0.1:0", PLACEMENT,                                \
                "where the progress stream is published, host:port (snapshots: the next port); port 0 takes a free "   \
                "pair, written to RUN/stream; empty for no stream; other than loopback needs keys"),                   \
    TEXT_OPTION("watch.server_key", offsetof(type, field.server_key), "", PLACEMENT,                                   \
                "secret key file of the stream (mp2-monitor keygen)"),                                                 \
    TEXT_OPTION("watch.allowed", offsetof(type, field.allowed), "", PLACEMENT,                                         \
                "file with the public keys of the monitors that may follow, one a line")

struct publisher;

struct publisher_stats {
    uint64_t posted;     /* messages given */
    uint64_t dropped;    /* of these, pushed out of the ring unsent */
    uint64_t batches;    /* in which the others were sent */
    uint64_t snapshots;  /* answered */
    uint64_t refused;    /* failed handshakes, garbage, too many requests */
};

/* Local. Created means ready: the thread runs and both sockets are bound (or, where the port is still taken by a
 * process on its way out, are tried again every second). ST_INPUT for an address that is no host:port, keys that are
 * missing, wrong or readable by others. folder: the run folder that gets the file `stream` with the addresses; NULL:
 * none. */
status publisher_new(const struct watch_config *config, const char *name, const char *folder, struct publisher **out);

/* Sends what the ring still holds, waits at most a second for it to leave, ends the thread; destroyed means gone. */
void publisher_destroy(struct publisher **publisher);

/* Local, any thread, wait-free: packs a copy into the ring, filling in version, epoch and sequence of the envelope (the
 * message itself gets them too). Never fails: a message that cannot be kept counts as dropped. */
void publisher_post(struct publisher *publisher, Mp2__Progress *message);

/* Local. A message of an earlier life of the run (read back from its metrics file), for the picture that snapshots
 * show, not sent. Before the first publisher_post only. */
void publisher_preload(struct publisher *publisher, const Mp2__Progress *message);

/* Local, any thread. The counts so far. */
void publisher_stats(const struct publisher *publisher, struct publisher_stats *out);

/* The bound addresses, e.g. "tcp://127.0.0.1:40001"; "" while not bound. Live as long as the publisher. */
const char *publisher_address(struct publisher *publisher);
const char *publisher_snapshot_address(struct publisher *publisher);

#endif

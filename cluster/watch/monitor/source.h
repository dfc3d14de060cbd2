/* Where a run is watched: the address of its publisher, or its folder. A folder is read from its metrics file (that is
 * all of a finished run, and needs no ZeroMQ); while it names a publisher that answers, its stream is followed, and
 * when that falls silent the file is read again: it knows best. One thread. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_SOURCE_H
#define MP2_CLUSTER_WATCH_MONITOR_SOURCE_H

#include "cluster/watch/follow.h"

struct source;

enum source_state {
    SOURCE_CONNECTING, /* an address that has not answered yet */
    SOURCE_LIVE,       /* the stream is heard */
    SOURCE_SILENT,     /* a publisher, known by address or from the folder, does not answer any more */
    SOURCE_FILE        /* a folder's metrics file, read to its end; nobody publishes */
};

/* Local. spec: "host:port", "tcp://host:port", or a folder. keys: NULL for none; outlive the source.
 * ST_INPUT: neither; a folder without a metrics file and without a publisher. */
status source_open(const char *spec, const struct follow_keys *keys, const struct repair_sink *sink,
                   struct source **out);
void source_close(struct source **source);

/* Local. Hand on what arrives within so many milliseconds. */
status source_wait(struct source *s, int milliseconds);

/* Local. The state now, the counts so far, what the source was named by (lives as long as the source). */
enum source_state source_state(const struct source *s);
const char *source_state_text(enum source_state state);
/* Local. *all: everything that is known was handed on: the file to its end where nobody publishes, else all
 * that had been posted when we began to listen. ST_INPUT (reported) when an address has not answered within 5 seconds.
 */
status source_read_all(const struct source *s, int *all);
void source_stats(const struct source *s, struct repair_stats *out);
const char *source_spec(const struct source *s);

#endif

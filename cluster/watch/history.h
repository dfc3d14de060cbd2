/* The picture of a run: enough of its messages, in packed form, to draw everything again, in bounded memory. The
 * publisher keeps one to answer snapshot requests; a monitor keeps one per run and builds it from snapshot and stream:
 * the same code, so both converge to the same picture.
 *   run                 the first of an epoch (it has the configuration and the tasks) and the latest
 *   step, eval, router  an evenly thinned series (every 2^k-th) and the latest
 *   task                the latest per task
 *   worker              the latest per rank, and every change of state (the newest 2,000)
 *   checkpoint, event   the newest
 *   stream              the latest
 * Not thread-safe: one owner, or the owner's lock. */
#ifndef MP2_CLUSTER_WATCH_HISTORY_H
#define MP2_CLUSTER_WATCH_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

struct history;

/* A kept message. order: 1, 2, … in the order of arrival, over all topics; later entries may replace earlier ones. */
struct history_entry {
    uint64_t order, sequence, epoch;
    Mp2__Progress__BodyCase topic;
    size_t size;
    const unsigned char *bytes; /* packed Progress */
};

/* Local. An empty one; ST_MEMORY (reported). Destroying NULL is harmless. */
status history_new(struct history **out);
void history_destroy(struct history **history);

/* Local. Forget everything except the count of orders, so that readers asking "after order n" see the new picture. */
void history_clear(struct history *history);

/* Local. Keep a message (copied). message is bytes unpacked; too large ones (over 4 MiB) are not kept. */
status history_add(struct history *history, const Mp2__Progress *message, const unsigned char *bytes, size_t size);

/* Local. All kept messages with an order above `after`, oldest first; *entries is freed by mem_free, the bytes are the
 * history's and live until its next change. */
status history_list(const struct history *history, uint64_t after, struct history_entry **entries, size_t *count);

/* Local. The messages (raw, unthinned) with sequence numbers above `sequence` of this epoch, when all are still at
 * hand: *known = 0 when not (ask for the whole picture then). */
status history_since(const struct history *history, uint64_t epoch, uint64_t sequence, struct history_entry **entries,
                     size_t *count, int *known);

uint64_t history_order(const struct history *history); /* of the newest message, 0 when none */
size_t history_bytes(const struct history *history);

#endif

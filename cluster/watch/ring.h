/* The publisher's ring: packed messages on their way from the step loop to the publisher's thread. A full ring pushes
 * out the oldest. Wait-free for the giver: a slot is one atomic exchange, whoever holds it owns the item; no lock that
 * a descheduled reader could keep. Any number of givers, one taker. */
#ifndef MP2_CLUSTER_WATCH_RING_H
#define MP2_CLUSTER_WATCH_RING_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct ring;

struct ring_item {
    uint64_t sequence; /* given by the ring's user, from 1, each once */
    int topic;
    size_t size;
    unsigned char bytes[];
};

/* Local. slots: at most so many items wait; limit: nor more bytes than this together. */
status ring_new(size_t slots, size_t limit, struct ring **out);
void ring_destroy(struct ring **ring);

/* Local. An item of so many bytes, freed by mem_free; consumed by ring_push. */
status ring_item_new(size_t size, struct ring_item **out);

/* Wait-free. Takes *item (sets it to NULL); returns how many items were pushed out for it. */
uint64_t ring_push(struct ring *ring, struct ring_item **item);

/* All that waits, in order of their sequence, at most `slots` items into out (room for so many); the caller frees
 * them. */
size_t ring_drain(struct ring *ring, struct ring_item **out);

#endif

/* Item number n goes to slot n % slots; what still lies there is the oldest and is dropped. The taker empties all slots
 * and sorts: givers may lap it meanwhile, order comes from the sequence numbers alone. */
#include "cluster/watch/ring.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "cluster/base/memory.h"

struct ring {
    size_t slots, limit;
    atomic_size_t bytes;
    _Atomic(struct ring_item *) *slot;
};

status ring_new(size_t slots, size_t limit, struct ring **out)
{
    struct ring *r;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *r, &r));
    s = mem_alloc(slots, sizeof *r->slot, &r->slot);
    if (s != ST_OK) {
        mem_free(r);
        return s;
    }
    r->slots = slots;
    r->limit = limit;
    *out = r;
    return ST_OK;
}

void ring_destroy(struct ring **ring)
{
    struct ring *r = *ring;

    if (!r) return;
    for (size_t i = 0; i < r->slots; i++) mem_free(atomic_exchange(&r->slot[i], NULL));
    mem_free(r->slot);
    mem_free(r);
    *ring = NULL;
}

status ring_item_new(size_t size, struct ring_item **out)
{
    TRY(mem_alloc(1, sizeof **out + size, out));
    (*out)->size = size;
    return ST_OK;
}

/* Take what lies in a slot; NULL when it is empty. */
static struct ring_item *take_slot(struct ring *r, size_t i)
{
    struct ring_item *item = atomic_exchange_explicit(&r->slot[i], NULL, memory_order_acq_rel);

    if (item) atomic_fetch_sub_explicit(&r->bytes, item->size, memory_order_relaxed);
    return item;
}

uint64_t ring_push(struct ring *r, struct ring_item **item)
{
    struct ring_item *mine = *item, *old;
    size_t at = (size_t)(mine->sequence % r->slots);
    uint64_t dropped = 0;

    *item = NULL;
    if (mine->size > r->limit) {
        mem_free(mine);
        return 1;
    }
    /* From the oldest on (the slot after ours) until the new one fits. */
    atomic_fetch_add_explicit(&r->bytes, mine->size, memory_order_relaxed);
    for (size_t i = 1; i < r->slots && atomic_load_explicit(&r->bytes, memory_order_relaxed) > r->limit; i++) {
        old = take_slot(r, (at + i) % r->slots);
        dropped += old != NULL;
        mem_free(old);
    }
    old = atomic_exchange_explicit(&r->slot[at], mine, memory_order_acq_rel);
    if (old) {
        atomic_fetch_sub_explicit(&r->bytes, old->size, memory_order_relaxed);
        dropped++;
        mem_free(old);
    }
    return dropped;
}

static int by_sequence(const void *a, const void *b)
{
    uint64_t x = (*(struct ring_item *const *)a)->sequence, y = (*(struct ring_item *const *)b)->sequence;

    return (x > y) - (x < y);
}

size_t ring_drain(struct ring *r, struct ring_item **out)
{
    size_t n = 0;

    for (size_t i = 0; i < r->slots; i++) {
        out[n] = take_slot(r, i);
        n += out[n] != NULL;
    }
    qsort(out, n, sizeof *out, by_sequence);
    return n;
}

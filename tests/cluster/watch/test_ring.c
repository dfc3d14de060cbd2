/* The ring under a slow taker and several givers: nothing lost uncounted, nothing twice, order kept, memory bounded. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "cluster/base/memory.h"
#include "cluster/watch/ring.h"

enum { SLOTS = 64, GIVERS = 3, EACH = 20000 };

struct shared {
    struct ring *ring;
    atomic_uint_fast64_t sequence, dropped;
};

static uint64_t push(struct ring *ring, uint64_t sequence, size_t size)
{
    struct ring_item *item;
    uint64_t dropped;

    assert_int_equal(ring_item_new(size, &item), ST_OK);
    item->sequence = sequence;
    dropped = ring_push(ring, &item);
    assert_null(item);
    return dropped;
}

static void oldest_go_first(void **state)
{
    struct ring_item *out[SLOTS];
    struct ring *ring;
    uint64_t dropped = 0;
    (void)state;

    assert_int_equal(ring_new(SLOTS, 1 << 20, &ring), ST_OK);
    for (uint64_t i = 1; i <= 100; i++) dropped += push(ring, i, 10);
    assert_int_equal(dropped, 100 - SLOTS);
    assert_int_equal(ring_drain(ring, out), SLOTS);
    for (size_t i = 0; i < SLOTS; i++) {
        assert_int_equal(out[i]->sequence, 100 - SLOTS + 1 + i);
        mem_free(out[i]);
    }
    assert_int_equal(ring_drain(ring, out), 0);
    ring_destroy(&ring);
}

static void bytes_are_bounded(void **state)
{
    struct ring_item *out[SLOTS];
    struct ring *ring;
    uint64_t dropped = 0;
    size_t n;
    (void)state;

    assert_int_equal(ring_new(SLOTS, 1000, &ring), ST_OK);
    for (uint64_t i = 1; i <= 20; i++) dropped += push(ring, i, 300);
    dropped += push(ring, 21, 5000); /* never fits */
    n = ring_drain(ring, out);
    assert_int_equal(n, 3);
    assert_int_equal(dropped, 21 - 3);
    assert_int_equal(out[2]->sequence, 20);
    for (size_t i = 0; i < n; i++) mem_free(out[i]);
    ring_destroy(&ring);
}

static void *give(void *arg)
{
    struct shared *s = arg;

    for (int i = 0; i < EACH; i++) {
        struct ring_item *item;
        if (ring_item_new(8, &item) != ST_OK) return NULL;
        item->sequence = atomic_fetch_add(&s->sequence, 1) + 1;
        atomic_fetch_add(&s->dropped, ring_push(s->ring, &item));
    }
    return NULL;
}

static void givers_and_taker(void **state)
{
    struct shared s = {.ring = NULL};
    struct ring_item *out[SLOTS];
    unsigned char *seen;
    pthread_t givers[GIVERS];
    uint64_t taken = 0, last;
    int running = 1;
    (void)state;

    assert_int_equal(ring_new(SLOTS, 1 << 20, &s.ring), ST_OK);
    assert_int_equal(mem_alloc(GIVERS * EACH + 1, 1, &seen), ST_OK);
    for (int i = 0; i < GIVERS; i++) assert_int_equal(pthread_create(&givers[i], NULL, give, &s), 0);
    while (running) {
        size_t n;
        running = atomic_load(&s.sequence) < GIVERS * EACH;
        if (!running)
            for (int i = 0; i < GIVERS; i++) pthread_join(givers[i], NULL);
        n = ring_drain(s.ring, out);
        last = 0;
        for (size_t i = 0; i < n; i++) {
            assert_true(out[i]->sequence > last);
            last = out[i]->sequence;
            assert_int_equal(seen[out[i]->sequence]++, 0);
            mem_free(out[i]);
        }
        taken += n;
    }
    assert_int_equal(taken + atomic_load(&s.dropped), GIVERS * EACH);
    mem_free(seen);
    ring_destroy(&s.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_go_first),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(givers_and_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

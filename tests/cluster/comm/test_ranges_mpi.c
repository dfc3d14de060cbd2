/* Sums by ranges on any number of ranks, whoever was dealt what, have the bits of the plain recursion over the tree;
 * ranges come back to everybody. */
#include "tests/support/support.h"

#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "cluster/comm/ranges.h"

enum { LENGTH = 64 * 21 + 17 };

static struct comm comm;

static float leaf(int slot, int64_t i)
{
    return (float)random_normal(random_derive(random_seed(3, RANDOM_INIT), (uint32_t)slot, 0, 0, 0), (uint64_t)i);
}

static float plain(int first, int size, int leaves, int64_t i)
{
    if (size == 1) return leaf(first, i);
    if (first + size / 2 >= leaves) return plain(first, size / 2, leaves, i);
    return plain(first, size / 2, leaves, i) + plain(first + size / 2, size / 2, leaves, i);
}

static const struct ranges_part parts[] = {{64 * 15, LENGTH}, {64 * 6, 64 * 15}, {64 * 5, 64 * 6}, {0, 64 * 5}};
enum { PARTS = sizeof parts / sizeof *parts };

static void write_slot(struct ranges *r, int slot)
{
    float *array = ranges_array(r);

    for (int p = 0; p < PARTS; p++) {
        for (int64_t i = parts[p].first; i < parts[p].last; i++) array[i] = leaf(slot, i);
        ranges_done(r);
        ranges_progress(r);
    }
}

/* Twice: the second round works in memory that the first has left. worker_of: who is dealt a slot. */
static void check(int slots, int (*worker_of)(int slot, int slots))
{
    struct blocks blocks = blocks_make(LENGTH, comm.workers);
    struct ranges r;
    struct deal deal = {0};
    struct pool *pool;
    int64_t first = 0, last = 0;
    float *whole;
    int size = 1;

    while (size < slots) size *= 2;
    assert_int_equal(mem_alloc(LENGTH, sizeof *whole, &whole), ST_OK);
    assert_int_equal(pool_new(2, &pool), ST_OK);
    deal_clear(&deal, 1, slots, comm.workers);
    for (int i = 0; i < slots; i++)
        assert_int_equal(deal_add(&deal, 0, worker_of(i, slots), (struct tree_node){i, 1}), ST_OK);
    ranges_init(&r, &comm, &blocks);
    assert_int_equal(ranges_plan(&r, &deal, parts, PARTS, pool), ST_OK);
    if (comm_is_worker(&comm)) blocks_columns(&blocks, comm.worker, &first, &last);
    for (int round = 0; round < 2; round++) {
        const float *own;

        ranges_begin(&r);
        for (int i = 0; i < slots; i++)
            if (worker_of(i, slots) == comm.worker) write_slot(&r, i);
        assert_int_equal(ranges_sum(&r, &own), ST_OK);
        for (int64_t i = first; i < last; i++) assert_true(own[i - first] == plain(0, size, slots, i));
        for (int64_t i = 0; i < LENGTH; i++) whole[i] = i >= first && i < last ? own[i - first] : -1;
        assert_int_equal(ranges_gather(&r, whole), ST_OK);
        for (int64_t i = 0; i < LENGTH && comm_is_worker(&comm); i++) assert_true(whole[i] == plain(0, size, slots, i));
    }
    ranges_fini(&r);
    deal_fini(&deal);
    pool_destroy(&pool);
    mem_free(whole);
}

static int in_runs(int slot, int slots)
{
    return slot * comm.workers / slots;
}
static int by_turns(int slot, int slots)
{
    return (void)slots, slot % comm.workers;
}
static int last_has_all(int slot, int slots)
{
    return (void)slot, (void)slots, comm.workers - 1;
}
static int last_has_most(int slot, int slots)
{
    return slot == slots / 2 ? 0 : comm.workers - 1;
}

static void test_deals(void **state)
{
    static const int slots[] = {1, 2, 3, 5, 6, 13};

    (void)state;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        check(slots[i], in_runs);
        check(slots[i], by_turns);
        check(slots[i], last_has_all);
        check(slots[i], last_has_most);
    }
}

/* A worker's arrays are as many as its open sums, not as its slots. */
static void test_memory(void **state)
{
    struct blocks blocks = blocks_make(LENGTH, 1);
    struct comm alone = {.size = 1, .workers = 1};

    (void)state;
    for (int slots = 1; slots <= 64; slots *= 4) {
        struct deal deal = {0};
        struct ranges r;
        int bits = 1;

        while (1 << bits <= slots) bits++;
        deal_clear(&deal, 1, slots, 1);
        for (int i = 0; i < slots; i++) assert_int_equal(deal_add(&deal, 0, 0, (struct tree_node){i, 1}), ST_OK);
        ranges_init(&r, &alone, &blocks);
        assert_int_equal(ranges_plan(&r, &deal, parts, PARTS, NULL), ST_OK);
        assert_int_equal(r.array_count, bits);
        ranges_fini(&r);
        deal_fini(&deal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deals), cmocka_unit_test(test_memory)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

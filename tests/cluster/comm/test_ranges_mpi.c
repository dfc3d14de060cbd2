/* Sums by ranges on any number of ranks have the bits of the plain recursion over the tree; ranges come back to everybody. */
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

static void add_slot(struct tree_sum *t, int slot)
{
    void *v;

    assert_int_equal(tree_sum_take_unset(t, &v), ST_OK);
    for (int64_t i = 0; i < LENGTH; i++) ((float *)v)[i] = leaf(slot, i);
    assert_int_equal(tree_sum_add(t, (struct tree_node){slot, 1}, v), ST_OK);
}

/* Twice: the second round works in memory that the first has left. */
static void check(int slots)
{
    struct blocks blocks = blocks_make(LENGTH, comm.workers);
    struct ranges r;
    struct deal deal = {0};
    struct tree_sum partial;
    int64_t first = 0, last = 0;
    float *whole;
    int size = 1;

    while (size < slots) size *= 2;
    assert_int_equal(mem_alloc(LENGTH, sizeof *whole, &whole), ST_OK);
    ranges_init(&r, &comm, &blocks);
    tree_sum_init(&partial, slots, TREE_FLOAT, LENGTH);
    deal_clear(&deal, 1, slots, comm.workers);
    for (int i = 0; i < slots; i++) assert_int_equal(deal_add(&deal, 0, i * comm.workers / slots, (struct tree_node){i, 1}), ST_OK);
    if (comm_is_worker(&comm)) blocks_columns(&blocks, comm.worker, &first, &last);
    for (int round = 0; round < 2; round++) {
        const float *own;

        tree_sum_clear(&partial, slots);
        for (int i = 0; i < slots; i++)
            if (i * comm.workers / slots == comm.worker) add_slot(&partial, i);
        assert_int_equal(ranges_sum(&r, &deal, &partial, &own), ST_OK);
        for (int64_t i = first; i < last; i++) assert_true(own[i - first] == plain(0, size, slots, i));
        for (int64_t i = 0; i < LENGTH; i++) whole[i] = i >= first && i < last ? own[i - first] : -1;
        assert_int_equal(ranges_share(&r, whole), ST_OK);
        for (int64_t i = 0; i < LENGTH && comm_is_worker(&comm); i++) assert_true(whole[i] == plain(0, size, slots, i));
    }
    tree_sum_fini(&partial);
    ranges_fini(&r);
    deal_fini(&deal);
    mem_free(whole);
}

static void test_slots(void **state)
{
    (void)state;
    for (int slots = 1; slots <= 7; slots++) check(slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slots)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

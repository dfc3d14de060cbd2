/* The exchanges of a step, on any number of ranks: every sum has the bits of the plain recursion over the batch's
 * tree. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/random.h"
#include "cluster/comm/reduce.h"
#include "coordinator/loop/dealing.h"

enum { LAYERS = 2, COLUMNS = 150, D = 3, GROUPS = 2 };

static struct comm comm;

/* Gradient of one slot at one place. */
static float leaf(int group, int slot, int64_t i)
{
    struct random_key key = random_derive(random_seed(3, RANDOM_INIT), (uint32_t)group, (uint32_t)slot, 0, 0);
    return (float)random_normal(key, (uint64_t)i);
}

static float plain(int group, int first, int size, int leaves, int64_t i)
{
    if (size == 1) return leaf(group, first, i);
    if (first + size / 2 >= leaves) return plain(group, first, size / 2, leaves, i);
    return plain(group, first, size / 2, leaves, i) + plain(group, first + size / 2, size / 2, leaves, i);
}

static void add_slots(struct tree_sum *t, const struct deal *deal, int group)
{
    for (size_t b = 0; b < deal->count; b++) {
        struct deal_block block = deal->blocks[b];

        if (block.group != group || block.worker != comm.worker) continue;
        for (int k = 0; k < block.node.size; k++) {
            void *v;

            assert_int_equal(tree_sum_take(t, &v), ST_OK);
            for (size_t i = 0; i < t->length; i++) ((float *)v)[i] = leaf(group, block.node.first + k, (int64_t)i);
            assert_int_equal(tree_sum_add(t, (struct tree_node){block.node.first + k, 1}, v), ST_OK);
        }
    }
}

static void check_batch(int batch)
{
    struct blocks blocks = blocks_make(COLUMNS, comm.workers);
    struct reduce r;
    struct deal deal = {0};
    struct tree_sum sums[GROUPS], *partial[GROUPS];
    double cost[GROUPS] = {1, 2}, speed[8] = {1, 2, 1, 3, 1, 1, 1, 1};
    int64_t first = 0, last = 0;
    float *local, *whole, *again;
    int size = 1;

    while (size < batch) size *= 2;
    local = calloc(GROUPS * LAYERS * COLUMNS, sizeof *local);
    whole = calloc(GROUPS * LAYERS * COLUMNS, sizeof *whole);
    again = calloc(GROUPS * LAYERS * COLUMNS, sizeof *again);
    reduce_init(&r, &comm, &blocks, LAYERS);
    assert_int_equal(dealing_assign(&deal, GROUPS, batch, comm.workers, cost, speed), ST_OK);
    for (int g = 0; g < GROUPS; g++) {
        partial[g] = &sums[g];
        tree_sum_init(partial[g], batch, TREE_FLOAT, LAYERS * COLUMNS);
        if (comm_is_worker(&comm)) add_slots(partial[g], &deal, g);
    }
    if (comm_is_worker(&comm)) blocks_columns(&blocks, comm.worker, &first, &last);
    assert_int_equal(reduce_scatter_grad(&r, &deal, partial, local), ST_OK);
    for (int g = 0; g < GROUPS; g++)
        for (int l = 0; l < LAYERS; l++)
            for (int64_t c = first; c < last; c++) {
                float want = plain(g, 0, size, batch, l * COLUMNS + c);
                assert_memory_equal(&local[(g * LAYERS + l) * (last - first) + c - first], &want, sizeof want);
            }
    assert_int_equal(reduce_gather_grad(&r, GROUPS, local, whole), ST_OK);
    for (int64_t i = 0; comm_is_coordinator(&comm) && i < GROUPS * LAYERS * COLUMNS; i++) {
        float want = plain((int)(i / (LAYERS * COLUMNS)), 0, size, batch, i % (LAYERS * COLUMNS));
        assert_memory_equal(&whole[i], &want, sizeof want);
    }
    assert_int_equal(comm_broadcast(&comm, whole, GROUPS * LAYERS * COLUMNS * sizeof *whole, 0), ST_OK);
    memset(again, 0, GROUPS * LAYERS * COLUMNS * sizeof *again);
    assert_int_equal(reduce_scatter_to_owners(&r, GROUPS, whole, again), ST_OK);
    assert_memory_equal(again, local, (size_t)(GROUPS * LAYERS * (last - first)) * sizeof *again);
    memset(again, 0, GROUPS * LAYERS * COLUMNS * sizeof *again);
    assert_int_equal(reduce_gather_prompts(&r, GROUPS, local, again), ST_OK);
    if (comm_is_worker(&comm)) assert_memory_equal(again, whole, GROUPS * LAYERS * COLUMNS * sizeof *again);
    assert_int_equal(reduce_sum_to_coordinator(&r, &deal, partial, LAYERS * COLUMNS, again), ST_OK);
    if (comm_is_coordinator(&comm)) assert_memory_equal(again, whole, GROUPS * LAYERS * COLUMNS * sizeof *again);
    for (int g = 0; g < GROUPS; g++) tree_sum_fini(partial[g]);
    deal_fini(&deal);
    reduce_fini(&r);
    free(local);
    free(whole);
    free(again);
}

static void test_batches(void **state)
{
    static const int batches[] = {1, 2, 3, 7, 8, 27, 32};

    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) check_batch(batches[i]);
}

static void test_agree(void **state)
{
    (void)state;
    assert_int_equal(comm_agree(&comm, comm.rank == comm.size - 1 ? ST_INPUT : ST_OK), ST_INPUT);
    assert_int_equal(comm_agree(&comm, ST_OK), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_batches), cmocka_unit_test(test_agree)};
    int failed;

    if (comm_init(&comm) != ST_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_fini(&comm, failed ? ST_PEER : ST_OK);
    return failed;
}

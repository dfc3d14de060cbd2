/* Every slot is dealt exactly once for any batch, number of workers and speeds; shares follow speed; blocks are few. */
#include "tests/support/support.h"

#include <string.h>

#include "coordinator/loop/dealing.h"

static void check(struct deal *p, int groups, int batch, int workers)
{
    for (int g = 0; g < groups; g++) {
        char seen[256] = {0};
        int total = 0;

        for (size_t i = 0; i < p->count; i++) {
            struct deal_block b = p->blocks[i];

            if (b.group != g) continue;
            assert_true(b.worker >= 0 && b.worker < workers);
            assert_int_equal(b.node.first % b.node.size, 0);
            for (int k = 0; k < b.node.size; k++) {
                assert_true(b.node.first + k < batch);
                assert_int_equal(seen[b.node.first + k]++, 0);
                total++;
            }
        }
        assert_int_equal(total, batch);
    }
}

static void test_all_dealt(void **state)
{
    struct deal p = {0};

    (void)state;
    for (int batch = 1; batch <= 40; batch++)
        for (int workers = 1; workers <= 9; workers++)
            for (int groups = 1; groups <= 3; groups++) {
                double cost[3] = {1, 2.5, 0.3}, speed[9];

                for (int w = 0; w < workers; w++) speed[w] = 1 + 0.3 * (w % 4);
                assert_int_equal(dealing_assign(&p, groups, batch, workers, cost, speed), ST_OK);
                check(&p, groups, batch, workers);
            }
    deal_fini(&p);
}

static void test_few_blocks(void **state)
{
    struct deal p = {0};
    double cost = 1, speed[8] = {1, 1, 1, 1, 1, 1, 1, 1};

    (void)state;
    for (int workers = 2; workers <= 8; workers++) {
        assert_int_equal(dealing_assign(&p, 1, 32, workers, &cost, speed), ST_OK);
        for (int w = 0; w < workers; w++) {
            const struct tree_node *nodes;
            int slots = 0;
            size_t n;

            assert_int_equal(deal_nodes(&p, 0, w, &nodes, &n), ST_OK);
            assert_true(n <= 3);
            for (size_t i = 0; i < n; i++) slots += nodes[i].size;
            assert_true(slots == 32 / workers || slots == 32 / workers + 1);
        }
    }
    speed[0] = 3;
    assert_int_equal(dealing_assign(&p, 1, 32, 2, &cost, speed), ST_OK);
    assert_int_equal(p.blocks[0].node.size, 16);
    assert_int_equal(p.blocks[0].worker, 0);
    deal_fini(&p);
}

static void test_slots(void **state)
{
    int32_t lengths[27], order[27];
    char seen[27] = {0};
    int32_t blocks[4] = {0};

    (void)state;
    for (int i = 0; i < 27; i++) lengths[i] = 10 + i * 13 % 27;
    dealing_order(27, lengths, order);
    for (int s = 0; s < 27; s++) {
        assert_int_equal(seen[order[s]]++, 0);
        blocks[s / 8] += lengths[order[s]];
    }
    assert_int_equal(lengths[order[0]], 36); /* the longest in slot 0, the next one half a tree away */
    assert_int_equal(lengths[order[16]], 35);
    for (int b = 0; b < 3; b++) assert_in_range(blocks[b], 8 * 23 - 16, 8 * 23 + 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_dealt), cmocka_unit_test(test_few_blocks),
                                       cmocka_unit_test(test_slots)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

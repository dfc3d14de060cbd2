/* The sum over the fixed tree has the same bits for every order of arrival and every grouping into aligned blocks. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "cluster/base/random.h"
#include "cluster/comm/tree.h"

enum { MOST = 41, LENGTH = 3 };

static float leaf(int i, int k)
{
    return (float)random_normal(random_seed(5, RANDOM_INIT), (uint64_t)i * LENGTH + (uint64_t)k) *
           powf(10, (float)(i % 7));
}

/* The definition: halves of the next power of two, absent ones left out. */
static float plain(int first, int size, int leaves, int k)
{
    int half = size / 2;

    if (size == 1) return leaf(first, k);
    if (first + half >= leaves) return plain(first, half, leaves, k);
    return plain(first, half, leaves, k) + plain(first + half, half, leaves, k);
}

static void check_root(struct tree_sum *t, int leaves)
{
    const float *root = tree_sum_root(t);
    int size = 1;

    while (size < leaves) size *= 2;
    assert_non_null(root);
    for (int k = 0; k < LENGTH; k++) {
        float expected = plain(0, size, leaves, k);
        assert_memory_equal(&root[k], &expected, sizeof expected);
    }
}

static void add_leaf(struct tree_sum *t, int i)
{
    void *v;

    assert_int_equal(tree_sum_take(t, &v), ST_OK);
    for (int k = 0; k < LENGTH; k++) ((float *)v)[k] = leaf(i, k);
    assert_int_equal(tree_sum_add(t, (struct tree_node){i, 1}, v), ST_OK);
}

static void test_any_order(void **state)
{
    struct tree_sum t;

    (void)state;
    tree_sum_init(&t, 0, TREE_FLOAT, LENGTH);
    for (int leaves = 1; leaves <= MOST; leaves++)
        for (uint32_t order = 0; order < 6; order++) {
            tree_sum_clear(&t, leaves);
            for (int i = 0; i < leaves; i++) {
                assert_null(tree_sum_root(&t));
                add_leaf(&t, (int)random_permute(random_derive(random_seed(9, RANDOM_ROWS), order, 0, 0, 0),
                                                 (uint64_t)leaves, (uint64_t)i));
            }
            check_root(&t, leaves);
        }
    tree_sum_fini(&t);
}

/* Leaves are held by 1 … 5 holders; each sends its merged nodes; the receiver adds those. */
static void test_holders(void **state)
{
    (void)state;
    for (int leaves = 1; leaves <= MOST; leaves++)
        for (int holders = 1; holders <= 5; holders++) {
            struct tree_sum whole;

            tree_sum_init(&whole, leaves, TREE_FLOAT, LENGTH);
            for (int h = 0; h < holders; h++) {
                struct tree_sum part;
                struct tree_node nodes[MOST];
                size_t count = 0;

                tree_sum_init(&part, leaves, TREE_FLOAT, LENGTH);
                for (int i = leaves * h / holders; i < leaves * (h + 1) / holders; i++) {
                    add_leaf(&part, i);
                    nodes[count++] = (struct tree_node){i, 1};
                }
                count = tree_merge_nodes(leaves, nodes, count);
                assert_int_equal(count, part.count);
                for (size_t n = 0; n < count; n++) {
                    void *v;
                    assert_memory_equal(&nodes[n], &part.nodes[n], sizeof *nodes);
                    assert_int_equal(tree_sum_take(&whole, &v), ST_OK);
                    memcpy(v, part.vectors[n], LENGTH * sizeof(float));
                    assert_int_equal(tree_sum_add(&whole, nodes[n], v), ST_OK);
                }
                tree_sum_fini(&part);
            }
            check_root(&whole, leaves);
            tree_sum_fini(&whole);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_any_order), cmocka_unit_test(test_holders)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Known answers of Philox4x32-10 (Random123's kat_vectors), and that the permutation is one. */
#include "tests/support/support.h"

#include <stdlib.h>

#include "cluster/base/random.h"

static void test_known_answers(void **state)
{
    uint32_t out[4], zero[4] = {0, 0, 0, 0}, ones[4] = {~0u, ~0u, ~0u, ~0u};

    (void)state;
    random_block((struct random_key){{0, 0}}, zero, out);
    assert_int_equal(out[0], 0x6627e8d5u);
    random_block((struct random_key){{~0u, ~0u}}, ones, out);
    assert_int_equal(out[0], 0x408f276du);
}

static void test_permutation(void **state)
{
    static const uint64_t sizes[] = {1, 2, 3, 5, 17, 64, 65, 1000, 4097};

    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        uint64_t n = sizes[k];
        unsigned char *seen = calloc(n, 1);

        for (uint64_t i = 0; i < n; i++) {
            uint64_t j = random_permute(random_seed(7, RANDOM_ROWS), n, i);
            assert_true(j < n);
            assert_int_equal(seen[j]++, 0);
        }
        free(seen);
    }
}

static void test_uniform(void **state)
{
    struct random_key key = random_seed(3, RANDOM_TASK);
    double sum = 0;
    int counts[38] = {0};

    (void)state;
    for (uint64_t i = 0; i < 38000; i++) {
        double u = random_uniform(key, i);
        assert_true(u > 0 && u < 1);
        sum += u;
        counts[random_below(key, i, 38)]++;
    }
    assert_true(sum > 0.49 * 38000 && sum < 0.51 * 38000);
    for (int t = 0; t < 38; t++) assert_true(counts[t] > 850 && counts[t] < 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_answers), cmocka_unit_test(test_permutation),
                                       cmocka_unit_test(test_uniform)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The machine's rate is a number that could be one, for both engines, on one thread and on two. */
#include "tests/support/support.h"

#include <math.h>

#include "worker/model/matmul_rate.h"

static void rate_is_plausible(void **state)
{
    static const struct matmul_spec specs[] = {{.k = 64, .n = 96, .in = NUMBER_F32, .out = NUMBER_F32, .bias = 1},
                                               {.k = 96, .n = 64, .in = NUMBER_F32, .out = NUMBER_F32, .bias = 0}};
    (void)state;

    for (int engine = ENGINE_ONEDNN; engine <= ENGINE_OPENBLAS; engine++)
        for (int threads = 1; threads <= 2; threads++) {
            struct matmul *m;
            struct pool *pool;
            double rate = 0;

            assert_int_equal(pool_new(threads, &pool), ST_OK);
            assert_int_equal(matmul_new((enum matmul_engine)engine, specs, 2, threads, &m), ST_OK);
            assert_int_equal(matmul_rate(m, pool, &rate), ST_OK);
            assert_true(isfinite(rate) && rate > 1e6 && rate < 1e15);
            assert_int_equal(matmul_rate_cpu(m, pool, &rate), ST_OK);
            assert_true(isfinite(rate) && rate > 1e6 && rate < 1e15);
            matmul_destroy(&m);
            pool_destroy(&pool);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rate_is_plausible)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

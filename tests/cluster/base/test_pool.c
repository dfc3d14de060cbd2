/* Every thread runs every job once, what a job wrote is there when pool_run returns, a barrier separates halves of a
 * job, and shares cover all items in whole grains. Meant to be run under ThreadSanitizer too. */
#include "tests/support/support.h"

#include <string.h>
#include <unistd.h>

#include "cluster/base/pool.h"

enum { THREADS_MOST = 5, JOBS = 300 };

struct work {
    int64_t ran[THREADS_MOST], first[THREADS_MOST], second[THREADS_MOST];
};

static void count(void *arg, int thread, int threads)
{
    struct work *w = arg;

    assert_in_range(thread, 0, threads - 1);
    w->ran[thread]++;
}

/* The second half reads what the neighbour wrote in the first. */
static void halves(void *arg, int thread, int threads, struct pool *pool)
{
    struct work *w = arg;

    w->first[thread]++;
    pool_barrier(pool);
    w->second[thread] += w->first[(thread + 1) % threads];
    pool_barrier(pool);
}

struct halves_work {
    struct work work;
    struct pool *pool;
};

static void halves_job(void *arg, int thread, int threads)
{
    struct halves_work *h = arg;

    halves(&h->work, thread, threads, h->pool);
}

static void test_jobs(void **state)
{
    (void)state;
    for (int threads = 1; threads <= THREADS_MOST; threads += 2) {
        struct work w = {0};
        struct pool *pool;

        assert_int_equal(pool_new(threads, &pool), ST_OK);
        assert_int_equal(pool_threads(pool), threads);
        for (int i = 1; i <= JOBS; i++) {
            pool_run(pool, count, &w);
            for (int t = 0; t < threads; t++) assert_int_equal(w.ran[t], i);
            if (i % 100 == 0) usleep(2000); /* long enough for the threads to go to sleep */
        }
        pool_destroy(&pool);
        assert_null(pool);
    }
}

static void test_barrier(void **state)
{
    struct halves_work h = {0};

    (void)state;
    assert_int_equal(pool_new(3, &h.pool), ST_OK);
    for (int i = 0; i < JOBS; i++) pool_run(h.pool, halves_job, &h);
    for (int t = 0; t < 3; t++) assert_int_equal(h.work.second[t], JOBS * (JOBS + 1) / 2);
    pool_destroy(&h.pool);
}

static void test_assignment(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 70; n += 3)
        for (int threads = 1; threads < 6; threads++) {
            int64_t next = 0;

            for (int t = 0; t < threads; t++) {
                int64_t first, last;

                pool_slice(n, 8, t, threads, &first, &last);
                if (first == last) continue;
                assert_int_equal(first, next);
                assert_int_equal(first % 8, 0);
                next = last;
            }
            assert_int_equal(next, n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jobs), cmocka_unit_test(test_barrier),
                                       cmocka_unit_test(test_assignment)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

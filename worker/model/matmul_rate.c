/* Zeros are multiplied: the instructions take the same time for all values. */
#include "worker/model/matmul_rate.h"

#include <stdatomic.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"

enum { TRIALS = 4, TRIAL_MS = 15 };

struct rate_trial {
    const struct matmul *m;
    char *x, *y;  /* (threads, x_bytes), (threads, y_bytes) */
    char *packed; /* of the largest product; all threads read it */
    float *bias;
    size_t x_bytes, y_bytes;
    int rounds, by_cpu;
    _Atomic double most; /* CPU seconds of a thread in the rounds */
    atomic_int failed;
};

static void multiply(void *arg, int thread, int threads)
{
    struct rate_trial *r = arg;
    double before = clock_thread(), mine, most = atomic_load(&r->most);
    (void)threads;

    for (int round = 0; round < r->rounds; round++)
        for (int p = 0; p < matmul_count(r->m); p++)
            if (matmul_run(r->m, p, thread, MATMUL_ROWS, r->x + (size_t)thread * r->x_bytes, r->packed,
                           matmul_product(r->m, p)->bias ? r->bias : NULL, r->y + (size_t)thread * r->y_bytes) != ST_OK)
                atomic_store(&r->failed, ST_SYSTEM);
    mine = clock_thread() - before;
    while (most < mine && !atomic_compare_exchange_weak(&r->most, &most, mine)) continue;
}

static double time_rounds(struct rate_trial *r, struct pool *pool, int rounds)
{
    double t = clock_now();

    r->rounds = rounds;
    atomic_store(&r->most, 0);
    pool_run(pool, multiply, r);
    return (r->by_cpu ? atomic_load(&r->most) : clock_now() - t) / rounds;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static status open_operands(struct rate_trial *r, int threads, double *flops)
{
    size_t packed = 0, widest = 0;

    for (int p = 0; p < matmul_count(r->m); p++) {
        const struct matmul_spec *s = matmul_product(r->m, p);

        r->x_bytes = larger(r->x_bytes, (size_t)(MATMUL_ROWS * s->k) * number_size(s->in));
        r->y_bytes = larger(r->y_bytes, (size_t)(MATMUL_ROWS * s->n) * number_size(s->out));
        packed = larger(packed, matmul_packed_bytes(r->m, p));
        widest = larger(widest, (size_t)s->n);
        *flops += 2.0 * MATMUL_ROWS * (double)s->k * (double)s->n * threads;
    }
    r->x_bytes = (r->x_bytes + 63) / 64 * 64;
    r->y_bytes = (r->y_bytes + 63) / 64 * 64;
    TRY(mem_alloc((size_t)threads, r->x_bytes, &r->x));
    TRY(mem_alloc((size_t)threads, r->y_bytes, &r->y));
    TRY(mem_alloc(packed, 1, &r->packed));
    return mem_alloc(widest, sizeof *r->bias, &r->bias);
}

static status find_rate(const struct matmul *m, struct pool *pool, int by_cpu, double *flops_per_second)
{
    struct rate_trial r = {.m = m, .by_cpu = by_cpu};
    double flops = 0, once;
    status s = open_operands(&r, pool_threads(pool), &flops);

    *flops_per_second = 0;
    if (s == ST_OK) {
        time_rounds(&r, pool, 1);
        once = time_rounds(&r, pool, 1);
        for (int trial = 0; trial < TRIALS; trial++) {
            double rate = flops / time_rounds(&r, pool, 1 + (int)(TRIAL_MS * 1e-3 / once));
            if (rate > *flops_per_second) *flops_per_second = rate;
        }
        s = (status)atomic_load(&r.failed);
    }
    mem_free(r.bias);
    mem_free(r.packed);
    mem_free(r.y);
    mem_free(r.x);
    return s;
}

status matmul_rate(const struct matmul *m, struct pool *pool, double *flops_per_second)
{
    return find_rate(m, pool, 0, flops_per_second);
}

status matmul_rate_cpu(const struct matmul *m, struct pool *pool, double *flops_per_second)
{
    return find_rate(m, pool, 1, flops_per_second);
}

/* The pool: one ticket counter announces a job, one countdown ends it. Between jobs a thread spins SPINS times on the
 * ticket, then waits on a condition variable. */
#include "cluster/base/pool.h"

#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { SPINS = 20000 };

struct pool {
    int threads;
    pool_job *job;
    void *arg;
    _Alignas(64) atomic_uint ticket; /* raised by one for every job */
    _Alignas(64) atomic_int busy;    /* helper threads that have not finished the job */
    _Alignas(64) atomic_int arrived; /* pool_barrier: how many came */
    atomic_uint phase;               /* pool_barrier: how often all came */
    atomic_int stop, sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct member {
        struct pool *pool;
        pthread_t thread;
        int index;
    } * members;
};

static inline void relax(int spun)
{
    if (spun % 64 == 63) sched_yield();
    else __builtin_ia32_pause();
}

static unsigned wait_ticket(struct pool *pool, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool->ticket, memory_order_acquire) != seen) return seen + 1;
        relax(i);
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->ticket) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
    return seen + 1;
}

static void *member_main(void *arg)
{
    struct member *me = arg;
    struct pool *pool = me->pool;
    unsigned seen = 0;

    omp_set_num_threads(1);
    for (;;) {
        seen = wait_ticket(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        pool->job(pool->arg, me->index, pool->threads);
        atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
    }
}

static void announce(struct pool *pool)
{
    atomic_fetch_add(&pool->ticket, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

status pool_new(int threads, struct pool **out)
{
    struct pool *pool;
    status s;

    *out = NULL;
    if (threads < 1) threads = 1;
    TRY(mem_alloc(1, sizeof *pool, &pool));
    s = mem_alloc((size_t)threads, sizeof *pool->members, &pool->members);
    if (s != ST_OK) {
        mem_free(pool);
        return s;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads = 1;
    omp_set_num_threads(1);
    for (int i = 1; i < threads; i++) {
        int why;

        pool->members[i] = (struct member){.pool = pool, .index = i};
        why = pthread_create(&pool->members[i].thread, NULL, member_main, &pool->members[i]);
        if (why != 0) {
            pool_destroy(&pool);
            return fault(ST_SYSTEM, "thread %d of %d cannot be started: %s", i + 1, threads, strerror(why));
        }
        pool->threads = i + 1;
    }
    *out = pool;
    return ST_OK;
}

void pool_destroy(struct pool **pool_p)
{
    struct pool *pool = *pool_p;

    if (!pool) return;
    atomic_store(&pool->stop, 1);
    announce(pool);
    for (int i = 1; i < pool->threads; i++) pthread_join(pool->members[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool->members);
    mem_free(pool);
    *pool_p = NULL;
}

int pool_threads(const struct pool *pool)
{
    return pool->threads;
}

void pool_run(struct pool *pool, pool_job *job, void *arg)
{
    if (pool->threads > 1) {
        pool->job = job;
        pool->arg = arg;
        atomic_store(&pool->busy, pool->threads - 1);
        announce(pool);
    }
    job(arg, 0, pool->threads);
    for (int i = 0; atomic_load_explicit(&pool->busy, memory_order_acquire) > 0; i++) relax(i);
}

void pool_barrier(struct pool *pool)
{
    unsigned phase = atomic_load(&pool->phase);

    if (pool->threads == 1) return;
    if (atomic_fetch_add(&pool->arrived, 1) + 1 == pool->threads) {
        atomic_store(&pool->arrived, 0);
        atomic_fetch_add_explicit(&pool->phase, 1, memory_order_release);
        return;
    }
    for (int i = 0; atomic_load_explicit(&pool->phase, memory_order_acquire) == phase; i++) relax(i);
}

void pool_slice(int64_t n, int64_t grain, int thread, int threads, int64_t *first, int64_t *last)
{
    int64_t grains = (n + grain - 1) / grain;

    *first = grains * thread / threads * grain;
    *last = grains * (thread + 1) / threads * grain;
    if (*first > n) *first = n;
    if (*last > n) *last = n;
}

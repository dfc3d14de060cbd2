/* A pool of threads that all run the same function over parts of one job, then wait for the next.
 * The caller is thread 0. One job at a time; pool_run returns when every thread is done (a full barrier). Threads spin
 * for some microseconds between jobs, then sleep: steps of a large model cost no wake-ups, an idle pool no CPU.
 * oneDNN primitives run inside a pool thread on that thread alone: every thread calls omp_set_num_threads(1) once. */
#ifndef MP2_CLUSTER_BASE_POOL_H
#define MP2_CLUSTER_BASE_POOL_H

#include <stdint.h>

#include "cluster/base/status.h"

struct pool;
typedef void pool_job(void *arg, int thread, int threads);

/* Local. threads >= 1; 1 makes no thread at all. */
status pool_new(int threads, struct pool **out);
void pool_destroy(struct pool **pool);
int pool_threads(const struct pool *pool);
void pool_run(struct pool *pool, pool_job *job, void *arg);

/* Inside a job: a barrier of all threads of the pool. */
void pool_barrier(struct pool *pool);

/* Thread's share [first, last) of n items, in whole grains (the last share takes the ragged end). */
void pool_slice(int64_t n, int64_t grain, int thread, int threads, int64_t *first, int64_t *last);

#endif

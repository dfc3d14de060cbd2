#include "tests/support/failing_memory.h"

#include "cluster/base/memory.h"

static long fails, requests;

void failing_memory_at(long n)
{
    fails = n;
    requests = 0;
}

long failing_memory_count(void)
{
    return requests;
}

static int refused(void)
{
    return ++requests == fails;
}

status __real_mem_alloc(size_t count, size_t size, void *out);
status __real_mem_grow(void *array, size_t *room, size_t need, size_t size);
status __real_mem_keep_new(struct mem_keep *keep, size_t count, size_t size, void *out);
status __wrap_mem_alloc(size_t count, size_t size, void *out);
status __wrap_mem_grow(void *array, size_t *room, size_t need, size_t size);
status __wrap_mem_keep_new(struct mem_keep *keep, size_t count, size_t size, void *out);

status __wrap_mem_alloc(size_t count, size_t size, void *out)
{
    *(void **)out = NULL;
    return refused() ? ST_MEMORY : __real_mem_alloc(count, size, out);
}

status __wrap_mem_grow(void *array, size_t *room, size_t need, size_t size)
{
    if (need > *room && refused()) return ST_MEMORY;
    return __real_mem_grow(array, room, need, size);
}

status __wrap_mem_keep_new(struct mem_keep *keep, size_t count, size_t size, void *out)
{
    *(void **)out = NULL;
    return refused() ? ST_MEMORY : __real_mem_keep_new(keep, count, size, out);
}

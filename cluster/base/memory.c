/* Zeroed, aligned allocation. Every failure is reported here, so callers only pass the status on. */
#include "cluster/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"

enum { ALIGNMENT = 64 };

status mem_alloc(size_t count, size_t size, void *out)
{
    size_t bytes;
    void *p;

    *(void **)out = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        return fault(ST_MEMORY, "out of memory: %zu x %zu bytes is more than an address space", count, size);
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes == 0) bytes = ALIGNMENT;
    p = aligned_alloc(ALIGNMENT, bytes);
    if (!p) return fault(ST_MEMORY, "out of memory: %zu bytes asked for", bytes);
    memset(p, 0, bytes);
    *(void **)out = p;
    return ST_OK;
}

status mem_grow(void *array, size_t *room, size_t need, size_t size)
{
    size_t more = *room ? *room : 16;
    void *bigger;

    if (need <= *room) return ST_OK;
    while (more < need) {
        if (more > SIZE_MAX / 2) return fault(ST_MEMORY, "out of memory: %zu elements asked for", need);
        more *= 2;
    }
    TRY(mem_alloc(more, size, &bigger));
    if (*room) memcpy(bigger, *(void **)array, *room * size);
    mem_free(*(void **)array);
    *(void **)array = bigger;
    *room = more;
    return ST_OK;
}

void mem_free(void *pointer)
{
    free(pointer);
}

status mem_text(const char *text, size_t n, char **out)
{
    TRY(mem_alloc(n + 1, 1, out));
    memcpy(*out, text, n);
    return ST_OK;
}

struct mem_link {
    struct mem_link *before;
    char pad[ALIGNMENT - sizeof(struct mem_link *)];
};

status mem_keep_new(struct mem_keep *keep, size_t count, size_t size, void *out)
{
    struct mem_link *link;
    size_t bytes;

    *(void **)out = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 2 * sizeof *link)
        return fault(ST_MEMORY, "out of memory: %zu x %zu bytes is more than an address space", count, size);
    TRY(mem_alloc(1, sizeof *link + bytes, &link));
    link->before = keep->last;
    keep->last = link;
    *(void **)out = link + 1;
    return ST_OK;
}

status mem_keep_text(struct mem_keep *keep, const char *text, size_t n, const char **out)
{
    char *copy;

    TRY(mem_keep_new(keep, n + 1, 1, &copy));
    memcpy(copy, text, n);
    *out = copy;
    return ST_OK;
}

void mem_keep_free(struct mem_keep *keep)
{
    while (keep->last) {
        struct mem_link *before = keep->last->before;
        mem_free(keep->last);
        keep->last = before;
    }
}

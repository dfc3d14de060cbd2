/* Plain memory: zeroed, aligned to 64 bytes (a cache line, a vector), overflow-checked. */
#ifndef MP2_CLUSTER_BASE_MEMORY_H
#define MP2_CLUSTER_BASE_MEMORY_H

#include <stddef.h>

#include "cluster/base/status.h"

/* Local. *out = count * size zeroed bytes, 64-byte aligned, freed by mem_free; count 0 gives a valid pointer too.
 * ST_MEMORY (reported) when there is none or the product overflows. */
status mem_alloc(size_t count, size_t size, void *out);

/* Local. Grow *array (of *room elements of size bytes) so that it holds at least need; doubles, new part zeroed. */
status mem_grow(void *array, size_t *room, size_t need, size_t size);

/* Local. NULL is allowed. */
void mem_free(void *pointer);

/* Local. A copy of n bytes of text and a terminating 0; freed by mem_free. */
status mem_text(const char *text, size_t n, char **out);

/* Many pieces that are freed together: each is linked into a chain, and mem_keep_free frees all of it. {NULL} is an
 * empty chain. */
struct mem_keep {
    struct mem_link *last;
};
status mem_keep_new(struct mem_keep *keep, size_t count, size_t size, void *out);
status mem_keep_text(struct mem_keep *keep, const char *text, size_t n, const char **out);
void mem_keep_free(struct mem_keep *keep);

#endif

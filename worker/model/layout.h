/* Laying out parts in one block of memory: the same walk over the parts gives the size (base NULL) or the addresses.
 * Every part starts at a cache line. */
#ifndef MP2_WORKER_MODEL_LAYOUT_H
#define MP2_WORKER_MODEL_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

struct layout {
    char *base;    /* NULL: only count bytes */
    size_t offset; /* bytes so far */
};

/* The next part; NULL while only counting. */
static inline void *layout_take(struct layout *l, size_t bytes)
{
    void *here = l->base ? l->base + l->offset : NULL;

    l->offset += (bytes + 63) / 64 * 64;
    return here;
}

static inline float *layout_floats(struct layout *l, int64_t count)
{
    return layout_take(l, (size_t)count * sizeof(float));
}

#endif

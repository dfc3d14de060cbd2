/* Texts with a number each: how often a word occurs, or which symbol a piece is. Texts keep the order in which they
 * came, so that nothing depends on the hash. */
#ifndef MP2_COORDINATOR_TEXT_TEXT_COUNT_H
#define MP2_COORDINATOR_TEXT_TEXT_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

struct counted {
    size_t at;
    uint32_t n;
    int64_t count;
}; /* text: bytes + at */

struct text_count {
    struct counted *items;
    size_t item_count, item_room;
    char *bytes;
    size_t byte_count, byte_room;
    uint32_t *slots; /* item + 1, 0: free */
    size_t mask;
};

/* Local. An empty one; ST_MEMORY (reported): then, too, fini frees what there is. */
status text_count_init(struct text_count *t);
void text_count_fini(struct text_count *t);

/* Local. The item of a text, made with count 0 when it is new. text must not lie in t. */
status text_count_item(struct text_count *t, const char *text, size_t n, size_t *item);

/* Local. The item of a text, -1 when there is none. */
int64_t text_count_find(const struct text_count *t, const char *text, size_t n);

/* Local. Leave out the texts that occur less than least times. */
status text_count_prune(struct text_count *t, int64_t least);

static inline const char *text_count_text(const struct text_count *t, size_t item)
{
    return t->bytes + t->items[item].at;
}

#endif

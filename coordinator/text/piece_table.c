#include "coordinator/text/piece_table.h"

#include <string.h>

#include <xxhash.h>

#include "cluster/base/memory.h"

/* The slot of a piece: its own, or the free one where it would stand. */
static uint32_t find_slot(const struct piece_table *t, const char *text, size_t n)
{
    uint32_t slot = (uint32_t)XXH3_64bits(text, n) & t->mask;

    while (t->slots[slot] != 0) {
        const struct piece *p = &t->pieces[t->slots[slot] - 1];
        if (p->n == n && memcmp(t->text + p->at, text, n) == 0) break;
        slot = (slot + 1) & t->mask;
    }
    return slot;
}

status piece_table_index(struct piece_table *t)
{
    size_t size = 64;

    while (size < 2 * t->count) size *= 2;
    TRY(mem_alloc(size, sizeof *t->slots, &t->slots));
    t->mask = (uint32_t)(size - 1);
    for (size_t i = 0; i < t->count; i++)
        t->slots[find_slot(t, t->text + t->pieces[i].at, t->pieces[i].n)] = (int32_t)i + 1;
    return ST_OK;
}

int32_t piece_table_find(const struct piece_table *t, const char *text, size_t n)
{
    return t->slots[find_slot(t, text, n)] - 1;
}

#include "coordinator/text/text_count.h"

#include <string.h>
#include <xxhash.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { FIRST_SLOTS = 1024 };

status text_count_init(struct text_count *t)
{
    memset(t, 0, sizeof *t);
    t->mask = FIRST_SLOTS - 1;
    return mem_alloc(FIRST_SLOTS, sizeof *t->slots, &t->slots);
}

void text_count_fini(struct text_count *t)
{
    mem_free(t->items);
    mem_free(t->bytes);
    mem_free(t->slots);
    memset(t, 0, sizeof *t);
}

/* The slot of a text: its own, or the free one where it would stand. */
static size_t find_slot(const struct text_count *t, const char *text, size_t n)
{
    size_t slot = XXH3_64bits(text, n) & t->mask;

    while (t->slots[slot] != 0) {
        const struct counted *item = &t->items[t->slots[slot] - 1];
        if (item->n == n && memcmp(t->bytes + item->at, text, n) == 0) break;
        slot = (slot + 1) & t->mask;
    }
    return slot;
}

static status grow_slots(struct text_count *t)
{
    uint32_t *bigger;

    if (2 * (t->item_count + 1) <= t->mask) return ST_OK;
    TRY(mem_alloc(2 * (t->mask + 1), sizeof *bigger, &bigger));
    mem_free(t->slots);
    t->slots = bigger;
    t->mask = 2 * t->mask + 1;
    for (size_t i = 0; i < t->item_count; i++)
        t->slots[find_slot(t, text_count_text(t, i), t->items[i].n)] = (uint32_t)i + 1;
    return ST_OK;
}

status text_count_item(struct text_count *t, const char *text, size_t n, size_t *item)
{
    size_t slot;

    TRY(grow_slots(t));
    slot = find_slot(t, text, n);
    if (t->slots[slot] != 0) {
        *item = t->slots[slot] - 1;
        return ST_OK;
    }
    if (t->item_count >= INT32_MAX || n > INT32_MAX) return fault(ST_INPUT, "more than %d different words", INT32_MAX);
    TRY(mem_grow(&t->items, &t->item_room, t->item_count + 1, sizeof *t->items));
    TRY(mem_grow(&t->bytes, &t->byte_room, t->byte_count + n, 1));
    if (n > 0) memcpy(t->bytes + t->byte_count, text, n);
    *item = t->item_count++;
    t->items[*item] = (struct counted){t->byte_count, (uint32_t)n, 0};
    t->slots[slot] = (uint32_t)*item + 1;
    t->byte_count += n;
    return ST_OK;
}

int64_t text_count_find(const struct text_count *t, const char *text, size_t n)
{
    return (int64_t)t->slots[find_slot(t, text, n)] - 1;
}

status text_count_prune(struct text_count *t, int64_t least)
{
    struct text_count kept;
    size_t to;

    TRY(text_count_init(&kept));
    for (size_t i = 0; i < t->item_count; i++) {
        status s;

        if (t->items[i].count < least) continue;
        s = text_count_item(&kept, text_count_text(t, i), t->items[i].n, &to);
        if (s != ST_OK) {
            text_count_fini(&kept);
            return s;
        }
        kept.items[to].count = t->items[i].count;
    }
    text_count_fini(t);
    *t = kept;
    return ST_OK;
}

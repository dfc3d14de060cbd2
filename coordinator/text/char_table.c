#include "coordinator/text/char_table.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/unicode.h"

enum { DOTTED_I = 0x130, DOT_ABOVE = 0x307 };

const struct clean_up clean_up_standard = {1, 1, 1};

/* Of all characters, the dotted capital I alone has two as its lower case; decomposed it is a plain I. */
int clean_up_parts(const struct clean_up *clean, uint32_t c, uint32_t out[4])
{
    if (clean->strip) return unicode_decompose(c, out);
    out[0] = c;
    if (c != DOTTED_I || !clean->lower) return 1;
    out[0] = 'i';
    out[1] = DOT_ABOVE;
    return 2;
}

int clean_up_drops(const struct clean_up *clean, uint32_t c)
{
    return clean->strip && unicode_class_of(c) == UNICODE_MARK;
}

static uint32_t entry_of(enum char_kind kind, uint32_t value)
{
    return (uint32_t)kind << CHAR_KIND_SHIFT | value;
}

static uint32_t single_entry(const struct char_ids *ids, uint32_t c)
{
    char text[4];
    int32_t id = ids ? ids->id(ids->arg, text, utf8_encode(c, text)) : (int32_t)c;

    return entry_of(c == '[' ? CHAR_BRACKET : CHAR_SINGLE, (uint32_t)(id < 0 ? ids->unknown : id));
}

static uint32_t make_entry(const struct char_ids *ids, const struct clean_up *clean, uint32_t c)
{
    enum unicode_class what = unicode_class_of(c);
    uint32_t parts[4], kept = 0;
    int count, left = 0;

    if (what == UNICODE_DROP) return entry_of(CHAR_DROP, 0);
    if (what == UNICODE_SPACE) return entry_of(CHAR_SPACE, 0);
    count = clean_up_parts(clean, c, parts);
    if (what == UNICODE_CHINESE && clean->chinese && count == 1) return single_entry(ids, parts[0]);
    for (int i = 0; i < count; i++) {
        if (clean_up_drops(clean, parts[i])) continue;
        if (clean->strip && unicode_combining(parts[i]) != 0) return entry_of(CHAR_CLUSTER, 0);
        kept = clean->lower ? unicode_lower(parts[i]) : parts[i];
        left++;
    }
    if (left == 0) return entry_of(CHAR_DROP, 0);
    if (left > 1) return entry_of(CHAR_SEVERAL, 0);
    if (unicode_class_of(kept) == UNICODE_PUNCTUATION) return single_entry(ids, kept);
    return entry_of(CHAR_LETTER, kept == c ? 0 : kept);
}

/* Keep a page, or find the equal one: most are all plain letters, private use, Hangul, or Chinese without an id. */
static status keep_page(struct char_table *t, const uint32_t *page, const uint32_t **out)
{
    uint32_t *copy;

    for (size_t i = 0; i < t->owned_count; i++)
        if (memcmp(t->owned[i], page, CHAR_PAGE * sizeof *page) == 0) {
            *out = t->owned[i];
            return ST_OK;
        }
    TRY(mem_grow(&t->owned, &t->owned_room, t->owned_count + 1, sizeof *t->owned));
    TRY(mem_alloc(CHAR_PAGE, sizeof *copy, &copy));
    memcpy(copy, page, CHAR_PAGE * sizeof *page);
    t->owned[t->owned_count++] = copy;
    *out = copy;
    return ST_OK;
}

static void make_page(const struct char_ids *ids, const struct clean_up *clean, uint32_t first, uint32_t *page)
{
    if (unicode_is_plain(first, first + CHAR_PAGE - 1)) {
        memset(page, 0, CHAR_PAGE * sizeof *page);
        return;
    }
    for (uint32_t i = 0; i < CHAR_PAGE; i++) page[i] = make_entry(ids, clean, first + i);
}

status char_table_new(const struct char_ids *ids, const struct clean_up *clean, struct char_table **out)
{
    uint32_t page[CHAR_PAGE];

    TRY(mem_alloc(1, sizeof **out, out));
    for (uint32_t p = 0; p < CHAR_PAGES; p++) {
        make_page(ids, clean, p * CHAR_PAGE, page);
        TRY(keep_page(*out, page, &(*out)->pages[p]));
    }
    return ST_OK;
}

void char_table_destroy(struct char_table **t)
{
    if (!*t) return;
    for (size_t i = 0; i < (*t)->owned_count; i++) mem_free((*t)->owned[i]);
    mem_free((*t)->owned);
    mem_free(*t);
    *t = NULL;
}

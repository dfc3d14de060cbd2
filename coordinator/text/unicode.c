/* Binary search in the tables. Speed does not matter here: every vocabulary makes a direct table of the results. */
#include "coordinator/text/unicode.h"

enum {
    HANGUL = 0xac00,
    HANGUL_COUNT = 11172,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11a7,
    HANGUL_V_COUNT = 21,
    HANGUL_T_COUNT = 28
};

/* The last element of a sorted table whose first code point is not above c, NULL when there is none. Every element
 * begins with that code point. */
static const void *find_range(const void *table, size_t count, size_t size, uint32_t c)
{
    const char *base = table;
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (*(const uint32_t *)(const void *)(base + middle * size) <= c) low = middle + 1;
        else high = middle;
    }
    return low > 0 ? base + (low - 1) * size : NULL;
}

enum unicode_class unicode_class_of(uint32_t c)
{
    const struct unicode_class_range *r = find_range(unicode_classes, unicode_classes_count, sizeof *r, c);

    return r && c <= r->last ? r->what : UNICODE_LETTER;
}

int unicode_combining(uint32_t c)
{
    const struct unicode_combining_range *r = find_range(unicode_combinings, unicode_combinings_count, sizeof *r, c);

    return r && c <= r->last ? r->order : 0;
}

uint32_t unicode_lower(uint32_t c)
{
    const struct unicode_lower_range *r = find_range(unicode_lowers, unicode_lowers_count, sizeof *r, c);

    if (!r || c > r->last || (c - r->first) % (uint32_t)r->step != 0) return c;
    return (uint32_t)((int32_t)c + r->delta);
}

static int decompose_hangul(uint32_t c, uint32_t out[4])
{
    uint32_t s = c - HANGUL;

    out[0] = HANGUL_L + s / (HANGUL_V_COUNT * HANGUL_T_COUNT);
    out[1] = HANGUL_V + s / HANGUL_T_COUNT % HANGUL_V_COUNT;
    out[2] = HANGUL_T + s % HANGUL_T_COUNT;
    return s % HANGUL_T_COUNT ? 3 : 2;
}

int unicode_decompose(uint32_t c, uint32_t out[4])
{
    const struct unicode_decomposition *d;
    int n = 0;

    if (c >= HANGUL && c < HANGUL + HANGUL_COUNT) return decompose_hangul(c, out);
    d = find_range(unicode_decompositions, unicode_decompositions_count, sizeof *d, c);
    if (!d || d->from != c) {
        out[0] = c;
        return 1;
    }
    while (n < 4 && d->to[n]) {
        out[n] = d->to[n];
        n++;
    }
    return n;
}

int unicode_is_plain(uint32_t first, uint32_t last)
{
    const struct unicode_class_range *a = find_range(unicode_classes, unicode_classes_count, sizeof *a, last);
    const struct unicode_combining_range *b = find_range(unicode_combinings, unicode_combinings_count, sizeof *b, last);
    const struct unicode_lower_range *c = find_range(unicode_lowers, unicode_lowers_count, sizeof *c, last);
    const struct unicode_decomposition *d = find_range(unicode_decompositions, unicode_decompositions_count, sizeof *d,
                                                       last);

    return (!a || a->last < first) && (!b || b->last < first) && (!c || c->last < first) && (!d || d->from < first) &&
           (last < HANGUL || first >= HANGUL + HANGUL_COUNT);
}

int unicode_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x85 || unicode_class_of(c) == UNICODE_SPACE;
}

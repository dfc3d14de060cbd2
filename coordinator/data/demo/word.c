/* Words, dice and texts of the demo grammar. */
#include "coordinator/data/demo/word.h"

#include <string.h>

#include <xxhash.h>

struct demo_dice demo_dice_at(struct random_key key, uint32_t a, uint32_t b, uint32_t c)
{
    return (struct demo_dice){.key = random_derive(key, a, b, c, 0)};
}

int demo_below(struct demo_dice *d, int n)
{
    return (int)(((uint64_t)random_word(d->key, d->next++) * (uint64_t)n) >> 32);
}

int demo_chance(struct demo_dice *d, int percent)
{
    return demo_below(d, 100) < percent;
}

int demo_half(const struct demo_dice *d)
{
    return (int)((d->combination * 0x9e3779b97f4a7c15u) >> 63);
}

static struct demo_word item_from(const char *s)
{
    return (struct demo_word){s, (int)strcspn(s, " ")};
}

int demo_count(const char *list)
{
    int n = *list != 0;

    for (const char *s = list; (s = strchr(s, ' ')); s++) n++;
    return n;
}

struct demo_word demo_item(const char *list, int at)
{
    for (; at > 0; at--) {
        list = strchr(list, ' ');
        if (!list) return (struct demo_word){"", 0};
        list++;
    }
    return item_from(list);
}

int demo_same(struct demo_word a, struct demo_word b)
{
    return a.n == b.n && memcmp(a.s, b.s, (size_t)a.n) == 0;
}

int demo_index(const char *list, struct demo_word w)
{
    int n = demo_count(list);

    for (int i = 0; i < n; i++)
        if (demo_same(demo_item(list, i), w)) return i;
    return -1;
}

struct demo_word demo_form(struct demo_word item, int form)
{
    const char *slash = memchr(item.s, '/', (size_t)item.n);
    int first;

    if (!slash) return item;
    first = (int)(slash - item.s);
    return form ? (struct demo_word){slash + 1, item.n - first - 1} : (struct demo_word){item.s, first};
}

struct demo_word demo_as_word(const char *s)
{
    return (struct demo_word){s, (int)strlen(s)};
}

static struct demo_word counted(struct demo_dice *d, struct demo_word w)
{
    d->combination += XXH64(w.s, (size_t)w.n, 0) | 1;
    return w;
}

struct demo_word demo_frame(struct demo_dice *d, const char *list)
{
    return demo_item(list, demo_below(d, demo_count(list)));
}

struct demo_word demo_pick(struct demo_dice *d, const char *list)
{
    return counted(d, demo_frame(d, list));
}

void demo_order(struct demo_dice *d, int n, int *out)
{
    for (int i = 0; i < n; i++) {
        int j = demo_below(d, i + 1);

        out[i] = out[j];
        out[j] = i;
    }
}

void demo_pick_some(struct demo_dice *d, const char *list, int n, struct demo_word *out)
{
    int order[64], count = demo_count(list);

    if (count > 64) count = 64;
    demo_order(d, count, order);
    for (int i = 0; i < n; i++) out[i] = i < count ? counted(d, demo_item(list, order[i])) : (struct demo_word){"", 0};
}

struct demo_word demo_pick_other(struct demo_dice *d, const char *list, struct demo_word w)
{
    int n = demo_count(list), at = demo_index(list, w);

    return counted(d, demo_item(list, (at + 1 + demo_below(d, n - 1)) % n)); /* NOLINT: no list is empty */
}

void demo_add(struct demo_text *t, struct demo_word w)
{
    if (t->n + w.n >= DEMO_TEXT) return;
    memcpy(t->s + t->n, w.s, (size_t)w.n);
    t->n += w.n;
    t->s[t->n] = 0;
}

void demo_adds(struct demo_text *t, const char *s)
{
    demo_add(t, demo_as_word(s));
}

void demo_say(struct demo_text *t, struct demo_word frame, const struct demo_word *w)
{
    for (int i = 0; i < frame.n;) {
        const char *place = memchr(frame.s + i, '$', (size_t)(frame.n - i));
        int until = place ? (int)(place - frame.s) : frame.n;

        demo_add(t, (struct demo_word){frame.s + i, until - i});
        if (place && until + 1 < frame.n) demo_add(t, w[frame.s[until + 1] - '0']);
        i = until + 2;
    }
}

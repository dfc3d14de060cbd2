#include "coordinator/data/word_bag.h"

#include <string.h>

#include "cluster/base/memory.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/unicode.h"

void word_bag_fini(struct word_bag *bag)
{
    mem_free(bag->bytes);
    mem_free(bag->ends);
    *bag = (struct word_bag){0};
}

static size_t word_start(const struct word_bag *b, size_t word)
{
    return word > 0 ? b->ends[word - 1] : 0;
}

/* ---- of a text ---- */

static int is_article(const char *word, size_t n)
{
    return (n == 1 && *word == 'a') || (n == 2 && memcmp(word, "an", n) == 0) ||
           (n == 3 && memcmp(word, "the", n) == 0);
}

/* The bytes from the last word's end up to `to` are a word, if there are any. Returns where the next one begins. */
static size_t end_word(struct word_bag *b, size_t to)
{
    size_t from = word_start(b, b->count);

    if (to == from || is_article(b->bytes + from, to - from)) return from;
    b->ends[b->count++] = to;
    return to;
}

static size_t add_character(struct word_bag *b, size_t to, uint32_t c)
{
    enum unicode_class what = unicode_class_of(c);

    if (what == UNICODE_MARK) return to;
    if (what != UNICODE_CHINESE && what != UNICODE_PUNCTUATION)
        return to + utf8_encode(unicode_lower(c), b->bytes + to);
    to = end_word(b, to);
    return c < 128 ? to : end_word(b, to + utf8_encode(c, b->bytes + to));
}

status word_bag_of_text(const char *text, size_t n, struct word_bag *b)
{
    size_t to = 0;

    b->count = 0;
    for (size_t at = 0; at < n;) {
        uint32_t c, parts[4];
        enum unicode_class what;
        int count;

        at += utf8_decode(text + at, n - at, &c);
        if (c == UTF8_BAD) continue;
        TRY(mem_grow(&b->bytes, &b->byte_room, to + sizeof parts, 1));
        TRY(mem_grow(&b->ends, &b->end_room, b->count + 5, sizeof *b->ends));
        what = unicode_class_of(c);
        if (what == UNICODE_SPACE) to = end_word(b, to);
        if (what == UNICODE_SPACE || what == UNICODE_DROP) continue;
        count = unicode_decompose(c, parts);
        for (int i = 0; i < count; i++) to = add_character(b, to, parts[i]);
    }
    TRY(mem_grow(&b->ends, &b->end_room, b->count + 1, sizeof *b->ends));
    end_word(b, to);
    return ST_OK;
}

/* ---- of tokens ---- */

static int role_at(const struct token_roles *roles, int32_t id)
{
    return id >= 0 && id < roles->count ? roles->role[id] : TOKEN_WORD;
}

status word_bag_of_tokens(const struct token_roles *roles, const int32_t *ids, int count, struct word_bag *b)
{
    size_t to = 0;

    b->count = 0;
    TRY(mem_grow(&b->bytes, &b->byte_room, (size_t)count * sizeof *ids, 1));
    TRY(mem_grow(&b->ends, &b->end_room, (size_t)count, sizeof *b->ends));
    for (int at = 0, first = 0; at < count;
         first = at) { /* a text that begins inside a word begins with what it has of it */
        int role = role_at(roles, ids[at++]);
        size_t bytes;

        while (at < count && role_at(roles, ids[at]) == TOKEN_JOINED) at++;
        if (at - first == 1 && role != TOKEN_WORD && role != TOKEN_JOINED) continue;
        bytes = (size_t)(at - first) * sizeof *ids;
        memcpy(b->bytes + to, ids + first, bytes);
        b->ends[b->count++] = to += bytes;
    }
    return ST_OK;
}

/* ---- F1 ---- */

/* How often a word of a stands in b from its word `from` on. */
static int occurrences(const struct word_bag *a, size_t word, const struct word_bag *b, size_t from)
{
    size_t start = word_start(a, word), n = a->ends[word] - start;
    int found = 0;

    for (size_t i = from; i < b->count; i++) {
        size_t at = word_start(b, i);

        found += b->ends[i] - at == n && memcmp(b->bytes + at, a->bytes + start, n) == 0;
    }
    return found;
}

double word_bag_f1(const struct word_bag *a, const struct word_bag *b)
{
    int same = 0;

    /* Every occurrence in a is met by one in b, as long as b has some left. */
    for (size_t i = 0; i < a->count; i++) same += occurrences(a, i, a, i + 1) < occurrences(a, i, b, 0);
    return same > 0 ? 2.0 * same / (double)(a->count + b->count) : 0;
}

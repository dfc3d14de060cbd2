/* One pass over the bytes. Most characters need one look into the character table: a Chinese character or a
 * punctuation mark is a token at once, a letter is added to the current word, and a word that ends is cut into its
 * longest pieces.
 *
 * Offsets. Every character after clean-up stands for the character of the text it came from; a token's offsets are the
 * start of its first and the end of its last character. Removed characters belong to no token unless they lie inside
 * one.
 *
 * Added tokens, where the vocabulary has some, are cut out first; what lies between goes through the same pass.
 *
 * The one place where order matters is canonical reordering: marks after a letter are sorted by their combining
 * class. Almost all marks are removed afterwards and nobody can tell. Where one is kept (Hangul tone marks, musical
 * stems, scripts younger than the reference's tables) the whole cluster is worked out as the reference does it, see
 * cluster(). */
#include "coordinator/text/wordpiece.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/char_table.h"
#include "coordinator/text/piece_trie.h"
#include "coordinator/text/token_cutter.h"
#include "coordinator/text/unicode.h"

enum { WORD_CHARS = 100, WORD_BYTES = 4 * WORD_CHARS, COMBINING_CLASSES = 256 };

struct span {
    uint32_t start, end;
};

struct word_encoder {
    const struct vocabulary_tables *tables;
    struct token_list *out;
    const char *text;
    size_t size;
    size_t segment; /* where the text after the last special token begins */
    /* the word so far; beyond WORD_CHARS only the count and the last end go on */
    size_t chars, bytes;
    uint32_t last_end;
    struct span spans[WORD_BYTES]; /* a byte of the word -> the character of the text it came from */
    char word[WORD_BYTES];
};

void token_list_fini(struct token_list *list)
{
    mem_free(list->items);
    *list = (struct token_list){0};
}

/* ---- words ----------------------------------------------------------------------------------------------------- */

static inline status push(struct word_encoder *e, int32_t id, uint32_t start, uint32_t end)
{
    struct token_list *out = e->out;

    if (out->count == out->room) TRY(mem_grow(&out->items, &out->room, out->count + 1, sizeof *out->items));
    out->items[out->count++] = (struct token){id, start, end};
    return ST_OK;
}

/* The longest piece at byte `at` of the word under a root: its end, and its id; no piece: end 0. */
static inline size_t longest(const struct word_encoder *e, uint32_t root, size_t at, int32_t *id)
{
    const struct piece_trie *t = e->tables->pieces;
    uint32_t node = root;
    size_t end = 0;

    for (size_t i = at; i < e->bytes; i++) {
        node = piece_step(t, node, (unsigned char)e->word[i]);
        if (node == 0) break;
        if (t->ids[node] >= 0) {
            *id = t->ids[node];
            end = i + 1;
        }
    }
    return end;
}

/* The word ends: its pieces, or [UNK] for all of it when some part is no piece or it is too long. */
static status end_word(struct word_encoder *e)
{
    size_t before = e->out->count, at = 0;
    uint32_t root = PIECE_START;

    while (at < e->bytes && e->chars <= WORD_CHARS) {
        int32_t id = 0;
        size_t end = longest(e, root, at, &id);

        if (end == 0) break;
        TRY(push(e, id, e->spans[at].start, e->spans[end - 1].end));
        at = end;
        root = PIECE_WITHIN;
    }
    if (at < e->bytes) {
        e->out->count = before;
        TRY(push(e, e->tables->unknown, e->spans[0].start, e->last_end));
    }
    e->chars = e->bytes = 0;
    return ST_OK;
}

static inline void add_byte(struct word_encoder *e, char byte, uint32_t start, uint32_t end)
{
    e->last_end = end;
    if (e->chars++ >= WORD_CHARS) return;
    e->word[e->bytes] = byte;
    e->spans[e->bytes++] = (struct span){start, end};
}

static inline void add_char(struct word_encoder *e, uint32_t c, uint32_t start, uint32_t end)
{
    char text[4];
    size_t n;

    e->last_end = end;
    if (e->chars++ >= WORD_CHARS) return;
    n = utf8_encode(c, text);
    for (size_t i = 0; i < n; i++) {
        e->word[e->bytes] = text[i];
        e->spans[e->bytes++] = (struct span){start, end};
    }
}

/* ---- rare characters ------------------------------------------------------------------------------------------- */

/* A character as decomposition leaves it, with marks that go already gone. */
static status add_decomposed(struct word_encoder *e, uint32_t c, uint32_t start, uint32_t end)
{
    uint32_t entry = char_entry(e->tables->chars, c), value = char_entry_value(entry);

    if (char_entry_kind(entry) == CHAR_SINGLE || char_entry_kind(entry) == CHAR_BRACKET) {
        if (e->chars > 0) TRY(end_word(e));
        return push(e, (int32_t)value, start, end);
    }
    add_char(e, e->tables->clean.lower ? unicode_lower(c) : c, start, end);
    return ST_OK;
}

static status add_several(struct word_encoder *e, uint32_t c, uint32_t start, uint32_t end)
{
    uint32_t parts[4];
    int count = clean_up_parts(&e->tables->clean, c, parts);

    for (int i = 0; i < count; i++)
        if (!clean_up_drops(&e->tables->clean, parts[i])) TRY(add_decomposed(e, parts[i], start, end));
    return ST_OK;
}

/* One character of a cluster: where it stands, what it decomposes to, how many of these are in the sorted part. */
struct text_source {
    size_t at, end;
    uint32_t parts[4];
    int count, first;
};

/* The character at `at`, characters that clean-up removes skipped; 0 when the segment ends or one that is not
 * decomposed with its neighbours (white space, Chinese) stands there. first: the parts before it are starters. */
static int next_source(const struct word_encoder *e, size_t at, struct text_source *s)
{
    while (at < e->size) {
        uint32_t c;
        size_t n = utf8_decode(e->text + at, e->size - at, &c);
        enum unicode_class what = c == UTF8_BAD ? UNICODE_DROP : unicode_class_of(c);

        if (what == UNICODE_SPACE || what == UNICODE_CHINESE) return 0;
        if (what != UNICODE_DROP) {
            s->at = at;
            s->end = at + n;
            s->count = unicode_decompose(c, s->parts);
            for (s->first = s->count; s->first > 0 && unicode_combining(s->parts[s->first - 1]) != 0;) s->first--;
            return 1;
        }
        at += n;
    }
    return 0;
}

/* The start of the cluster to which the character at `at` belongs: the nearest character before it, or itself, that has
 * a starter; else the first mark after white space, a Chinese character or the start of the segment. */
static size_t cluster_start(const struct word_encoder *e, size_t at)
{
    size_t start = at, look = at;

    for (;;) {
        struct text_source s;
        uint32_t c;

        utf8_decode(e->text + look, e->size - look, &c);
        if (c == UTF8_BAD || unicode_class_of(c) == UNICODE_DROP) {
            /* not there */
        } else if (!next_source(e, look, &s)) {
            return start;
        } else {
            start = look;
            if (s.first > 0) return start;
        }
        if (look == e->segment) return start;
        look--;
        while (look > e->segment && ((unsigned char)e->text[look] & 0xc0) == 0x80) look--;
    }
}

/* The marks of one combining class, in order, of the sources from `at` on. The k-th mark of the sorted cluster that
 * begins a decomposition takes the offsets of the k-th character of the text, one that continues a decomposition those
 * of the character before: that is the reference's counting, right or not. place walks along. */
static status add_class(struct word_encoder *e, size_t at, int order, struct text_source *place, int *more)
{
    struct text_source s;
    int head = 1;

    while (next_source(e, at, &s) && (head || s.first == 0)) {
        for (int i = s.first; i < s.count; i++) {
            int own = unicode_combining(s.parts[i]);

            if (own > order && (*more == 0 || own < *more)) *more = own;
            if (own != order) continue;
            if (i == 0) next_source(e, place->end, place);
            if (unicode_class_of(s.parts[i]) != UNICODE_MARK)
                TRY(add_decomposed(e, s.parts[i], (uint32_t)place->at, (uint32_t)place->end));
        }
        at = s.end;
        head = 0;
    }
    return ST_OK;
}

/* The cluster around a mark at `at` that is not removed: its marks stably sorted by combining class, without memory for
 * them: one pass a class. Its starters went out before, unless the character at `at` has them. *next: after it. */
static status cluster(struct word_encoder *e, size_t at, size_t *next)
{
    size_t start = cluster_start(e, at);
    struct text_source s = {0}, place;
    int head = 1, more = 0;

    next_source(e, start, &s);
    place = s;
    if (s.first == 0) place.end = start;
    else if (start == at)
        for (int i = 0; i < s.first; i++)
            if (unicode_class_of(s.parts[i]) != UNICODE_MARK)
                TRY(add_decomposed(e, s.parts[i], (uint32_t)s.at, (uint32_t)s.end));
    for (int order = 0; order < COMBINING_CLASSES; order = more) {
        more = 0;
        TRY(add_class(e, start, order, &place, &more));
        if (more == 0) break;
    }
    for (*next = start; next_source(e, *next, &s) && (head || s.first == 0); head = 0) *next = s.end;
    return ST_OK;
}

/* ---- the pass -------------------------------------------------------------------------------------------------- */

/* A special token at text[at], which is '[': its length, 0 when there is none. */
static size_t special_at(const struct word_encoder *e, size_t at, int32_t *id)
{
    for (int i = 0; i < e->tables->special_count; i++) {
        const struct vocabulary_special *s = &e->tables->specials[i];

        if (s->n <= e->size - at && memcmp(e->text + at, s->text, s->n) == 0) {
            *id = s->id;
            return s->n;
        }
    }
    return 0;
}

static status bracket(struct word_encoder *e, size_t at, uint32_t value, size_t *next)
{
    int32_t id;
    size_t n;

    if (e->chars > 0) TRY(end_word(e));
    n = special_at(e, at, &id);
    if (n == 0) return push(e, (int32_t)value, (uint32_t)at, (uint32_t)at + 1);
    *next = e->segment = at + n;
    return push(e, id, (uint32_t)at, (uint32_t)*next);
}

/* Everything but letters, and words that end. *next is after the character and may be moved on. */
static status other_char(struct word_encoder *e, uint32_t c, uint32_t entry, size_t at, size_t *next)
{
    uint32_t value = char_entry_value(entry);

    switch (char_entry_kind(entry)) {
    case CHAR_SINGLE:
        if (e->chars > 0) TRY(end_word(e));
        return push(e, (int32_t)value, (uint32_t)at, (uint32_t)*next);
    case CHAR_SPACE: return e->chars > 0 ? end_word(e) : ST_OK;
    case CHAR_BRACKET: return bracket(e, at, value, next);
    case CHAR_LETTER: add_char(e, value ? value : c, (uint32_t)at, (uint32_t)*next); return ST_OK;
    case CHAR_SEVERAL: return add_several(e, c, (uint32_t)at, (uint32_t)*next);
    case CHAR_CLUSTER: return cluster(e, at, next);
    case CHAR_DROP: break;
    }
    return ST_OK;
}

/* As utf8_decode, with the three bytes of most Chinese text first. */
static inline size_t decode(const char *text, size_t n, uint32_t *c)
{
    const unsigned char *p = (const unsigned char *)text;

    if (n >= 3 && p[0] >= 0xe1 && p[0] <= 0xec && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        *c = (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return 3;
    }
    return utf8_decode(text, n, c);
}

/* The bytes from `at` to e->size. */
static status encode(struct word_encoder *e, size_t at)
{
    const struct char_table *chars = e->tables->chars;
    const uint32_t *ascii = chars->pages[0];

    e->segment = at;
    while (at < e->size) {
        unsigned char byte = (unsigned char)e->text[at];
        size_t next = at + 1;
        uint32_t c = byte, entry;

        if (byte < 0x80) {
            entry = ascii[byte];
            if (char_entry_kind(entry) == CHAR_LETTER) {
                uint32_t lower = char_entry_value(entry);
                add_byte(e, (char)(lower ? lower : byte), (uint32_t)at, (uint32_t)next);
                at = next;
                continue;
            }
        } else {
            next = at + decode(e->text + at, e->size - at, &c);
            if (c == UTF8_BAD) {
                at = next;
                continue;
            }
            entry = char_entry(chars, c);
        }
        if (char_entry_kind(entry) == CHAR_SINGLE && e->chars == 0) {
            TRY(push(e, (int32_t)char_entry_value(entry), (uint32_t)at, (uint32_t)next));
            at = next;
            continue;
        }
        TRY(other_char(e, c, entry, at, &next));
        at = next;
    }
    return e->chars > 0 ? end_word(e) : ST_OK;
}

/* The bytes from `at` to `to`, without the tokens that `next` finds in them; these come whole. */
static status encode_between(struct word_encoder *e, size_t at, size_t to,
                             int (*next)(const struct token_cutter *, const char *, size_t, size_t, struct token_cut *),
                             status (*part)(struct word_encoder *, size_t, size_t))
{
    struct token_cut cut;

    while (next(e->tables->cutter, e->text, at, to, &cut)) {
        TRY(part(e, at, cut.start));
        TRY(push(e, cut.id, (uint32_t)cut.start, (uint32_t)cut.end));
        at = cut.end;
    }
    return part(e, at, to);
}

static status encode_plain(struct word_encoder *e, size_t at, size_t to)
{
    e->size = to;
    return encode(e, at);
}

static status encode_cleaned(struct word_encoder *e, size_t at, size_t to)
{
    return encode_between(e, at, to, token_cutter_cleaned, encode_plain);
}

status wordpiece_encode(const struct vocabulary *v, const char *text, size_t n, struct token_list *out)
{
    struct word_encoder e;

    if (n >= UINT32_MAX) return fault(ST_INPUT, "text of %zu bytes, expected less than 4 GiB", n);
    e.tables = vocabulary_tables(v);
    e.out = out;
    e.text = text;
    e.size = n;
    e.segment = e.chars = e.bytes = 0;
    return e.tables->cutter ? encode_between(&e, 0, n, token_cutter_raw, encode_cleaned) : encode(&e, 0);
}

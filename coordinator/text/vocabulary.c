/* The file's bytes are kept; a piece is an offset and a length in them. Ids are found through one open hash table.
 * Added tokens come after the lines, once the tables of WordPiece are made: no word is ever cut into them. */
#include "coordinator/text/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/char_table.h"
#include "coordinator/text/piece_trie.h"
#include "coordinator/text/token_cutter.h"
#include "coordinator/text/unicode.h"

enum { DIGEST_ROOM = 33 };

static const char *const special_names[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

struct piece {
    uint32_t at, n;
};

struct vocabulary {
    char *name;
    char *text; /* the pieces, each ends with a 0 */
    struct piece *pieces;
    size_t count, room, lines;
    int files, odd_json;
    int32_t *slots; /* id + 1, 0: free */
    uint32_t mask;
    char digest[DIGEST_ROOM];
    struct char_table *chars;
    struct piece_trie trie;
    struct token_cutter *cutter;
    struct vocabulary_tables tables;
};

/* ---- lines ----------------------------------------------------------------------------------------------------- */

/* The bytes of text without the white space at its end; text is UTF-8. */
static size_t trimmed(const char *text, size_t n)
{
    while (n > 0) {
        size_t start = n - 1;
        uint32_t c;

        while (start > 0 && ((unsigned char)text[start] & 0xc0) == 0x80) start--;
        utf8_decode(text + start, n - start, &c);
        if (!unicode_is_space(c)) break;
        n = start;
    }
    return n;
}

/* Cut the text into pieces in place. */
static status cut_lines(struct vocabulary *v, size_t bytes)
{
    size_t at = 0;

    while (at < bytes) {
        const char *end = memchr(v->text + at, '\n', bytes - at);
        size_t n = end ? (size_t)(end - v->text) - at : bytes - at, bad = utf8_valid(v->text + at, n), kept;

        if (bad < n)
            return fault(ST_INPUT, "%s:%zu: invalid UTF-8 at byte %zu of the line", v->name, v->count + 1, bad + 1);
        if (v->count >= INT32_MAX) return fault(ST_INPUT, "%s: too many lines", v->name);
        TRY(mem_grow(&v->pieces, &v->room, v->count + 1, sizeof *v->pieces));
        kept = trimmed(v->text + at, n);
        v->text[at + kept] = 0;
        v->pieces[v->count++] = (struct piece){(uint32_t)at, (uint32_t)kept};
        at += n + 1;
    }
    if (v->count == 0) return fault(ST_INPUT, "%s: is empty, expected one piece a line", v->name);
    return ST_OK;
}

static int is_special(const struct added_token *t)
{
    for (size_t i = 0; i < sizeof special_names / sizeof *special_names; i++)
        if (strcmp(t->text, special_names[i]) == 0) return !t->cleaned;
    return 0;
}

/* What changes ids beside the pieces. A plain lower-case vocabulary has nothing here. */
static void digest_rest(const struct vocabulary *v, const struct added_tokens *added, struct digest *d)
{
    const struct clean_up *c = &v->tables.clean;
    const unsigned char how[4] = {0, (unsigned char)c->lower, (unsigned char)c->strip, (unsigned char)c->chinese};
    uint64_t sum = 0; /* in whatever order the files name them */

    if (!c->lower || !c->strip || !c->chinese) digest_add(d, how, sizeof how);
    for (size_t i = 0; added && i < added->count; i++) {
        const struct added_token *t = &added->items[i];
        uint64_t seed = (uint64_t)vocabulary_id(v, t->text, t->n) << 1 | (unsigned)t->cleaned;

        if (!is_special(t)) sum += XXH3_64bits_withSeed(t->text, t->n, seed) | 1;
    }
    if (sum != 0) digest_add(d, &sum, sizeof sum);
}

/* Of the lines alone; added tokens follow with their ids. */
static status make_digest(struct vocabulary *v, const struct added_tokens *added)
{
    struct digest d;

    TRY(digest_init(&d));
    for (size_t i = 0; i < v->lines; i++) {
        digest_add(&d, v->text + v->pieces[i].at, v->pieces[i].n);
        digest_add(&d, "\n", 1);
    }
    digest_rest(v, added, &d);
    digest_read_text(&d, v->digest);
    digest_fini(&d);
    return ST_OK;
}

/* ---- look-up --------------------------------------------------------------------------------------------------- */

/* The slot of a piece: its own, or the free one where it would stand. */
static uint32_t find_slot(const struct vocabulary *v, const char *text, size_t n)
{
    uint32_t slot = (uint32_t)XXH3_64bits(text, n) & v->mask;

    while (v->slots[slot] != 0) {
        const struct piece *p = &v->pieces[v->slots[slot] - 1];
        if (p->n == n && memcmp(v->text + p->at, text, n) == 0) break;
        slot = (slot + 1) & v->mask;
    }
    return slot;
}

/* Room for so many more pieces. */
static status make_slots(struct vocabulary *v, size_t more)
{
    size_t size = 64;

    while (size < 2 * (v->count + more)) size *= 2;
    TRY(mem_alloc(size, sizeof *v->slots, &v->slots));
    v->mask = (uint32_t)(size - 1);
    for (size_t i = 0; i < v->count; i++)
        v->slots[find_slot(v, v->text + v->pieces[i].at, v->pieces[i].n)] = (int32_t)i + 1;
    return ST_OK;
}

int32_t vocabulary_id(const struct vocabulary *v, const char *text, size_t n)
{
    return v->slots[find_slot(v, text, n)] - 1;
}

status vocabulary_need(const struct vocabulary *v, const char *piece, int32_t *id)
{
    *id = vocabulary_id(v, piece, strlen(piece));
    if (*id >= 0) return ST_OK;
    return fault(ST_INPUT, "%s: has no line %s", v->name, piece);
}

/* ---- the tables of WordPiece ----------------------------------------------------------------------------------- */

static status make_trie(struct vocabulary *v)
{
    TRY(piece_trie_init(&v->trie));
    for (size_t i = 0; i < v->count; i++) {
        const char *text = v->text + v->pieces[i].at;
        size_t n = v->pieces[i].n;

        if (n == 0) continue;
        TRY(piece_trie_add(&v->trie, PIECE_START, text, n, (int32_t)i));
        if (n > 2 && text[0] == '#' && text[1] == '#')
            TRY(piece_trie_add(&v->trie, PIECE_WITHIN, text + 2, n - 2, (int32_t)i));
    }
    return ST_OK;
}

static status make_tables(struct vocabulary *v)
{
    struct vocabulary_tables *t = &v->tables;

    TRY(vocabulary_need(v, "[UNK]", &t->unknown));
    TRY(make_trie(v));
    TRY(char_table_new(v, t->unknown, &t->clean, &v->chars));
    t->chars = v->chars;
    t->pieces = &v->trie;
    for (size_t i = 0; i < sizeof special_names / sizeof *special_names; i++) {
        size_t n = strlen(special_names[i]);
        int32_t id = vocabulary_id(v, special_names[i], n);

        if (id >= 0) t->specials[t->special_count++] = (struct vocabulary_special){special_names[i], n, id};
    }
    return ST_OK;
}

/* ---- added tokens ---------------------------------------------------------------------------------------------- */

/* The token's text after all other pieces. bytes: of text so far. */
static status add_piece(struct vocabulary *v, const struct added_token *t, size_t *bytes, size_t *text_room)
{
    TRY(mem_grow(&v->text, text_room, *bytes + t->n + 1, 1));
    TRY(mem_grow(&v->pieces, &v->room, v->count + 1, sizeof *v->pieces));
    memcpy(v->text + *bytes, t->text, t->n + 1);
    v->pieces[v->count] = (struct piece){(uint32_t)*bytes, (uint32_t)t->n};
    *bytes += t->n + 1;
    v->slots[find_slot(v, t->text, t->n)] = (int32_t)v->count + 1;
    v->count++;
    return ST_OK;
}

/* A token that is a piece has the piece's id, another one the next after all pieces: so the library deals ids,
 * whatever the file says, and a file that says something else is one that nobody can follow. */
static status place_token(struct vocabulary *v, const struct added_token *t, size_t *bytes, size_t *text_room)
{
    int32_t id = vocabulary_id(v, t->text, t->n);

    if (id < 0 && t->id >= 0 && t->id != (int64_t)v->count)
        return fault(ST_INPUT, "%s: the added token \"%.60s\" has the id %lld, expected %zu, the next one behind %s",
                     t->file, t->text, (long long)t->id, v->count, v->name);
    if (id >= 0 && t->id >= 0 && t->id != id)
        return fault(ST_INPUT, "%s: the added token \"%.60s\" has the id %lld, in %s it has %d", t->file, t->text,
                     (long long)t->id, v->name, id);
    return id >= 0 ? ST_OK : add_piece(v, t, bytes, text_room);
}

/* The cutter takes all tokens over, special ones too. */
static status make_cutter(struct vocabulary *v, const struct added_tokens *added)
{
    size_t specials = (size_t)v->tables.special_count, count = specials + added->count, n = 0;
    struct added_token *tokens = NULL;
    int32_t *ids = NULL;
    status s = mem_alloc(count, sizeof *tokens, &tokens);

    if (s == ST_OK) s = mem_alloc(count, sizeof *ids, &ids);
    for (size_t i = 0; i < specials && s == ST_OK; i++) {
        const struct vocabulary_special *special = &v->tables.specials[i];

        if (added_tokens_find(added, special->text, special->n)) continue;
        ids[n] = special->id;
        tokens[n++] = (struct added_token){.text = special->text, .n = special->n, .file = v->name};
    }
    for (size_t i = 0; i < added->count && s == ST_OK; i++) {
        ids[n] = vocabulary_id(v, added->items[i].text, added->items[i].n);
        tokens[n++] = added->items[i];
    }
    if (s == ST_OK) s = token_cutter_new(tokens, ids, n, &v->tables.clean, &v->cutter);
    mem_free(tokens);
    mem_free(ids);
    v->tables.cutter = v->cutter;
    v->tables.special_count = 0;
    return s;
}

static status take_added(struct vocabulary *v, const struct added_tokens *added, size_t bytes)
{
    size_t text_room = bytes + 1, extra = 0;

    bytes++;
    for (size_t i = 0; i < added->count; i++) {
        TRY(place_token(v, &added->items[i], &bytes, &text_room));
        extra += !is_special(&added->items[i]);
    }
    return extra > 0 ? make_cutter(v, added) : ST_OK;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static status build(struct vocabulary *v, const struct vocabulary_parts *parts)
{
    TRY(mem_text(parts->path, strlen(parts->path), &v->name));
    TRY(cut_lines(v, parts->bytes));
    v->lines = v->count;
    TRY(make_slots(v, parts->added ? parts->added->count : 0));
    TRY(make_tables(v));
    if (parts->added) TRY(take_added(v, parts->added, parts->bytes));
    return make_digest(v, parts->added);
}

status vocabulary_build(const struct vocabulary_parts *parts, struct vocabulary **out)
{
    struct vocabulary *v;
    status s;

    *out = NULL;
    if (mem_alloc(1, sizeof *v, &v) != ST_OK) {
        mem_free(parts->lines);
        return ST_MEMORY;
    }
    v->text = parts->lines;
    v->tables.clean = *parts->clean;
    v->files = parts->files;
    v->odd_json = parts->odd_json;
    s = build(v, parts);
    if (s == ST_OK) *out = v;
    else vocabulary_destroy(&v);
    return s;
}

status vocabulary_parse(const char *name, const char *data, size_t bytes, struct vocabulary **out)
{
    struct vocabulary_parts parts = {.path = name, .bytes = bytes, .clean = &clean_up_standard};

    *out = NULL;
    if (bytes > VOCABULARY_LIMIT)
        return fault(ST_INPUT, "%s: %zu bytes, expected at most %d", name, bytes, VOCABULARY_LIMIT);
    TRY(mem_text(data, bytes, &parts.lines));
    return vocabulary_build(&parts, out);
}

void vocabulary_destroy(struct vocabulary **v)
{
    if (!*v) return;
    token_cutter_destroy(&(*v)->cutter);
    piece_trie_fini(&(*v)->trie);
    char_table_destroy(&(*v)->chars);
    mem_free((*v)->slots);
    mem_free((*v)->pieces);
    mem_free((*v)->text);
    mem_free((*v)->name);
    mem_free(*v);
    *v = NULL;
}

const char *vocabulary_text(const struct vocabulary *v, int32_t id, size_t *n)
{
    if (id < 0 || (size_t)id >= v->count) return NULL;
    if (n) *n = v->pieces[id].n;
    return v->text + v->pieces[id].at;
}

int32_t vocabulary_size(const struct vocabulary *v)
{
    return (int32_t)v->count;
}

const char *vocabulary_digest(const struct vocabulary *v)
{
    return v->digest;
}

const struct vocabulary_tables *vocabulary_tables(const struct vocabulary *v)
{
    return &v->tables;
}

const char *vocabulary_path(const struct vocabulary *v)
{
    return v->name;
}

int vocabulary_has_files(const struct vocabulary *v)
{
    return v->files;
}

int vocabulary_has_odd_json(const struct vocabulary *v)
{
    return v->odd_json;
}

/* The file's bytes are kept; a piece is an offset and a length in them. Ids are found through one open hash table. */
#include "coordinator/text/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/char_table.h"
#include "coordinator/text/piece_table.h"
#include "coordinator/text/piece_trie.h"
#include "coordinator/text/unicode.h"

enum { FILE_LIMIT = 64 << 20 };

static const char *const special_names[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

struct vocabulary {
    char *name;
    struct piece_table table;    /* a piece's number is its id */
    char digest[DIGEST_TEXT];
    struct char_table *chars;
    struct piece_trie trie;
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
        const char *end = memchr(v->table.text + at, '\n', bytes - at);
        size_t n = end ? (size_t)(end - v->table.text) - at : bytes - at, bad = utf8_valid(v->table.text + at, n), kept;

        if (bad < n)
            return fault(ST_INPUT, "%s:%zu: invalid UTF-8 at byte %zu of the line", v->name, v->table.count + 1, bad + 1);
        if (v->table.count >= INT32_MAX) return fault(ST_INPUT, "%s: too many lines", v->name);
        TRY(mem_grow(&v->table.pieces, &v->table.room, v->table.count + 1, sizeof *v->table.pieces));
        kept = trimmed(v->table.text + at, n);
        v->table.text[at + kept] = 0;
        v->table.pieces[v->table.count++] = (struct piece){(uint32_t)at, (uint32_t)kept};
        at += n + 1;
    }
    if (v->table.count == 0) return fault(ST_INPUT, "%s: is empty, expected one piece a line", v->name);
    return ST_OK;
}

static status make_digest(struct vocabulary *v)
{
    struct digest digest;

    TRY(digest_init(&digest));
    for (size_t i = 0; i < v->table.count; i++) {
        digest_add(&digest, v->table.text + v->table.pieces[i].at, v->table.pieces[i].n);
        digest_add(&digest, "\n", 1);
    }
    digest_read_text(&digest, v->digest);
    digest_fini(&digest);
    return ST_OK;
}

/* ---- look-up --------------------------------------------------------------------------------------------------- */

int32_t vocabulary_id(const struct vocabulary *v, const char *text, size_t n)
{
    return piece_table_find(&v->table, text, n);
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
    for (size_t i = 0; i < v->table.count; i++) {
        const char *text = v->table.text + v->table.pieces[i].at;
        size_t n = v->table.pieces[i].n;

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
    TRY(char_table_new(&v->table, t->unknown, &v->chars));
    t->chars = v->chars;
    t->pieces = &v->trie;
    for (size_t i = 0; i < sizeof special_names / sizeof *special_names; i++) {
        size_t n = strlen(special_names[i]);
        int32_t id = vocabulary_id(v, special_names[i], n);

        if (id >= 0) t->specials[t->special_count++] = (struct vocabulary_special){special_names[i], n, id};
    }
    return ST_OK;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* v owns text from here on; it has a 0 behind its last byte. */
static status take_text(const char *name, char *text, size_t bytes, struct vocabulary **out)
{
    struct vocabulary *v;

    *out = NULL;
    if (mem_alloc(1, sizeof *v, &v) != ST_OK) {
        mem_free(text);
        return ST_MEMORY;
    }
    *out = v;
    v->table.text = text;
    TRY(mem_text(name, strlen(name), &v->name));
    TRY(cut_lines(v, bytes));
    TRY(make_digest(v));
    TRY(piece_table_index(&v->table));
    return make_tables(v);
}

status vocabulary_parse(const char *name, const char *data, size_t bytes, struct vocabulary **out)
{
    char *text;
    status s;

    *out = NULL;
    if (bytes > FILE_LIMIT) return fault(ST_INPUT, "%s: %zu bytes, expected at most %d", name, bytes, FILE_LIMIT);
    TRY(mem_text(data, bytes, &text));
    s = take_text(name, text, bytes, out);
    if (s != ST_OK) vocabulary_destroy(out);
    return s;
}

status vocabulary_load(const char *path, struct vocabulary **out)
{
    size_t bytes;
    char *text;
    status s;

    *out = NULL;
    TRY(file_read(path, FILE_LIMIT, &text, &bytes));
    s = take_text(path, text, bytes, out);
    if (s != ST_OK) vocabulary_destroy(out);
    return s;
}

void vocabulary_destroy(struct vocabulary **v)
{
    if (!*v) return;
    piece_trie_fini(&(*v)->trie);
    char_table_destroy(&(*v)->chars);
    mem_free((*v)->table.slots);
    mem_free((*v)->table.pieces);
    mem_free((*v)->table.text);
    mem_free((*v)->name);
    mem_free(*v);
    *v = NULL;
}

const char *vocabulary_text(const struct vocabulary *v, int32_t id, size_t *n)
{
    if (id < 0 || (size_t)id >= v->table.count) return NULL;
    if (n) *n = v->table.pieces[id].n;
    return v->table.text + v->table.pieces[id].at;
}

int32_t vocabulary_size(const struct vocabulary *v)
{
    return (int32_t)v->table.count;
}

const char *vocabulary_digest(const struct vocabulary *v)
{
    return v->digest;
}

const struct vocabulary_tables *vocabulary_tables(const struct vocabulary *v)
{
    return &v->tables;
}

/* Words as sequences of ids in one array, found through an open hash table over their ids. */
#include "coordinator/mlm/word_list.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/digest.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stream.h"
#include "cluster/base/utf8.h"
#include "worker/train/masking.h"
#include "coordinator/text/wordpiece.h"

enum { LONGEST = 16, LINE_LIMIT = 1 << 16 }; /* pieces of a word; bytes of a line */

struct listed_word {
    size_t at;
    int32_t length;
};

struct word_list {
    int32_t *ids;
    size_t id_count, id_room;
    struct listed_word *words;
    size_t count, room;
    int32_t *slots; /* word + 1, 0: free; a power of two of them */
    uint64_t mask;
    int32_t longest;
    char digest[DIGEST_TEXT];
};

static uint64_t hash_of(const int32_t *ids, int32_t n)
{
    return XXH3_64bits(ids, (size_t)n * sizeof *ids);
}

static int32_t find_word(const struct word_list *w, const int32_t *ids, int32_t n)
{
    for (uint64_t slot = hash_of(ids, n) & w->mask;; slot = (slot + 1) & w->mask) {
        int32_t index = w->slots[slot] - 1;

        if (index < 0) return -1;
        if (w->words[index].length == n && memcmp(w->ids + w->words[index].at, ids, (size_t)n * sizeof *ids) == 0)
            return index;
    }
}

/* ---- loading ---- */

static status add_word(struct word_list *w, const struct token_list *tokens, int32_t unknown)
{
    int32_t n = (int32_t)tokens->count;

    if (tokens->count < 2 || tokens->count > LONGEST) return ST_OK;
    for (int32_t i = 0; i < n; i++)
        if (tokens->items[i].id == unknown) return ST_OK;
    TRY(mem_grow(&w->ids, &w->id_room, w->id_count + (size_t)n, sizeof *w->ids));
    TRY(mem_grow(&w->words, &w->room, w->count + 1, sizeof *w->words));
    w->words[w->count++] = (struct listed_word){w->id_count, n};
    for (int32_t i = 0; i < n; i++) w->ids[w->id_count++] = tokens->items[i].id;
    if (n > w->longest) w->longest = n;
    return ST_OK;
}

static status read_words(struct word_list *w, const char *path, const struct vocabulary *v)
{
    struct token_list tokens = {0};
    struct stream *in;
    int32_t unknown;
    status s;

    TRY(vocabulary_need(v, "[UNK]", &unknown));
    s = stream_open(path, &in);
    while (s == ST_OK) {
        char *text;
        size_t n;

        s = stream_line(in, LINE_LIMIT, &text, &n);
        if (s != ST_OK) break;
        if (utf8_valid(text, n) != n)
            s = fault(ST_INPUT, "%s:%lld: invalid UTF-8, expected a word a line", path,
                      (long long)stream_line_number(in));
        tokens.count = 0;
        if (s == ST_OK) s = wordpiece_encode(v, text, strcspn(text, " \t\r"), &tokens);
        if (s == ST_OK) s = add_word(w, &tokens, unknown);
    }
    stream_close(&in);
    token_list_fini(&tokens);
    return s == ST_END ? ST_OK : s;
}

static status make_table(struct word_list *w)
{
    uint64_t size = 16;
    XXH128_hash_t h = XXH3_128bits(w->ids, w->id_count * sizeof *w->ids);

    while (size < 2 * w->count) size *= 2;
    w->mask = size - 1;
    TRY(mem_alloc(size, sizeof *w->slots, &w->slots));
    for (size_t i = 0; i < w->count; i++) {
        uint64_t slot = hash_of(w->ids + w->words[i].at, w->words[i].length) & w->mask;

        while (w->slots[slot]) slot = (slot + 1) & w->mask;
        w->slots[slot] = (int32_t)i + 1;
    }
    for (size_t i = 0; i < w->count; i++) h.low64 = h.low64 * 31 + (uint64_t)w->words[i].length;
    digest_text(h, w->digest);
    return ST_OK;
}

status word_list_load(const char *path, const struct vocabulary *v, struct word_list **out)
{
    struct word_list *w;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *w, &w));
    s = read_words(w, path, v);
    if (s == ST_OK && w->count == 0)
        s = fault(ST_INPUT, "%s: no word of two pieces or more that the vocabulary has, expected a word a line", path);
    if (s == ST_OK) s = make_table(w);
    if (s != ST_OK) {
        word_list_destroy(&w);
        return s;
    }
    *out = w;
    return ST_OK;
}

void word_list_destroy(struct word_list **out)
{
    struct word_list *w = *out;

    if (!w) return;
    mem_free(w->ids);
    mem_free(w->words);
    mem_free(w->slots);
    mem_free(w);
    *out = NULL;
}

int64_t word_list_count(const struct word_list *w)
{
    return (int64_t)w->count;
}

const char *word_list_digest(const struct word_list *w)
{
    return w->digest;
}

/* ---- matching ---- */

/* Pieces of the longest word at the front of tokens; 1: none. */
static int32_t match(const struct word_list *w, const int32_t *tokens, int64_t n)
{
    int32_t ids[LONGEST], most = n < w->longest ? (int32_t)n : w->longest;

    for (int32_t i = 0; i < most; i++) ids[i] = token_id(tokens[i]);
    for (int32_t l = most; l > 1; l--) {
        if (l < n && (tokens[l] & TOKEN_JOINED)) continue; /* no word ends inside of another */
        if (find_word(w, ids, l) >= 0) return l;
    }
    return 1;
}

void word_list_mark(const struct word_list *w, int32_t *tokens, int64_t n)
{
    for (int64_t i = 0; i < n;) {
        int32_t l = tokens[i] & TOKEN_JOINED ? 1 : match(w, tokens + i, n - i);

        for (int32_t j = 1; j < l; j++) tokens[i + j] |= TOKEN_JOINED;
        i += l;
    }
}

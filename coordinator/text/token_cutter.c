/* Two tries over bytes. The raw one is walked over the text's own bytes; the other one over what each character of the
 * text becomes: a Chinese character has a space on either side then, as in the library, so that a token of Chinese
 * words is found where these characters stand side by side, and nowhere else. */
#include "coordinator/text/token_cutter.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/piece_trie.h"
#include "coordinator/text/unicode.h"

enum { FORM_ROOM = 24 };

struct token_cutter {
    struct piece_trie raw, cleaned; /* both from PIECE_START */
    size_t raw_count, cleaned_count;
    unsigned char begins[256]; /* 1: a raw token begins with that byte */
    struct clean_up clean;
    struct char_table *chars; /* without a vocabulary: characters for characters */
};

/* ---- what a character becomes ------------------------------------------------------------------------------------ */

static int put_char(uint32_t c, int apart, char *out)
{
    int n = 0;

    if (apart) out[n++] = ' ';
    n += (int)utf8_encode(c, out + n);
    if (apart) out[n++] = ' ';
    return n;
}

/* The bytes that c becomes: none when it is removed, -1 when it is taken apart or its place depends on its neighbours.
 */
static int clean_form(const struct token_cutter *t, uint32_t c, char out[FORM_ROOM])
{
    uint32_t entry, value;

    if (c == UTF8_BAD) return 0;
    entry = char_entry(t->chars, c);
    value = char_entry_value(entry);
    switch (char_entry_kind(entry)) {
    case CHAR_LETTER: return put_char(value ? value : c, 0, out);
    case CHAR_SPACE: return put_char(' ', 0, out);
    case CHAR_SINGLE:
    case CHAR_BRACKET: return put_char(value, unicode_class_of(value) == UNICODE_CHINESE, out);
    case CHAR_DROP: return 0;
    case CHAR_SEVERAL:
    case CHAR_CLUSTER: break;
    }
    return -1;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* The token that is there already in this form, -1 when there is none. */
static int32_t find_form(const struct token_cutter *t, const char *form, size_t n)
{
    uint32_t node = PIECE_START;

    for (size_t i = 0; i < n; i++) {
        node = piece_step(&t->cleaned, node, (unsigned char)form[i]);
        if (node == 0) return -1;
    }
    return t->cleaned.ids[node];
}

/* The library takes one of two tokens that are the same after clean-up, and not always the same one. */
static status add_form(struct token_cutter *t, const struct added_token *token, int32_t id, const char *form, size_t n)
{
    int32_t other = find_form(t, form, n);

    if (n == 0)
        return fault(ST_INPUT, "%s: nothing of the added token \"%.60s\" is left after clean-up", token->file,
                     token->text);
    if (other >= 0)
        return fault(ST_INPUT, "%s: the added tokens with the ids %d and %d, \"%.60s\", are the same after clean-up",
                     token->file, other, id, token->text);
    return piece_trie_add(&t->cleaned, PIECE_START, form, n, id);
}

static status add_cleaned(struct token_cutter *t, const struct added_token *token, int32_t id)
{
    char *form;
    size_t n = 0, at = 0;
    int whole = 1;
    status s = ST_OK;

    TRY(mem_alloc(token->n + 1, FORM_ROOM, &form));
    while (at < token->n && whole) {
        uint32_t c;
        int m;

        at += utf8_decode(token->text + at, token->n - at, &c);
        m = clean_form(t, c, form + n);
        whole = m >= 0;
        if (whole) n += (size_t)m;
    }
    if (!whole)
        s = fault(
            ST_INPUT,
            "%s: the added token \"%.60s\" has a character that clean-up takes apart, expected \"normalized\": false",
            token->file, token->text);
    else s = add_form(t, token, id, form, n);
    mem_free(form);
    t->cleaned_count++;
    return s;
}

static int is_space_at(const char *text, size_t n)
{
    uint32_t c;

    utf8_decode(text, n, &c);
    return c != UTF8_BAD && unicode_is_space(c);
}

static int has_outer_space(const struct added_token *t)
{
    size_t last = t->n - 1;

    while (last > 0 && ((unsigned char)t->text[last] & 0xc0) == 0x80) last--;
    return is_space_at(t->text, t->n) || is_space_at(t->text + last, t->n - last);
}

static status add_token(struct token_cutter *t, const struct added_token *token, int32_t id)
{
    if (token->whole_word)
        return fault(ST_INPUT, "%s: the added token \"%.60s\" has \"single_word\": true, expected false", token->file,
                     token->text);
    if (token->cleaned && has_outer_space(token))
        return fault(ST_INPUT, "%s: the added token \"%.60s\" begins or ends with white space", token->file,
                     token->text);
    if (token->cleaned) return add_cleaned(t, token, id);
    t->begins[(unsigned char)token->text[0]] = 1;
    t->raw_count++;
    return piece_trie_add(&t->raw, PIECE_START, token->text, token->n, id);
}

status token_cutter_new(const struct added_token *tokens, const int32_t *ids, size_t count,
                        const struct clean_up *clean, struct token_cutter **out)
{
    status s;

    TRY(mem_alloc(1, sizeof **out, out));
    (*out)->clean = *clean;
    s = piece_trie_init(&(*out)->raw);
    if (s == ST_OK) s = piece_trie_init(&(*out)->cleaned);
    if (s == ST_OK) s = char_table_new(NULL, clean, &(*out)->chars);
    for (size_t i = 0; i < count && s == ST_OK; i++) s = add_token(*out, &tokens[i], ids[i]);
    if (s != ST_OK) token_cutter_destroy(out);
    return s;
}

void token_cutter_destroy(struct token_cutter **cutter)
{
    struct token_cutter *t = *cutter;

    if (!t) return;
    piece_trie_fini(&t->raw);
    piece_trie_fini(&t->cleaned);
    char_table_destroy(&t->chars);
    mem_free(t);
    *cutter = NULL;
}

/* ---- cutting ----------------------------------------------------------------------------------------------------- */

static int raw_at(const struct token_cutter *t, const char *text, size_t at, size_t to, struct token_cut *out)
{
    uint32_t node = PIECE_START;
    int found = 0;

    for (size_t i = at; i < to; i++) {
        node = piece_step(&t->raw, node, (unsigned char)text[i]);
        if (node == 0) break;
        if (t->raw.ids[node] < 0) continue;
        *out = (struct token_cut){at, i + 1, t->raw.ids[node]};
        found = 1;
    }
    return found;
}

int token_cutter_raw(const struct token_cutter *cutter, const char *text, size_t from, size_t to, struct token_cut *out)
{
    if (cutter->raw_count == 0) return 0;
    for (size_t at = from; at < to; at++)
        if (cutter->begins[(unsigned char)text[at]] && raw_at(cutter, text, at, to, out)) return 1;
    return 0;
}

/* A token that begins with the character at `at`, whose form has m bytes and ends at `next`. */
static int cleaned_at(const struct token_cutter *t, const char *text, size_t at, size_t to, struct token_cut *out)
{
    uint32_t node = PIECE_START;
    int found = 0;

    for (size_t i = at; i < to;) {
        char form[FORM_ROOM];
        uint32_t c;
        size_t next = i + utf8_decode(text + i, to - i, &c);
        int m = clean_form(t, c, form);

        if (m < 0 || (m == 0 && i == at)) break;
        for (int k = 0; k < m; k++) {
            node = piece_step(&t->cleaned, node, (unsigned char)form[k]);
            if (node == 0) return found;
        }
        if (m > 0 && t->cleaned.ids[node] >= 0) {
            *out = (struct token_cut){at, next, t->cleaned.ids[node]};
            found = 1;
        }
        i = next;
    }
    return found;
}

int token_cutter_cleaned(const struct token_cutter *cutter, const char *text, size_t from, size_t to,
                         struct token_cut *out)
{
    uint32_t c;

    if (cutter->cleaned_count == 0) return 0;
    for (size_t at = from; at < to; at += utf8_decode(text + at, to - at, &c))
        if (cleaned_at(cutter, text, at, to, out)) return 1;
    return 0;
}

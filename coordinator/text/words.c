#include "coordinator/text/words.h"

#include "cluster/base/utf8.h"
#include "coordinator/text/unicode.h"

struct splitter {
    word_use *use;
    void *arg;
    size_t chars, bytes;
    char text[4 * WORD_CHARS_MOST];
};

static status end_word(struct splitter *s)
{
    const struct word word = {s->text, s->bytes, 0};
    int given = s->chars > 0 && s->chars <= WORD_CHARS_MOST;

    s->chars = s->bytes = 0;
    return given ? s->use(s->arg, &word) : ST_OK;
}

static void add_char(struct splitter *s, uint32_t c)
{
    if (s->chars++ < WORD_CHARS_MOST) s->bytes += utf8_encode(c, s->text + s->bytes);
}

static void add_parts(struct splitter *s, uint32_t c)
{
    uint32_t parts[4];
    int count = unicode_decompose(c, parts);

    for (int i = 0; i < count; i++)
        if (unicode_class_of(parts[i]) != UNICODE_MARK) add_char(s, unicode_lower(parts[i]));
}

static status add_character(struct splitter *s, uint32_t c, uint32_t entry)
{
    uint32_t value = char_entry_value(entry);

    switch (char_entry_kind(entry)) {
    case CHAR_LETTER: add_char(s, value ? value : c); break;
    case CHAR_SPACE: return end_word(s);
    case CHAR_SINGLE:
    case CHAR_BRACKET: TRY(end_word(s)); return s->use(s->arg, &(struct word){NULL, 0, value});
    case CHAR_SEVERAL:
    case CHAR_CLUSTER: add_parts(s, c); break;
    case CHAR_DROP: break;
    }
    return ST_OK;
}

status words_each(const struct char_table *chars, const char *text, size_t n, word_use *use, void *arg)
{
    struct splitter s = {.use = use, .arg = arg};
    size_t at = 0;

    while (at < n) {
        uint32_t c;

        at += utf8_decode(text + at, n - at, &c);
        if (c != UTF8_BAD) TRY(add_character(&s, c, char_entry(chars, c)));
    }
    return end_word(&s);
}

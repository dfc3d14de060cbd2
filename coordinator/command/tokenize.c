/* mp2 tokenize --vocab FILE [--offsets]: lines on standard input, a JSON array of ids a line on standard output.
 *
 * One thread, and memory for one line: a long line is encoded in parts that end where no word, special token or cluster
 * of marks can go on, so that its tokens are never all held at once. With --offsets such a line is encoded twice, since
 * its ids stand before its offsets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stream.h"
#include "coordinator/command/commands.h"
#include "coordinator/text/wordpiece.h"

enum { OUT_BYTES = 1 << 18, NUMBER_BYTES = 10, PART_BYTES = 1 << 16 };

struct tokenizer {
    struct vocabulary *vocabulary;
    struct token_list tokens;
    int with_offsets;
    char *out;
    size_t used;
};

static status flush(struct tokenizer *t)
{
    size_t n = t->used;

    t->used = 0;
    if (file_write_fully(STDOUT_FILENO, t->out, n) == ST_OK) return ST_OK;
    return fault(ST_IO, "standard output cannot be written: %s", strerror(errno));
}

static inline status make_room(struct tokenizer *t, size_t bytes)
{
    return OUT_BYTES - t->used < bytes ? flush(t) : ST_OK;
}

static inline char *put_number(char *p, uint32_t x)
{
    char *end = p + 1;

    for (uint32_t rest = x; rest >= 10; rest /= 10) end++;
    for (char *d = end; d > p; x /= 10) *--d = (char)('0' + x % 10);
    return end;
}

static status put_text(struct tokenizer *t, const char *text)
{
    size_t n = strlen(text);

    TRY(make_room(t, n));
    memcpy(t->out + t->used, text, n);
    t->used += n;
    return ST_OK;
}

static status put_ids(struct tokenizer *t, size_t base, int *first)
{
    (void)base;
    for (size_t i = 0; i < t->tokens.count; i++) {
        char *p;

        TRY(make_room(t, NUMBER_BYTES + 1));
        p = t->out + t->used;
        if (!*first) *p++ = ',';
        *first = 0;
        t->used = (size_t)(put_number(p, (uint32_t)t->tokens.items[i].id) - t->out);
    }
    return ST_OK;
}

static status put_offsets(struct tokenizer *t, size_t base, int *first)
{
    for (size_t i = 0; i < t->tokens.count; i++) {
        const struct token *token = &t->tokens.items[i];
        char *p;

        TRY(make_room(t, 2 * NUMBER_BYTES + 4));
        p = t->out + t->used;
        if (!*first) *p++ = ',';
        *first = 0;
        *p++ = '[';
        p = put_number(p, token->start + (uint32_t)base);
        *p++ = ',';
        p = put_number(p, token->end + (uint32_t)base);
        *p++ = ']';
        t->used = (size_t)(p - t->out);
    }
    return ST_OK;
}

/* How much of the text can be encoded alone: all of it when it is short, else up to a space or a Chinese character
 * (U+5000 … U+8FFF are enough) after the first PART_BYTES. */
static size_t part_end(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = PART_BYTES; i + 2 < n; i++)
        if (p[i] == ' ' || (p[i] >= 0xe5 && p[i] <= 0xe8 && (p[i + 1] & 0xc0) == 0x80 && (p[i + 2] & 0xc0) == 0x80))
            return i;
    return n;
}

/* Encode the line part by part and print one kind of thing. encoded: t->tokens are those of the whole line. */
static status put_parts(struct tokenizer *t, const char *line, size_t n, int encoded,
                        status (*put)(struct tokenizer *, size_t, int *))
{
    int first = 1;
    size_t at = 0;

    if (encoded) return put(t, 0, &first);
    while (at < n) {
        size_t part = part_end(line + at, n - at);

        t->tokens.count = 0;
        TRY(wordpiece_encode(t->vocabulary, line + at, part, &t->tokens));
        TRY(put(t, at, &first));
        at += part;
    }
    return ST_OK;
}

/* An added token may have a space or a Chinese character within, and without clean-up's spaces a word too: then a line
 * is encoded whole, however long. */
static int parts_can_end(const struct vocabulary *v)
{
    const struct vocabulary_tables *tables = vocabulary_tables(v);

    return !tables->cutter && tables->clean.chinese;
}

static status put_line(struct tokenizer *t, const char *line, size_t n)
{
    int encoded = n <= PART_BYTES || !parts_can_end(t->vocabulary);

    t->tokens.count = 0;
    if (encoded) TRY(wordpiece_encode(t->vocabulary, line, n, &t->tokens));
    TRY(put_text(t, t->with_offsets ? "{\"ids\":[" : "["));
    TRY(put_parts(t, line, n, encoded, put_ids));
    if (t->with_offsets) {
        TRY(put_text(t, "],\"offsets\":["));
        TRY(put_parts(t, line, n, encoded, put_offsets));
    }
    return put_text(t, t->with_offsets ? "]}\n" : "]\n");
}

static status put_lines(struct tokenizer *t)
{
    struct stream *in;
    char *line;
    size_t n;
    status s;

    TRY(stream_open_raw(STDIN_FILENO, "standard input", &in));
    while ((s = stream_line(in, UINT32_MAX - 1, &line, &n)) == ST_OK) {
        s = put_line(t, line, n);
        if (s == ST_OK && stream_waits(in)) s = flush(t); /* whoever talks to us through pipes waits for it */
        if (s != ST_OK) break;
    }
    stream_close(&in);
    return s == ST_END ? flush(t) : s;
}

static status parse_args(int argc, char **argv, const char **vocab, int *with_offsets)
{
    *vocab = NULL;
    *with_offsets = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--offsets") == 0) *with_offsets = 1;
        else if (strcmp(argv[i], "--vocab") == 0 && i + 1 < argc) *vocab = argv[++i];
        else return fault(ST_USAGE, "tokenize: unexpected \"%s\", expected --vocab FILE [--offsets]", argv[i]);
    }
    return *vocab ? ST_OK : fault(ST_USAGE, "tokenize: --vocab FILE is missing");
}

status cmd_tokenize(int argc, char **argv)
{
    struct tokenizer t = {0};
    const char *vocab;
    status s;

    TRY(parse_args(argc, argv, &vocab, &t.with_offsets));
    TRY(vocabulary_load(vocab, &t.vocabulary));
    s = mem_alloc(OUT_BYTES, 1, &t.out);
    if (s == ST_OK) s = put_lines(&t);
    mem_free(t.out);
    token_list_fini(&t.tokens);
    vocabulary_destroy(&t.vocabulary);
    return s;
}

/* The stream does the reading; here a line becomes an object. */
#include "coordinator/predict/lines.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stream.h"
#include "cluster/base/utf8.h"
#include "coordinator/data/reader.h"
#include "coordinator/predict/nested.h"

enum { LINE_BYTES = 16 << 20, COLUMN_LIMIT = 256 };

static const char why_json[] = "malformed JSON, or a member that stands there twice", why_object[] = "no JSON object",
                  why_utf8[] = "invalid UTF-8", why_columns[] = "another number of columns than in the first line";

struct lines {
    struct stream *stream;
    const char *name;
    const struct meta *meta;
    enum line_form form;
    int standard_input;
    char *first; /* table: the first line, cut at its tabs */
    const char *column[COLUMN_LIMIT];
    int columns;
    struct task_source source; /* of the reader */
    struct reader *reader;     /* SQuAD; the stream is its */
    int64_t questions;         /* it has given */
};

/* One value is told from lines before anything is read. */
static status find_form(struct lines *l)
{
    const char *text;
    size_t n, least = 1;
    int nested;

    do {
        TRY(stream_peek(l->stream, least, &text, &n));
        nested = nested_begins(text, n);
        if (n < least || n > PEEK_BYTES) break;
        least = n + 1;
    } while (nested < 0);
    if (nested != 1) return ST_OK;
    if (l->meta->kind == TASK_EXTRACTIVE) return l->form = LINES_SQUAD, ST_OK;
    return fault(ST_INPUT, "%s: is one JSON value (as SQuAD files are), expected JSON lines: an object a line",
                 l->name);
}

static status open_form(struct lines *l)
{
    if (l->form == LINES_AUTO) TRY(find_form(l));
    if (l->form != LINES_SQUAD) return ST_OK;
    l->source = (struct task_source){.format = FORMAT_SQUAD};
    return reader_take(&l->source, l->name, &l->stream, &l->reader);
}

status lines_open(const char *path, enum line_form form, const struct meta *meta, struct lines **out)
{
    struct lines *l;
    status s;

    *out = NULL;
    if (form == LINES_TEXT && (meta->fields > 1 || meta->kind == TASK_CHOICES))
        return fault(ST_INPUT, "task %s: a line of text does not say all of its fields, expected JSON lines", meta->id);
    if (form == LINES_TABLE && meta->kind == TASK_CHOICES)
        return fault(ST_INPUT, "task %s: a table has no options, expected JSON lines", meta->id);
    if (form == LINES_SQUAD && meta->kind != TASK_EXTRACTIVE)
        return fault(ST_INPUT, "task %s: SQuAD's form is for extraction, expected JSON lines", meta->id);
    TRY(mem_alloc(1, sizeof *l, &l));
    *l = (struct lines){.name = path, .meta = meta, .form = form, .standard_input = strcmp(path, "-") == 0};
    if (l->standard_input) l->name = "standard input";
    s = l->standard_input ? stream_open_raw(STDIN_FILENO, l->name, &l->stream) : stream_open(path, &l->stream);
    if (s == ST_OK) s = open_form(l);
    if (s != ST_OK) lines_close(&l);
    *out = l;
    return s;
}

void lines_close(struct lines **lines)
{
    struct lines *l = *lines;

    if (!l) return;
    reader_close(&l->reader);
    stream_close(&l->stream);
    mem_free(l->first);
    mem_free(l);
    *lines = NULL;
}

static enum line_form guess(const struct lines *l, const char *text)
{
    text += strspn(text, " \t");
    if (*text == '{' || l->meta->kind == TASK_CHOICES) return LINES_JSON;
    return l->meta->fields == 1 ? LINES_TEXT : LINES_TABLE;
}

/* ---- a table ---- */

static int column_of(const struct lines *l, const char *name)
{
    for (int i = 0; i < l->columns; i++)
        if (strcmp(l->column[i], name) == 0) return i;
    return -1;
}

static status read_names(struct lines *l, const char *text, size_t n)
{
    char *at;

    TRY(mem_text(text, n, &l->first));
    at = l->first;
    while (at && l->columns < COLUMN_LIMIT) l->column[l->columns++] = strsep(&at, "\t");
    for (int i = 0; i < l->meta->fields; i++)
        if (column_of(l, l->meta->field[i]) < 0)
            return fault(ST_INPUT,
                         "%s:%lld: found no column \"%s\"; expected JSON lines, or a first line that names the "
                         "columns between tabs",
                         l->name, (long long)lines_number(l), l->meta->field[i]);
    return ST_OK;
}

static json_t *cut_columns(const struct lines *l, const char *text, size_t n, const char **why)
{
    const char *end = text + n;
    json_t *row = json_object();
    int i = 0;

    for (;;) {
        const char *tab = memchr(text, '\t', (size_t)(end - text)), *stop = tab ? tab : end;

        if (i < l->columns) json_object_set_new(row, l->column[i], json_stringn(text, (size_t)(stop - text)));
        i++;
        if (!tab) break;
        text = tab + 1;
    }
    if (i == l->columns) return row;
    json_decref(row);
    *why = why_columns;
    return NULL;
}

/* ---- a line ---- */

static json_t *parse_object(const char *text, size_t n, const char **why)
{
    json_error_t error;
    json_t *row = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (json_is_object(row)) return row;
    *why = row ? why_object : json_error_code(&error) == json_error_invalid_utf8 ? why_utf8 : why_json;
    json_decref(row);
    return NULL;
}

static status take_line(struct lines *l, const char *text, size_t n, json_t **row, const char **why)
{
    if (l->form == LINES_JSON) return *row = parse_object(text, n, why), ST_OK;
    if (utf8_valid(text, n) != n) return *why = why_utf8, ST_OK;
    if (l->form == LINES_TABLE) return *row = cut_columns(l, text, n, why), ST_OK;
    *row = json_object();
    json_object_set_new(*row, l->meta->field[0], json_stringn(text, n));
    return ST_OK;
}

static status next_question(struct lines *l, json_t **row, const char **why)
{
    TRY(reader_next(l->reader, row, why));
    json_incref(*row);
    l->questions++;
    return ST_OK;
}

status lines_next(struct lines *l, json_t **row, const char **why)
{
    *row = NULL;
    *why = NULL;
    if (l->reader) return next_question(l, row, why);
    for (;;) {
        char *text;
        size_t n;

        TRY(stream_line(l->stream, LINE_BYTES, &text, &n));
        if (lines_number(l) == 1 && n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, n -= 3;
        if (n > 0 && text[n - 1] == '\r') text[--n] = 0;
        if (l->form == LINES_AUTO && strspn(text, " \t") < n) l->form = guess(l, text);
        if (l->form != LINES_TEXT && strspn(text, " \t") == n) continue;
        if (l->form != LINES_TABLE || l->first) return take_line(l, text, n, row, why);
        TRY(read_names(l, text, n));
    }
}

int64_t lines_number(const struct lines *l)
{
    return l->reader ? l->questions : stream_line_number(l->stream);
}

const char *lines_name(const struct lines *l)
{
    return l->name;
}

int lines_wait(const struct lines *l)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

    if (!l->standard_input || l->reader || !stream_waits(l->stream)) return 0;
    return poll(&in, 1, 0) == 0;
}

void lines_progress(const struct lines *l, uint64_t *done, uint64_t *total)
{
    int64_t size = l->reader ? 0 : stream_file_size(l->stream);

    *done = *total = 0;
    if (l->reader) return;
    *done = (uint64_t)stream_file_offset(l->stream);
    *total = size > 0 ? (uint64_t)size : 0;
}

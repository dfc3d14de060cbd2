/* The stream does the reading; here a line becomes an object. */
#include "coordinator/predict/lines.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stream.h"
#include "cluster/base/utf8.h"

enum { LINE_BYTES = 16 << 20, COLUMN_LIMIT = 256 };

static const char why_json[] = "malformed JSON, or a member that stands there twice", why_object[] = "no JSON object",
                  why_utf8[] = "invalid UTF-8", why_columns[] = "another number of columns than in the first line";

struct lines {
    struct stream *stream;
    const char *name;
    const struct meta *meta;
    enum line_form form;
    int standard_input;
    char *first;                    /* table: the first line, cut at its tabs */
    const char *column[COLUMN_LIMIT];
    int columns;
};

status lines_open(const char *path, enum line_form form, const struct meta *meta, struct lines **out)
{
    struct lines *l;
    status s;

    *out = NULL;
    if (form == LINES_TEXT && (meta->fields > 1 || meta->kind == TASK_CHOICES))
        return fault(ST_INPUT, "task %s: a line of text does not say all of its fields, expected JSON lines", meta->id);
    if (form == LINES_TABLE && meta->kind == TASK_CHOICES)
        return fault(ST_INPUT, "task %s: a table has no options, expected JSON lines", meta->id);
    TRY(mem_alloc(1, sizeof *l, &l));
    *l = (struct lines){.name = path, .meta = meta, .form = form, .standard_input = strcmp(path, "-") == 0};
    if (l->standard_input) l->name = "standard input";
    s = l->standard_input ? stream_open_raw(STDIN_FILENO, l->name, &l->stream) : stream_open(path, &l->stream);
    if (s != ST_OK) lines_close(&l);
    *out = l;
    return s;
}

void lines_close(struct lines **lines)
{
    struct lines *l = *lines;

    if (!l) return;
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
            return fault(ST_INPUT, "%s:%lld: found no column \"%s\"; expected JSON lines, or a first line that names the "
                         "columns between tabs", l->name, (long long)lines_number(l), l->meta->field[i]);
    return ST_OK;
}

static json_t *cut(const struct lines *l, const char *text, size_t n, const char **why)
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

static json_t *parse(const char *text, size_t n, const char **why)
{
    json_error_t error;
    json_t *row = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (json_is_object(row)) return row;
    *why = row ? why_object : json_error_code(&error) == json_error_invalid_utf8 ? why_utf8 : why_json;
    json_decref(row);
    return NULL;
}

static status take(struct lines *l, const char *text, size_t n, json_t **row, const char **why)
{
    if (l->form == LINES_JSON) return *row = parse(text, n, why), ST_OK;
    if (utf8_valid(text, n) != n) return *why = why_utf8, ST_OK;
    if (l->form == LINES_TABLE) return *row = cut(l, text, n, why), ST_OK;
    *row = json_object();
    json_object_set_new(*row, l->meta->field[0], json_stringn(text, n));
    return ST_OK;
}

status lines_next(struct lines *l, json_t **row, const char **why)
{
    *row = NULL;
    *why = NULL;
    for (;;) {
        char *text;
        size_t n;

        TRY(stream_line(l->stream, LINE_BYTES, &text, &n));
        if (lines_number(l) == 1 && n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, n -= 3;
        if (n > 0 && text[n - 1] == '\r') text[--n] = 0;
        if (l->form == LINES_AUTO && strspn(text, " \t") < n) l->form = guess(l, text);
        if (l->form != LINES_TEXT && strspn(text, " \t") == n) continue;
        if (l->form != LINES_TABLE || l->first) return take(l, text, n, row, why);
        TRY(read_names(l, text, n));
    }
}

int64_t lines_number(const struct lines *l)
{
    return stream_line_number(l->stream);
}

const char *lines_name(const struct lines *l)
{
    return l->name;
}

int lines_wait(const struct lines *l)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

    if (!l->standard_input || !stream_waits(l->stream)) return 0;
    return poll(&in, 1, 0) == 0;
}

void lines_progress(const struct lines *l, uint64_t *done, uint64_t *total)
{
    int64_t size = stream_file_size(l->stream);

    *done = (uint64_t)stream_file_offset(l->stream);
    *total = size > 0 ? (uint64_t)size : 0;
}

/* Tables: lines cut at a separator, or RFC 4180 (quotes, doubled quotes, lines inside quotes). */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/reader_kind.h"

/* A quote that never closes would swallow the file: a record ends here at the latest, and is a bad row. */
enum { RECORD_BYTES = 1 << 20, CELL_LIMIT = 128 };

static const char why_columns[] = "wrong number of columns", why_quotes[] = "quotes do not close";

struct cell { const char *text; size_t n; };

struct table {
    struct texts columns;
    struct mem_keep keep;
    char *record;           /* csv: the lines of a record, then its unquoted cells */
    size_t n, room;
    struct cell cell[CELL_LIMIT];
    size_t cells;
};

/* Cells beyond the limit are counted, not kept. */
static void add_cell(struct table *t, const char *text, size_t n)
{
    if (t->cells < CELL_LIMIT) t->cell[t->cells] = (struct cell){text, n};
    t->cells++;
}

static void cut_line(struct table *t, const char *separator, const char *text, size_t n)
{
    size_t width = strlen(separator);

    t->cells = 0;
    for (;;) {
        const char *at = memmem(text, n, separator, width);
        size_t m = at ? (size_t)(at - text) : n;
        add_cell(t, text, m);
        if (!at) return;
        text += m + width;
        n -= m + width;
    }
}

/* In place: a cell's unquoted bytes never stand behind their quoted ones. 0, or 1 when a quote is still open at the
 * end. */
static int cut_record(struct table *t, char separator)
{
    char *text = t->record;
    size_t i = 0, to = 0;

    t->cells = 0;
    for (;;) {
        size_t first = to;
        int quoted = i < t->n && text[i] == '"';
        i += (size_t)quoted;
        while (i < t->n && (quoted || text[i] != separator)) {
            if (quoted && text[i] == '"' && i + 1 < t->n && text[i + 1] == '"') text[to++] = '"', i += 2;
            else if (quoted && text[i] == '"') quoted = 0, i++;
            else text[to++] = text[i++];
        }
        if (quoted) return 1;
        add_cell(t, text + first, to - first);
        if (i >= t->n) return 0;
        i++;
    }
}

static int quotes_open(const char *text, size_t n, char separator)
{
    int quoted = 0, fresh = 1;

    for (size_t i = 0; i < n; i++) {
        if (quoted) {
            if (text[i] == '"' && i + 1 < n && text[i + 1] == '"') i++;
            else if (text[i] == '"') quoted = 0;
            continue;
        }
        quoted = fresh && text[i] == '"';
        fresh = text[i] == separator;
    }
    return quoted;
}

static status append(struct table *t, const char *text, size_t n)
{
    TRY(mem_grow(&t->record, &t->room, t->n + n + 2, 1));
    if (t->n > 0) t->record[t->n++] = '\n';
    memcpy(t->record + t->n, text, n);
    t->n += n;
    return ST_OK;
}

/* Lines up to the one that closes the quotes. */
static status csv_record(struct reader *r, struct table *t, const char **why)
{
    char separator = r->source->separator[0], *text;
    int64_t first;
    size_t n;
    status s;

    do TRY(reader_line(r, &text, &n));
    while (n == 0);
    first = r->line;
    t->n = 0;
    TRY(append(t, text, n));
    while (quotes_open(t->record, t->n, separator) && t->n < RECORD_BYTES) {
        s = reader_line(r, &text, &n);
        if (s == ST_END) break;
        if (s == ST_OK) s = append(t, text, n);
        if (s != ST_OK) return s;
    }
    r->line = first;
    if (cut_record(t, separator)) *why = why_quotes;
    return ST_OK;
}

static status table_record(struct reader *r, struct table *t, const char **why)
{
    char *text;
    size_t n;

    if (r->source->csv) return csv_record(r, t, why);
    do TRY(reader_line(r, &text, &n));
    while (n == 0);
    cut_line(t, r->source->separator, text, n);
    return ST_OK;
}

static status header_parse(struct reader *r, struct table *t)
{
    const char *why = NULL, **names;
    status s = table_record(r, t, &why);

    if (s == ST_END) return fault(ST_INPUT, "%s: is empty, expected a line of column names", r->path);
    TRY(s);
    if (why || t->cells > CELL_LIMIT) return fault(ST_INPUT, "%s:1: no line of column names: %s", r->path, why ? why
                                                   : why_columns);
    TRY(mem_keep_new(&t->keep, t->cells, sizeof *names, &names));
    for (size_t i = 0; i < t->cells; i++) {
        TRY(mem_keep_text(&t->keep, t->cell[i].text, t->cell[i].n, &names[i]));
        for (size_t k = 0; k < i; k++)
            if (strcmp(names[i], names[k]) == 0)
                return fault(ST_INPUT, "%s:1: two columns are named \"%.60s\"", r->path, names[i]);
    }
    t->columns = (struct texts){t->cells, names};
    return ST_OK;
}

/* A wrong header would make every row bad: one message instead. */
static status check_column(const struct reader *r, const struct table *t, const char *path)
{
    if (!path) return ST_OK;
    for (size_t i = 0; i < t->columns.count; i++)
        if (strcmp(t->columns.items[i], path) == 0) return ST_OK;
    return fault(ST_INPUT, "%s:1: no column is named \"%.60s\", which the task's entry asks for", r->path, path);
}

static status table_open(struct reader *r)
{
    const struct source *s = r->source;
    struct table *t;

    TRY(mem_alloc(1, sizeof *t, &t));
    r->state = t;
    t->columns = s->columns;
    if (!s->header) return ST_OK;
    TRY(header_parse(r, t));
    for (int i = 0; i < FIELD_LIMIT; i++)
        if (!s->field[i].constant) TRY(check_column(r, t, s->field[i].path));
    for (size_t i = 0; i < s->options.count; i++) TRY(check_column(r, t, s->options.items[i]));
    TRY(check_column(r, t, s->label));
    TRY(check_column(r, t, s->answer));
    return check_column(r, t, s->answers);
}

static status table_next(struct reader *r, json_t **row, const char **why)
{
    struct table *t = r->state;

    TRY(table_record(r, t, why));
    if (!*why && t->cells != t->columns.count) *why = why_columns;
    if (*why) return ST_OK;
    *row = json_object();
    for (size_t i = 0; i < t->cells; i++)
        if (reader_set(*row, t->columns.items[i], t->cell[i].text, t->cell[i].n) != 0) {
            json_decref(*row);
            *row = NULL;
            *why = why_utf8;
            return ST_OK;
        }
    return ST_OK;
}

static void table_close(struct reader *r)
{
    struct table *t = r->state;

    if (!t) return;
    mem_keep_free(&t->keep);
    mem_free(t->record);
    mem_free(t);
}

const struct reader_kind reader_table = {table_open, table_next, table_close};

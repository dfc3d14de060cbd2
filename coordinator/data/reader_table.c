/* Tables: lines cut at a separator, or RFC 4180 (quotes, doubled quotes, lines inside quotes). */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/reader_kind.h"

/* A quote that never closes would swallow the file: a record of so many bytes is none, its first line a bad row. */
enum { RECORD_BYTES = 1 << 20, CELL_LIMIT = 128 };

static const char why_columns[] = "wrong number of columns", why_quotes[] = "quotes do not close",
                  why_behind[] = "text behind a closing quote", note_behind[] = "text behind a closing quote, kept";

struct table_cell {
    const char *text;
    size_t n;
};

struct table_reader {
    struct texts columns;
    struct mem_keep keep;
    /* csv: lines, each with its \n; those from `at` on are not taken yet: several where a record came to nothing */
    char *lines;
    size_t at, have, line_room;
    int64_t line; /* number of the line at `at` */
    char *record; /* csv: the record's unquoted cells */
    size_t record_room;
    struct table_cell cell[CELL_LIMIT];
    size_t cells;
};

/* Cells beyond the limit are counted, not kept. */
static void add_cell(struct table_reader *t, const char *text, size_t n)
{
    if (t->cells < CELL_LIMIT) t->cell[t->cells] = (struct table_cell){text, n};
    t->cells++;
}

static void cut_line(struct table_reader *t, const char *separator, const char *text, size_t n)
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

/* ---- RFC 4180 ---- */

enum cell_state { CELL_START, CELL_PLAIN, CELL_QUOTED, CELL_CLOSED };

static enum cell_state next_state(enum cell_state s, char c, char separator)
{
    if (s == CELL_QUOTED) return c == '"' ? CELL_CLOSED : CELL_QUOTED;
    if (c == separator) return CELL_START;
    return c == '"' && s != CELL_PLAIN ? CELL_QUOTED : CELL_PLAIN;
}

static status read_line(struct reader *r, struct table_reader *t)
{
    char *text;
    size_t n;

    TRY(reader_line(r, &text, &n));
    if (t->at == t->have) {
        t->at = t->have = 0;
        t->line = r->line;
    }
    TRY(mem_grow(&t->lines, &t->line_room, t->have + n + 1, 1));
    memcpy(t->lines + t->have, text, n);
    t->lines[t->have + n] = '\n';
    t->have += n + 1;
    return ST_OK;
}

static size_t line_end(const struct table_reader *t, size_t from)
{
    const char *end = memchr(t->lines + from, '\n', t->have - from);

    return (size_t)(end - t->lines);
}

/* The lines of the record that begins at t->at: up to *end, where its last \n is. */
static status find_record(struct reader *r, struct table_reader *t, size_t *end, const char **why)
{
    enum cell_state state = CELL_START, next;
    size_t i = t->at, stop = line_end(t, i);
    int behind = 0;

    for (;; i++) {
        for (; i < stop; i++, state = next) {
            next = next_state(state, t->lines[i], r->source->separator[0]);
            behind |= state == CELL_CLOSED && next == CELL_PLAIN;
        }
        *end = stop;
        /* The quote that closes is often one that should open the cell of a later row. */
        if (behind && memchr(t->lines + t->at, '\n', stop - t->at)) return *why = why_behind, ST_OK;
        if (state != CELL_QUOTED) break;
        if (stop + 1 == t->have) {
            status s = stop - t->at < RECORD_BYTES ? read_line(r, t) : ST_END;
            if (s == ST_END) return *why = why_quotes, ST_OK;
            TRY(s);
        }
        stop = line_end(t, stop + 1);
    }
    if (behind) *why = note_behind;
    return ST_OK;
}

static status cut_record(struct table_reader *t, size_t end, char separator)
{
    enum cell_state state = CELL_START, next;
    size_t to = 0, first = 0;

    TRY(mem_grow(&t->record, &t->record_room, end - t->at + 1, 1));
    t->cells = 0;
    for (size_t i = t->at; i < end; i++, state = next) {
        next = next_state(state, t->lines[i], separator);
        if (next == CELL_START) {
            add_cell(t, t->record + first, to - first);
            first = to;
        } else if (next == CELL_PLAIN || (next == CELL_QUOTED && state != CELL_START)) {
            t->record[to++] = t->lines[i];
        }
    }
    add_cell(t, t->record + first, to - first);
    return ST_OK;
}

static void take_lines(struct table_reader *t, size_t to)
{
    for (; t->at < to; t->at++) t->line += t->lines[t->at] == '\n';
}

/* Of several lines that are no record only the first is lost: what follows may be rows. *row: cells are there. */
static status csv_record(struct reader *r, struct table_reader *t, int *row, const char **why)
{
    size_t end;

    if (t->at >= RECORD_BYTES) {
        memmove(t->lines, t->lines + t->at, t->have -= t->at);
        t->at = 0;
    }
    for (;;) {
        if (t->at == t->have) TRY(read_line(r, t));
        if (t->lines[t->at] != '\n') break;
        take_lines(t, t->at + 1);
    }
    r->line = t->line;
    TRY(find_record(r, t, &end, why));
    *row = *why == NULL || *why == note_behind;
    if (*row) TRY(cut_record(t, end, r->source->separator[0]));
    if (*row && t->columns.count > 0 && t->cells != t->columns.count) {
        *row = 0;
        *why = why_columns;
    }
    take_lines(t, (*row ? end : line_end(t, t->at)) + 1);
    return ST_OK;
}

/* *row: cells are there, as many as columns where these are known; *why: why not, or a note about the row. */
static status table_record(struct reader *r, struct table_reader *t, int *row, const char **why)
{
    char *text;
    size_t n;

    if (r->source->csv) return csv_record(r, t, row, why);
    do TRY(reader_line(r, &text, &n));
    while (n == 0);
    cut_line(t, r->source->separator, text, n);
    *row = t->columns.count == 0 || t->cells == t->columns.count;
    if (!*row) *why = why_columns;
    return ST_OK;
}

static status header_parse(struct reader *r, struct table_reader *t)
{
    const char *why = NULL, **names;
    int row = 0;
    status s = table_record(r, t, &row, &why);

    if (s == ST_END) return fault(ST_INPUT, "%s: is empty, expected a line of column names", r->path);
    TRY(s);
    if (why || t->cells > CELL_LIMIT)
        return fault(ST_INPUT, "%s:1: no line of column names: %s", r->path, why ? why : why_columns);
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
static status check_column(const struct reader *r, const struct table_reader *t, const char *path)
{
    if (!path) return ST_OK;
    for (size_t i = 0; i < t->columns.count; i++)
        if (strcmp(t->columns.items[i], path) == 0) return ST_OK;
    return fault(ST_INPUT, "%s:1: no column is named \"%.60s\", which the task's entry asks for", r->path, path);
}

static status table_open(struct reader *r)
{
    const struct task_source *s = r->source;
    struct table_reader *t;

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
    struct table_reader *t = r->state;
    int there;

    TRY(table_record(r, t, &there, why));
    if (!there) return ST_OK;
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
    struct table_reader *t = r->state;

    if (!t) return;
    mem_keep_free(&t->keep);
    mem_free(t->record);
    mem_free(t->lines);
    mem_free(t);
}

const struct reader_kind reader_table = {table_open, table_next, table_close};

/* Text between tags: <review id="3" label="1"> … </review>, over any lines. A row has the attributes, and `text`. */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/reader_kind.h"

static const char why_tag[] = "tag does not close", why_outside[] = "text outside a tag",
                  why_attribute[] = "malformed tag";

struct tagged {
    char *data;
    size_t at, n;
    int64_t line;
};

static status tagged_open(struct reader *r)
{
    struct tagged *t;

    TRY(mem_alloc(1, sizeof *t, &t));
    r->state = t;
    t->line = 1;
    return reader_whole(r, &t->data, &t->at, &t->n);
}

static void move_to(struct tagged *t, size_t to)
{
    for (; t->at < to; t->at++) t->line += t->data[t->at] == '\n';
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where <tag or </tag begins, from <= … < limit; limit when nowhere. */
static size_t find_tag(const struct tagged *t, size_t from, size_t limit, const char *open, const char *tag)
{
    size_t width = strlen(open), name = strlen(tag);

    for (size_t i = from; i < limit && i + width + name < t->n; i++) {
        const char *p = t->data + i;
        if (*p == '<' && memcmp(p, open, width) == 0 && memcmp(p + width, tag, name) == 0 &&
            (is_space(p[width + name]) || p[width + name] == '>'))
            return i;
    }
    return limit;
}

/* name="value" pairs up to > ; 0, or the reason. */
static const char *attributes(struct tagged *t, json_t *row)
{
    for (;;) {
        size_t first, name, value, end;
        while (t->at < t->n && is_space(t->data[t->at])) move_to(t, t->at + 1);
        if (t->at >= t->n) return why_tag;
        if (t->data[t->at] == '>') return move_to(t, t->at + 1), NULL;
        first = t->at;
        for (name = first; name < t->n && !strchr("=> \t\r\n\"", t->data[name]); name++) continue;
        if (name == first || name + 1 >= t->n || t->data[name] != '=' || t->data[name + 1] != '"') return why_attribute;
        value = name + 2;
        for (end = value; end < t->n && t->data[end] != '"' && t->data[end] != '\n'; end++) continue;
        if (end >= t->n || t->data[end] != '"') return why_attribute;
        t->data[name] = 0;
        if (reader_set(row, t->data + first, t->data + value, end - value) != 0) return why_utf8;
        move_to(t, end + 1);
    }
}

/* The text between here and the closing tag, without space at its ends. */
static const char *body(struct reader *r, struct tagged *t, json_t *row)
{
    size_t open = find_tag(t, t->at, t->n, "<", r->source->tag);
    size_t close = find_tag(t, t->at, open, "</", r->source->tag), first = t->at, end = close;

    if (close == open) {
        move_to(t, open);
        return why_tag;
    }
    while (first < end && is_space(t->data[first])) first++;
    while (end > first && is_space(t->data[end - 1])) end--;
    move_to(t, close + 2 + strlen(r->source->tag));
    while (t->at < t->n && t->data[t->at] != '>') move_to(t, t->at + 1);
    if (t->at < t->n) move_to(t, t->at + 1);
    return reader_set(row, "text", t->data + first, end - first) == 0 ? NULL : why_utf8;
}

static status tagged_next(struct reader *r, json_t **row, const char **why)
{
    struct tagged *t = r->state;
    size_t open;

    while (t->at < t->n && is_space(t->data[t->at])) move_to(t, t->at + 1);
    if (t->at >= t->n) return ST_END;
    r->line = t->line;
    open = find_tag(t, t->at, t->n, "<", r->source->tag);
    if (open > t->at) {
        *why = why_outside;
        move_to(t, open);
        return ST_OK;
    }
    move_to(t, open + 1 + strlen(r->source->tag));
    *row = json_object();
    *why = attributes(t, *row);
    if (!*why) *why = body(r, t, *row);
    if (*why) {
        json_decref(*row);
        *row = NULL;
        move_to(t, find_tag(t, t->at, t->n, "<", r->source->tag));
    }
    return ST_OK;
}

static void tagged_close(struct reader *r)
{
    struct tagged *t = r->state;

    if (!t) return;
    mem_free(t->data);
    mem_free(t);
}

const struct reader_kind reader_tagged = {tagged_open, tagged_next, tagged_close};

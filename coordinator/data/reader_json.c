/* JSON: an object a line; one array, parsed item by item so that every row has its line; or rows at paths of one
 * value. */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/reader_kind.h"

/* ---- an object a line ---- */

static status jsonl_open(struct reader *r)
{
    (void)r;
    return ST_OK;
}

static status jsonl_next(struct reader *r, json_t **row, const char **why)
{
    char *text;
    size_t n;

    do TRY(reader_line(r, &text, &n));
    while (strspn(text, " \t") == n);
    *row = reader_parse(text, n, why);
    return ST_OK;
}

static void jsonl_close(struct reader *r)
{
    (void)r;
}

const struct reader_kind reader_jsonl = {jsonl_open, jsonl_next, jsonl_close};

/* ---- one array, or rows at paths ---- */

struct whole {
    char *data;
    size_t at, n;
    int64_t line;   /* of data + at */
    json_t *root;   /* with paths */
    json_t **found; /* owned: rows, copied where they have objects around them */
    size_t count, room, next;
};

static status expand(struct whole *w, json_t *at, const char *path, json_t *around);

static status expand_members(struct whole *w, json_t *at, const char *path, json_t *around)
{
    size_t n = strcspn(path, ".");
    const char *rest = path + n + (path[n] == '.');

    if (n == 1 && *path == '*' && json_is_object(at)) {
        const char *key;
        json_t *member;
        json_object_foreach(at, key, member) TRY(expand(w, member, rest, around));
    } else if (n == 1 && *path == '*') {
        for (size_t i = 0; i < json_array_size(at); i++) TRY(expand(w, json_array_get(at, i), rest, around));
    } else if (json_is_object(at) && json_object_getn(at, path, n)) {
        TRY(expand(w, json_object_getn(at, path, n), rest, around));
    }
    return ST_OK;
}

/* around: the nearest object around `at`, or NULL. Objects are copied (their members are not) to get it as a member. */
static status expand(struct whole *w, json_t *at, const char *path, json_t *around)
{
    json_t *own = json_is_object(at) ? json_copy(at) : json_incref(at);
    status s;

    if (json_is_object(own) && around) json_object_set(own, AROUND, around);
    if (*path) {
        s = expand_members(w, at, path, json_is_object(own) ? own : around);
    } else {
        s = mem_grow(&w->found, &w->room, w->count + 1, sizeof *w->found);
        if (s == ST_OK) w->found[w->count++] = json_incref(own);
    }
    json_decref(own);
    return s;
}

static status load_paths(struct reader *r, struct whole *w, size_t start)
{
    json_error_t error;

    w->root = json_loadb(w->data + start, w->n - start, JSON_ALLOW_NUL, &error);
    if (!w->root) return fault(ST_INPUT, "%s:%d: %s", r->path, error.line, error.text);
    for (size_t i = 0; i < r->source->rows.count; i++) TRY(expand(w, w->root, r->source->rows.items[i], NULL));
    return ST_OK;
}

static void skip_space(struct whole *w)
{
    for (; w->at < w->n && strchr(" \t\r\n", w->data[w->at]) && w->data[w->at]; w->at++)
        w->line += w->data[w->at] == '\n';
}

static status json_open(struct reader *r)
{
    struct whole *w;

    TRY(mem_alloc(1, sizeof *w, &w));
    r->state = w;
    TRY(reader_whole(r, &w->data, &w->at, &w->n));
    w->line = 1;
    if (r->source->rows.count > 0) return load_paths(r, w, w->at);
    skip_space(w);
    if (w->at >= w->n || w->data[w->at] != '[')
        return fault(ST_INPUT, "%s:%lld: expected a JSON array", r->path, (long long)w->line);
    w->at++;
    return ST_OK;
}

/* Skip one value: to the comma or bracket that ends it. Says how many lines it has. */
static void skip_value(struct whole *w)
{
    int depth = 0, quoted = 0;

    for (; w->at < w->n; w->at++) {
        char c = w->data[w->at];
        if (c == '\n') w->line++;
        if (quoted) {
            if (c == '\\' && w->at + 1 < w->n) w->at++;
            else if (c == '"') quoted = 0;
            continue;
        }
        if (c == '"') quoted = 1;
        else if (c == '[' || c == '{') depth++;
        else if (depth == 0 && (c == ',' || c == ']')) return;
        else if (c == ']' || c == '}') depth--;
    }
}

static status next_item(struct reader *r, struct whole *w, json_t **row, const char **why)
{
    size_t first;

    skip_space(w);
    if (w->at < w->n && w->data[w->at] == ']' && !w->next) return ST_END;
    r->line = w->line;
    first = w->at;
    skip_value(w);
    if (w->at >= w->n) return fault(ST_INPUT, "%s:%lld: the array ends inside this item", r->path, (long long)r->line);
    *row = reader_parse(w->data + first, w->at - first, why);
    w->next = w->data[w->at] == ','; /* another item must follow */
    w->at += w->next;
    return ST_OK;
}

static status json_next(struct reader *r, json_t **row, const char **why)
{
    struct whole *w = r->state;

    if (!w->root) return next_item(r, w, row, why);
    if (w->next == w->count) return ST_END;
    *row = json_incref(w->found[w->next++]);
    return ST_OK;
}

static void json_close(struct reader *r)
{
    struct whole *w = r->state;

    if (!w) return;
    for (size_t i = 0; i < w->count; i++) json_decref(w->found[i]);
    json_decref(w->root);
    mem_free(w->found);
    mem_free(w->data);
    mem_free(w);
}

const struct reader_kind reader_json = {json_open, json_next, json_close};

/* Two nested formats made flat: SQuAD (articles, paragraphs, questions; CMRC 2018's own form of it: paragraphs alone)
 * and C3 (documents, questions). */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/reader_kind.h"

struct nested {
    json_t *root;
    json_t *rows;  /* array of objects */
    int64_t *line; /* (lines) where the row's object begins */
    size_t lines, room, next;
};

/* jansson says nothing about places: in JSON that it has read, the objects inside `depth` brackets are the rows, in
 * their order. A file all in one line has no lines to speak of. */
static status find_lines(struct nested *nest, const char *data, size_t n, int depth)
{
    int inside = 0, quoted = 0;
    int64_t line = 1;

    for (size_t i = 0; i < n; i++) {
        char c = data[i];
        if (c == '\n') line++;
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = 1;
        } else if (c == '{' || c == '[') {
            if (inside++ != depth || c != '{') continue;
            TRY(mem_grow(&nest->line, &nest->room, nest->lines + 1, sizeof *nest->line));
            nest->line[nest->lines++] = line;
        } else if (c == '}' || c == ']') {
            inside--;
        }
    }
    if (line == 1) nest->lines = 0;
    return ST_OK;
}

/* depth: brackets around a row, of the root. */
static status load_root(struct reader *r, int (*depth)(const json_t *root), struct nested **out)
{
    json_error_t error;
    struct nested *nest;
    char *data;
    size_t start, n;
    status s;

    TRY(mem_alloc(1, sizeof *nest, &nest));
    r->state = *out = nest;
    s = reader_whole(r, &data, &start, &n);
    if (s == ST_OK) {
        nest->root = json_loadb(data + start, n - start, JSON_ALLOW_NUL, &error);
        if (!nest->root) s = fault(ST_INPUT, "%s:%d: %s", r->path, error.line, error.text);
        else s = find_lines(nest, data + start, n - start, depth(nest->root));
    }
    mem_free(data);
    nest->rows = json_array();
    return s;
}

static void copy_field(json_t *row, const char *key, json_t *value)
{
    if (value) json_object_set(row, key, value);
}

static json_t *either(const json_t *object, const char *name, const char *other)
{
    json_t *found = json_object_get(object, name);

    return found ? found : json_object_get(object, other);
}

static json_t *squad_articles(const json_t *root)
{
    return json_is_array(root) ? (json_t *)(uintptr_t)root : json_object_get(root, "data");
}

/* {"data": [{"paragraphs": [{"qas": [{ has six brackets before a question; "data" alone and "paragraphs" may be
 * missing. */
static int squad_depth(const json_t *root)
{
    return (json_is_array(root) ? 1 : 2) + (json_object_get(json_array_get(squad_articles(root), 0), "qas") ? 2 : 4);
}

static status add_questions(struct reader *r, json_t *article, json_t *paragraph, size_t number)
{
    static const char *const kept[] = {"answers", "is_impossible"};
    json_t *questions = json_object_get(paragraph, "qas"), *question,
           *context = either(paragraph, "context", "context_text");
    struct nested *nest = r->state;
    size_t q;

    if (!json_is_array(questions))
        return fault(ST_INPUT, "%s: item %zu: expected \"qas\", a list of questions", r->path, number);
    json_array_foreach(questions, q, question)
    {
        json_t *row = json_object();
        copy_field(row, "context", context);
        copy_field(row, "title", json_object_get(article, "title"));
        copy_field(row, "question", either(question, "question", "query_text"));
        copy_field(row, "id", either(question, "id", "query_id"));
        for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
            copy_field(row, kept[k], json_object_get(question, kept[k]));
        json_array_append_new(nest->rows, row);
    }
    return ST_OK;
}

static status squad_open(struct reader *r)
{
    json_t *articles, *article, *paragraph;
    struct nested *nest;
    size_t a, p;

    TRY(load_root(r, squad_depth, &nest));
    articles = squad_articles(nest->root);
    if (!json_is_array(articles))
        return fault(
            ST_INPUT,
            "%s: expected a SQuAD file, {\"data\": [{\"paragraphs\": [{\"context\": …, \"qas\": [{\"question\": …, or "
            "CMRC 2018's own form, [{\"context_text\": …, \"qas\": [{\"query_text\": …",
            r->path);
    json_array_foreach(articles, a, article)
    {
        json_t *paragraphs = json_object_get(article, "paragraphs");
        if (!paragraphs) TRY(add_questions(r, article, article, a));
        else if (!json_is_array(paragraphs))
            return fault(ST_INPUT, "%s: item %zu: \"paragraphs\": expected a list", r->path, a);
        json_array_foreach(paragraphs, p, paragraph) TRY(add_questions(r, article, paragraph, a));
    }
    return ST_OK;
}

/* A document is a list of lines; they are joined by line ends, which tokenise to nothing. */
static status join_lines(json_t *lines, json_t *row)
{
    char *text = NULL;
    size_t room = 0, n = 0;
    status s = ST_OK;

    for (size_t i = 0; i < json_array_size(lines) && s == ST_OK; i++) {
        const json_t *line = json_array_get(lines, i);
        size_t more = json_string_length(line);
        s = mem_grow(&text, &room, n + more + 2, 1);
        if (s != ST_OK || !json_is_string(line)) continue;
        if (n > 0) text[n++] = '\n';
        memcpy(text + n, json_string_value(line), more);
        n += more;
    }
    if (s == ST_OK && n > 0) reader_set(row, "document", text, n);
    mem_free(text);
    return s;
}

/* [[lines, [{ */
static int c3_depth(const json_t *root)
{
    (void)root;
    return 3;
}

static status c3_open(struct reader *r)
{
    static const char *const kept[] = {"question", "choice", "answer"};
    json_t *document, *question;
    struct nested *nest;
    size_t d, q;

    TRY(load_root(r, c3_depth, &nest));
    if (!json_is_array(nest->root))
        return fault(ST_INPUT, "%s: expected a C3 file: an array of [lines, questions, id]", r->path);
    json_array_foreach(nest->root, d, document)
    {
        json_t *questions = json_array_get(document, 1);
        if (!json_is_array(json_array_get(document, 0)) || !json_is_array(questions))
            return fault(ST_INPUT, "%s: item %zu: expected [lines, questions, id]", r->path, d);
        json_array_foreach(questions, q, question)
        {
            json_t *row = json_object();
            status s = join_lines(json_array_get(document, 0), row);
            for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
                copy_field(row, kept[k], json_object_get(question, kept[k]));
            json_array_append_new(nest->rows, row);
            TRY(s);
        }
    }
    return ST_OK;
}

static status nested_next(struct reader *r, json_t **row, const char **why)
{
    struct nested *nest = r->state;

    (void)why;
    *row = json_incref(json_array_get(nest->rows, nest->next));
    if (!*row) return ST_END;
    /* Other objects as deep as the rows: nobody can tell which is which. */
    r->line = nest->lines == json_array_size(nest->rows) ? nest->line[nest->next] : 0;
    nest->next++;
    return ST_OK;
}

static void nested_close(struct reader *r)
{
    struct nested *nest = r->state;

    if (!nest) return;
    json_decref(nest->rows);
    json_decref(nest->root);
    mem_free(nest->line);
    mem_free(nest);
}

const struct reader_kind reader_squad = {squad_open, nested_next, nested_close};
const struct reader_kind reader_c3 = {c3_open, nested_next, nested_close};

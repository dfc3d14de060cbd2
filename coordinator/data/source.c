/* One source of an entry: which files, in which format, and where in a row the fields are. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/entry.h"

enum { FILE_LIMIT = 256, COLUMN_LIMIT = 128, VALUE_LIMIT = 4096 };

static status want_key(const struct parser *p, const struct yaml *node, const char *key)
{
    if (yaml_get(node, key)) return ST_OK;
    return fault(ST_INPUT, "%s:%d: source: key \"%s\" is missing", p->path, node->line, key);
}

static status format_parse(struct parser *p, const struct yaml *node, enum source_format *out)
{
    static const char *const names[] = {"jsonl", "json", "table", "squad", "c3", "tagged"};
    const char *text = NULL;

    TRY(yaml_value_text(p, node, "format", &text));
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(names[i], text) == 0) return *out = (enum source_format)i, ST_OK;
    return fault(ST_INPUT, "%s:%d: format: found \"%.60s\", expected jsonl, json, table, squad, c3 or tagged", p->path,
                 node->line, text);
}

static status set_parse(struct parser *p, const struct yaml *node, const struct yaml **out)
{
    *out = node;
    if (!node) return ST_OK;
    if (node->kind != YAML_MAP)
        return fault(ST_INPUT, "%s:%d: set: expected a map of field to text", p->path, node->line);
    for (size_t i = 0; i < node->count; i++)
        if (node->items[i].kind != YAML_TEXT)
            return fault(ST_INPUT, "%s:%d: set: %s: expected a text", p->path, node->items[i].line, node->keys[i]);
    return ST_OK;
}

static status file_parse(struct parser *p, const struct yaml *node, enum split split, struct source_file *out)
{
    static const char *const keys[] = {"name", "set", NULL};

    *out = (struct source_file){.split = split, .line = node->line};
    if (node->kind == YAML_TEXT) return yaml_value_text(p, node, "files", &out->name);
    TRY(yaml_value_map(p, node, "file", keys));
    TRY(want_key(p, node, "name"));
    TRY(yaml_value_text(p, yaml_get(node, "name"), "name", &out->name));
    return set_parse(p, yaml_get(node, "set"), &out->set);
}

static status files_parse(struct parser *p, const struct yaml *node, struct task_source *s)
{
    static const char *const keys[] = {"train", "dev", "test", "pool", NULL};
    struct source_file *file;

    TRY(yaml_value_map(p, node, "files", keys));
    TRY(want_key(p, node, "train"));
    TRY(mem_keep_new(&p->catalogue->keep, FILE_LIMIT, sizeof *file, &file));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml *list = &node->items[i];
        size_t n = list->kind == YAML_LIST ? list->count : 1;
        enum split split = SPLIT_TRAIN;
        split_parse(node->keys[i], &split);
        if (s->files + n > FILE_LIMIT || n == 0)
            return fault(ST_INPUT, "%s:%d: files: expected 1 to %d", p->path, list->line, FILE_LIMIT);
        for (size_t k = 0; k < n; k++)
            TRY(file_parse(p, list->kind == YAML_LIST ? &list->items[k] : list, split, &file[s->files++]));
    }
    s->file = file;
    return ST_OK;
}

static status fields_parse(struct parser *p, const struct yaml *source, struct task_source *s)
{
    static const char *const keys[] = {"path", "join", NULL};
    const struct yaml *node = yaml_get(source, "fields");
    struct entry *e = p->entry;

    for (size_t i = 0; node && node->kind == YAML_MAP && i < node->count; i++) {
        const struct yaml *from = &node->items[i];
        int field;
        TRY(entry_field(p, node->keys[i], node->key_lines[i], &field));
        if (from->kind == YAML_TEXT) {
            TRY(yaml_value_text(p, from, node->keys[i], &s->field[field].path));
            continue;
        }
        TRY(yaml_value_map(p, from, node->keys[i], keys));
        TRY(want_key(p, from, "path"));
        TRY(want_key(p, from, "join"));
        TRY(yaml_value_text(p, yaml_get(from, "path"), "path", &s->field[field].path));
        TRY(yaml_value_text(p, yaml_get(from, "join"), "join", &s->field[field].join));
    }
    if (node && node->kind != YAML_MAP) return fault(ST_INPUT, "%s:%d: fields: expected a map", p->path, node->line);
    for (int i = 0; i < e->fields; i++) {
        const struct yaml *constant = s->set ? yaml_get(s->set, e->field[i]) : NULL;
        if (constant) s->field[i].constant = constant->text;
        if (!constant && !s->field[i].path)
            return fault(ST_INPUT, "%s:%d: source: field \"%s\" of the template is not among its fields", p->path,
                         source->line, e->field[i]);
    }
    return ST_OK;
}

static int value_order(const void *a, const void *b)
{
    return strcmp(((const struct value *)a)->text, ((const struct value *)b)->text);
}

static status add_value(struct parser *p, int line, struct value *list, size_t *count, const char *text, int label)
{
    if (*count == VALUE_LIMIT) return fault(ST_INPUT, "%s:%d: values: more than %d", p->path, line, VALUE_LIMIT);
    list[(*count)++] = (struct value){text, label};
    return ST_OK;
}

/* word: value, or [value, value]; a word without a line of its own is its own value. */
static status values_parse(struct parser *p, const struct yaml *source, struct task_source *s)
{
    const struct yaml *node = yaml_get(source, "values");
    struct value *list;
    int line = node ? node->line : source->line;

    if (node && node->kind != YAML_MAP)
        return fault(ST_INPUT, "%s:%d: values: expected a map of label word to value", p->path, line);
    TRY(mem_keep_new(&p->catalogue->keep, VALUE_LIMIT, sizeof *list, &list));
    for (size_t i = 0; node && i < node->count; i++) {
        int known = 0;
        for (int w = 0; w < s->labels->count; w++) known |= strcmp(s->labels->words[w], node->keys[i]) == 0;
        if (!known)
            return fault(ST_INPUT, "%s:%d: values: found \"%.60s\", expected a word of %s", p->path, node->key_lines[i],
                         node->keys[i], s->labels->name);
    }
    for (int w = 0; w < s->labels->count; w++) {
        const struct yaml *own = node ? yaml_get(node, s->labels->words[w]) : NULL;
        struct texts texts = {1, &s->labels->words[w]};
        if (own) TRY(yaml_value_texts(p, own, "values", VALUE_LIMIT, &texts));
        for (size_t k = 0; k < texts.count; k++) TRY(add_value(p, line, list, &s->values, texts.items[k], w));
    }
    qsort(list, s->values, sizeof *list, value_order);
    for (size_t i = 1; i < s->values; i++)
        if (strcmp(list[i].text, list[i - 1].text) == 0)
            return fault(ST_INPUT, "%s:%d: values: \"%.60s\" stands for two words", p->path, line, list[i].text);
    s->value = list;
    return ST_OK;
}

static status labels_of_source(struct parser *p, const struct yaml *node, struct task_source *s)
{
    s->labels = p->entry->wording[WORDING_RIGHT].labels;
    if (yaml_get(node, "labels")) TRY(labels_parse(p, yaml_get(node, "labels"), &s->labels));
    TRY(want_key(p, node, "label"));
    TRY(yaml_value_text(p, yaml_get(node, "label"), "label", &s->label));
    TRY(yaml_value_texts(p, yaml_get(node, "ignore"), "ignore", VALUE_LIMIT, &s->ignore));
    return values_parse(p, node, s);
}

static status answer_parse(struct parser *p, const struct yaml *node, struct task_source *s)
{
    static const char *const names[] = {"index", "number", "letter", "text"};
    const struct yaml *form = yaml_get(node, "answer_as");
    const char *text = "index";

    TRY(want_key(p, node, "options"));
    TRY(want_key(p, node, "answer"));
    TRY(yaml_value_texts(p, yaml_get(node, "options"), "options", 64, &s->options));
    TRY(yaml_value_text(p, yaml_get(node, "answer"), "answer", &s->answer));
    TRY(yaml_value_text(p, form, "answer_as", &text));
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], text) == 0) return s->answer_form = (enum answer_form)i, ST_OK;
    return fault(ST_INPUT, "%s:%d: answer_as: found \"%.60s\", expected index, number, letter or text", p->path,
                 form->line, text);
}

static status starts_parse(struct parser *p, const struct yaml *node, enum start_unit *out)
{
    static const char *const names[] = {"characters", "utf16", "bytes"};
    const char *text = NULL;

    *out = STARTS_ANY;
    if (!node) return ST_OK;
    TRY(yaml_value_text(p, node, "starts", &text));
    for (int i = 0; i < STARTS_ANY; i++)
        if (strcmp(names[i], text) == 0) return *out = (enum start_unit)i, ST_OK;
    return fault(ST_INPUT, "%s:%d: starts: found \"%.60s\", expected characters, utf16 or bytes", p->path, node->line,
                 text);
}

static status table_parse(struct parser *p, const struct yaml *node, struct task_source *s)
{
    TRY(yaml_value_bool(p, yaml_get(node, "header"), "header", &s->header));
    TRY(yaml_value_bool(p, yaml_get(node, "csv"), "csv", &s->csv));
    TRY(yaml_value_texts(p, yaml_get(node, "columns"), "columns", COLUMN_LIMIT, &s->columns));
    s->separator = s->csv ? "," : "\t";
    TRY(yaml_value_text(p, yaml_get(node, "separator"), "separator", &s->separator));
    if (s->header == (s->columns.count > 0))
        return fault(ST_INPUT, "%s:%d: source: a table needs either header: true or columns", p->path, node->line);
    return ST_OK;
}

/* Keys of one format or kind only, so that a misplaced one is not ignored in silence. */
static status check_place(const struct parser *p, const struct yaml *node, const struct task_source *s)
{
    enum task_kind kind = p->entry->kind;
    const struct {
        const char *key;
        int fits;
    } places[] = {
        {"label", kind == TASK_LABELS},           {"values", kind == TASK_LABELS},
        {"ignore", kind == TASK_LABELS},          {"labels", kind == TASK_LABELS},
        {"options", kind == TASK_CHOICES},        {"answer", kind == TASK_CHOICES},
        {"answer_as", kind == TASK_CHOICES},      {"answers", kind == TASK_EXTRACTIVE},
        {"starts", kind == TASK_EXTRACTIVE},      {"impossible", kind == TASK_EXTRACTIVE && p->entry->no_answer},
        {"columns", s->format == FORMAT_TABLE},   {"header", s->format == FORMAT_TABLE},
        {"separator", s->format == FORMAT_TABLE}, {"csv", s->format == FORMAT_TABLE},
        {"tag", s->format == FORMAT_TAGGED},      {"rows", s->format == FORMAT_JSON}};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct yaml *at = yaml_get(node, places[i].key);
        if (at && !places[i].fits)
            return fault(ST_INPUT, "%s:%d: source: key \"%s\" does not go with this kind or format", p->path, at->line,
                         places[i].key);
    }
    return ST_OK;
}

status source_parse(struct parser *p, const struct yaml *node, struct task_source *s)
{
    static const char *const keys[] = {"about",     "folder",  "format", "files",      "fields",  "set",
                                       "label",     "values",  "ignore", "labels",     "options", "answer",
                                       "answer_as", "answers", "starts", "impossible", "columns", "header",
                                       "separator", "csv",     "tag",    "rows",       NULL};

    s->line = node->line;
    TRY(yaml_value_map(p, node, "source", keys));
    TRY(want_key(p, node, "folder"));
    TRY(want_key(p, node, "format"));
    TRY(want_key(p, node, "files"));
    TRY(yaml_value_text(p, yaml_get(node, "about"), "about", &s->about));
    TRY(yaml_value_text(p, yaml_get(node, "folder"), "folder", &s->folder));
    TRY(format_parse(p, yaml_get(node, "format"), &s->format));
    TRY(check_place(p, node, s));
    TRY(files_parse(p, yaml_get(node, "files"), s));
    TRY(set_parse(p, yaml_get(node, "set"), &s->set));
    TRY(fields_parse(p, node, s));
    if (s->format == FORMAT_TABLE) TRY(table_parse(p, node, s));
    if (s->format == FORMAT_TAGGED) TRY(want_key(p, node, "tag"));
    TRY(yaml_value_text(p, yaml_get(node, "tag"), "tag", &s->tag));
    TRY(yaml_value_texts(p, yaml_get(node, "rows"), "rows", 16, &s->rows));
    if (p->entry->kind == TASK_LABELS) return labels_of_source(p, node, s);
    if (p->entry->kind == TASK_CHOICES) return answer_parse(p, node, s);
    TRY(want_key(p, node, "answers"));
    TRY(yaml_value_text(p, yaml_get(node, "answers"), "answers", &s->answers));
    TRY(starts_parse(p, yaml_get(node, "starts"), &s->starts));
    return yaml_value_text(p, yaml_get(node, "impossible"), "impossible", &s->impossible);
}

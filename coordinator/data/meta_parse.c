/* Reading a task's description back. It is a foreign file: every index and every id is checked before it is used. */
#include <string.h>

#include <jansson.h>

#include "cluster/base/log.h"
#include "coordinator/data/meta.h"

struct parse {
    const char *path;
    struct meta *meta;
};

static status broken(const struct parse *p, const char *what)
{
    return fault(ST_INPUT, "%s: the task's description is broken: %s", p->path, what);
}

static status want_int(const struct parse *p, const json_t *object, const char *key, int least, int most, int *out)
{
    const json_t *value = json_object_get(object, key);
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < least || n > most) return broken(p, key);
    *out = (int)n;
    return ST_OK;
}

static status want_text(const struct parse *p, const json_t *object, const char *key, const char **out)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value)) return broken(p, key);
    return mem_keep_text(&p->meta->keep, json_string_value(value), json_string_length(value), out);
}

static status want_ids(const struct parse *p, const json_t *list, struct ids *out)
{
    size_t n = json_array_size(list);
    int32_t *ids;

    if (!json_is_array(list) || n > 4096) return broken(p, "tokens");
    TRY(mem_keep_new(&p->meta->keep, n, sizeof *ids, &ids));
    for (size_t i = 0; i < n; i++) {
        json_int_t id = json_integer_value(json_array_get(list, i));
        if (id < 0 || id >= p->meta->vocabulary_size) return broken(p, "a token outside the vocabulary");
        ids[i] = (int32_t)id;
    }
    *out = (struct ids){(int)n, ids};
    return ST_OK;
}

static status parts_parse(const struct parse *p, const json_t *list, struct meta_wording *w)
{
    int seen[FIELD_LIMIT] = {0};
    size_t n = json_array_size(list);

    if (n == 0 || n > PART_LIMIT) return broken(p, "template");
    w->parts = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *part = json_array_get(list, i);
        w->part[i].field = -1;
        if (!json_is_integer(part)) {
            TRY(want_ids(p, part, &w->part[i].ids));
            continue;
        }
        if (json_integer_value(part) < 0 || json_integer_value(part) >= p->meta->fields) return broken(p, "template");
        w->part[i].field = (int)json_integer_value(part);
        if (seen[w->part[i].field]++) return broken(p, "template");
    }
    for (int i = 0; i < p->meta->fields; i++)
        if (!seen[i]) return broken(p, "template");
    return ST_OK;
}

static status labels_parse(const struct parse *p, const json_t *object, struct meta_wording *w)
{
    const json_t *list = json_object_get(object, "labels");
    size_t n = json_array_size(list);
    struct meta_label *label;
    const char **words;

    if (n < (size_t)p->meta->labels || n > LABEL_LIMIT) return broken(p, "labels");
    TRY(want_text(p, object, "label_set", &w->label_set));
    TRY(mem_keep_new(&p->meta->keep, n, sizeof *label, &label));
    TRY(mem_keep_new(&p->meta->keep, n, sizeof *words, &words));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        TRY(want_text(p, item, "word", &label[i].word));
        TRY(want_int(p, item, "characters", 1, 4096, &label[i].characters));
        TRY(want_ids(p, json_object_get(item, "ids"), &label[i].ids));
        if (label[i].ids.count == 0) return broken(p, "labels");
        words[i] = label[i].word;
    }
    w->labels = (int)n;
    w->label = label;
    w->words = words;
    return ST_OK;
}

static status wording_parse(const struct parse *p, const json_t *object, struct meta_wording *w)
{
    const json_t *none = json_object_get(object, "none");

    w->none_first = w->none_last = -1;
    w->label_set = "";
    TRY(parts_parse(p, json_object_get(object, "template"), w));
    if (p->meta->kind == TASK_LABELS) TRY(labels_parse(p, object, w));
    if (!none) return ST_OK;
    w->none_first = (int)json_integer_value(json_array_get(none, 0));
    w->none_last = (int)json_integer_value(json_array_get(none, 1));
    if (w->part[0].field >= 0 || w->none_first < 0 || w->none_last < w->none_first ||
        w->none_last >= w->part[0].ids.count)
        return broken(p, "none");
    return ST_OK;
}

static status kind_parse(const struct parse *p, const json_t *root)
{
    const char *kind;
    struct meta *m = p->meta;

    TRY(want_text(p, root, "kind", &kind));
    if (strcmp(kind, "labels") == 0) m->kind = TASK_LABELS;
    else if (strcmp(kind, "choices") == 0) m->kind = TASK_CHOICES;
    else if (strcmp(kind, "extractive") == 0) m->kind = TASK_EXTRACTIVE;
    else return broken(p, "kind");
    m->metric = m->kind == TASK_EXTRACTIVE ? METRIC_F1 : METRIC_ACCURACY;
    return want_int(p, root, "rows_labels", m->kind == TASK_LABELS ? 2 : 0, m->kind == TASK_LABELS ? LABEL_LIMIT : 0,
                    &m->labels);
}

static status fields_parse(const struct parse *p, const json_t *root)
{
    const json_t *fields = json_object_get(root, "fields");
    struct meta *m = p->meta;

    if (json_array_size(fields) < 1 || json_array_size(fields) > FIELD_LIMIT) return broken(p, "fields");
    m->fields = (int)json_array_size(fields);
    for (int i = 0; i < m->fields; i++) {
        TRY(want_text(p, json_array_get(fields, (size_t)i), "name", &m->field[i]));
        TRY(want_int(p, json_array_get(fields, (size_t)i), "shorten", 0, 1, &m->shorten[i]));
    }
    return want_int(p, root, "context", m->kind == TASK_EXTRACTIVE ? 0 : -1,
                    m->kind == TASK_EXTRACTIVE ? m->fields - 1 : -1, &m->context);
}

static status special_parse(const struct parse *p, const json_t *root)
{
    const json_t *special = json_object_get(root, "special"), *vocabulary = json_object_get(root, "vocabulary");
    struct meta *m = p->meta;
    int id[3], size;

    TRY(want_int(p, vocabulary, "size", 1, 1 << 24, &size));
    m->vocabulary_size = size;
    TRY(want_text(p, vocabulary, "digest", &m->vocabulary));
    TRY(want_int(p, special, "cls", 0, size - 1, &id[0]));
    TRY(want_int(p, special, "sep", 0, size - 1, &id[1]));
    TRY(want_int(p, special, "comma", 0, size - 1, &id[2]));
    m->cls = id[0];
    m->sep = id[1];
    m->comma = id[2];
    return strlen(m->vocabulary) == 32 ? ST_OK : broken(p, "vocabulary");
}

static status roles_parse(const struct parse *p, const json_t *root)
{
    const json_t *runs = json_object_get(root, "roles");
    int32_t size = p->meta->vocabulary_size;
    unsigned char *role;

    if (!runs) return ST_OK;
    if (!json_is_array(runs)) return broken(p, "roles");
    TRY(mem_keep_new(&p->meta->keep, (size_t)size, sizeof *role, &role));
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        json_int_t what = json_integer_value(json_array_get(run, 0)),
                   first = json_integer_value(json_array_get(run, 1));
        json_int_t count = json_integer_value(json_array_get(run, 2));
        if (what <= TOKEN_WORD || what > TOKEN_ARTICLE || first < 0 || first >= size || count < 1 ||
            count > size - first)
            return broken(p, "roles");
        memset(role + first, (int)what, (size_t)count);
    }
    p->meta->roles = (struct token_roles){size, role};
    return ST_OK;
}

static status root_parse(const struct parse *p, const json_t *root)
{
    const json_t *wordings = json_object_get(root, "wordings");
    struct meta *m = p->meta;

    TRY(want_text(p, root, "id", &m->id));
    TRY(want_text(p, root, "name", &m->name));
    TRY(want_text(p, root, "source", &m->source));
    m->group = "";
    if (json_object_get(root, "group")) TRY(want_text(p, root, "group", &m->group));
    TRY(want_int(p, root, "upstream", -1, 4095, &m->upstream));
    TRY(want_int(p, root, "downstream", 0, 1, &m->downstream));
    TRY(want_int(p, root, "few_shot", 0, 65536, &m->few_shot));
    TRY(kind_parse(p, root));
    TRY(fields_parse(p, root));
    TRY(special_parse(p, root));
    TRY(roles_parse(p, root));
    if (json_array_size(wordings) != WORDING_COUNT) return broken(p, "wordings");
    for (size_t i = 0; i < WORDING_COUNT; i++) TRY(wording_parse(p, json_array_get(wordings, i), &m->wording[i]));
    return ST_OK;
}

status meta_parse(const char *path, const char *text, size_t n, struct meta *out)
{
    struct parse p = {path, out};
    json_error_t error;
    json_t *root = json_loadb(text, n, 0, &error);
    status s;

    memset(out, 0, sizeof *out);
    s = root ? root_parse(&p, root) : broken(&p, "no JSON");
    json_decref(root);
    if (s != ST_OK) meta_fini(out);
    return s;
}

void meta_fini(struct meta *meta)
{
    mem_keep_free(&meta->keep);
    memset(meta, 0, sizeof *meta);
}

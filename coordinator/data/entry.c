/* One entry: the keys that say what the task is. Order matters: the template names the fields that other keys speak
 * of. */
#include "coordinator/data/entry.h"

#include <string.h>

#include "cluster/base/log.h"

static int field_index(struct entry *e, const char *name, size_t n)
{
    for (int i = 0; i < e->fields; i++)
        if (strlen(e->field[i]) == n && memcmp(e->field[i], name, n) == 0) return i;
    return -1;
}

/* A field's text is tokenised by itself, which gives the same tokens only where no word runs across its border. */
static int splits_words(unsigned char c)
{
    return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

static status add_part(struct parser *p, struct wording_part *parts, int *count, int field, const char *text, size_t n)
{
    parts[*count].field = field;
    if (field < 0) TRY(mem_keep_text(&p->catalogue->keep, text, n, &parts[*count].text));
    (*count)++;
    return ST_OK;
}

/* "a{x}b{y}" into parts. The first template of an entry names its fields; later ones use the same. */
static status template_parse(struct parser *p, const struct yaml *node, int first, struct wording *out)
{
    struct entry *e = p->entry;
    int count = 0, seen[FIELD_LIMIT] = {0};
    const char *text = NULL, *at;
    struct wording_part *parts;

    TRY(yaml_value_text(p, node, "template", &text));
    TRY(mem_keep_new(&p->catalogue->keep, PART_LIMIT, sizeof *parts, &parts));
    at = text;
    while (*at) {
        size_t n = strcspn(at, "{");
        const char *close = at[n] ? strchr(at + n, '}') : NULL, *name;
        size_t width;
        int field;
        if (count + 2 > PART_LIMIT)
            return fault(ST_INPUT, "%s:%d: template: expected at most %d fields", p->path, node->line, FIELD_LIMIT);
        if (n > 0) TRY(add_part(p, parts, &count, -1, at, n));
        if (!at[n]) break;
        if (!close || close == at + n + 1)
            return fault(ST_INPUT, "%s:%d: template: found \"%.30s\", expected {field}", p->path, node->line, at + n);
        name = at + n + 1;
        width = (size_t)(close - name);
        if ((n > 0 ? !splits_words((unsigned char)at[n - 1]) : at > text) || !splits_words((unsigned char)close[1]) ||
            close[1] == '{')
            return fault(ST_INPUT,
                         "%s:%d: template: {%.*s} must stand between texts that end words: punctuation, Chinese "
                         "characters",
                         p->path, node->line, (int)width, name);
        field = field_index(e, name, width);
        if (field < 0 && first && e->fields < FIELD_LIMIT) {
            field = e->fields++;
            TRY(mem_keep_text(&p->catalogue->keep, name, width, &e->field[field]));
        }
        if (field < 0 || seen[field]++)
            return fault(ST_INPUT, "%s:%d: template: {%.*s}: expected each field of the entry's template once", p->path,
                         node->line, (int)width, name);
        TRY(add_part(p, parts, &count, field, NULL, 0));
        at = close + 1;
    }
    for (int i = 0; i < e->fields; i++)
        if (!seen[i]) return fault(ST_INPUT, "%s:%d: template: {%s} is missing", p->path, node->line, e->field[i]);
    if (e->fields == 0) return fault(ST_INPUT, "%s:%d: template: expected at least one {field}", p->path, node->line);
    out->parts = count;
    out->part = parts;
    return ST_OK;
}

static status marks_parse(struct parser *p, const struct yaml *node, const char *key, int *marks)
{
    struct texts names;
    int field;

    if (!node) return ST_OK;
    TRY(yaml_value_texts(p, node, key, FIELD_LIMIT, &names));
    memset(marks, 0, FIELD_LIMIT * sizeof *marks);
    for (size_t i = 0; i < names.count; i++) {
        TRY(entry_field(p, names.items[i], node->line, &field));
        marks[field] = 1;
    }
    return ST_OK;
}

static status kind_parse(struct parser *p, const struct yaml *root)
{
    const struct yaml *metric = yaml_get(root, "metric"), *kind = yaml_get(root, "kind");
    struct entry *e = p->entry;
    const char *text = NULL, *measure = NULL;

    TRY(yaml_value_text(p, kind, "kind", &text));
    if (text && strcmp(text, "labels") == 0) e->kind = TASK_LABELS;
    else if (text && strcmp(text, "choices") == 0) e->kind = TASK_CHOICES;
    else if (text && strcmp(text, "extractive") == 0) e->kind = TASK_EXTRACTIVE;
    else
        return fault(ST_INPUT, "%s:%d: kind: found \"%.60s\", expected labels, choices or extractive", p->path,
                     kind ? kind->line : root->line, text ? text : "nothing");
    e->metric = e->kind == TASK_EXTRACTIVE ? METRIC_F1 : METRIC_ACCURACY;
    TRY(yaml_value_text(p, metric, "metric", &measure));
    if (measure && strcmp(measure, task_metric_text(e->metric)) != 0)
        return fault(ST_INPUT, "%s:%d: metric: found \"%.60s\", expected %s for this kind", p->path, metric->line,
                     measure, task_metric_text(e->metric));
    return ST_OK;
}

static status split_parse_rule(struct parser *p, const struct yaml *node)
{
    static const char *const keys[] = {"by", "dev", "test", "pool", NULL};
    struct entry *e = p->entry;

    e->dev_share = e->test_assignment = e->pool_slice = 0.1;
    for (int i = 0; i < e->fields; i++) e->by[i] = e->context < 0 || i == e->context;
    if (!node) return ST_OK;
    TRY(yaml_value_map(p, node, "split", keys));
    TRY(marks_parse(p, yaml_get(node, "by"), "by", e->by));
    TRY(yaml_value_share(p, yaml_get(node, "dev"), "dev", &e->dev_share));
    TRY(yaml_value_share(p, yaml_get(node, "test"), "test", &e->test_assignment));
    TRY(yaml_value_share(p, yaml_get(node, "pool"), "pool", &e->pool_slice));
    return ST_OK;
}

static status variants_parse(struct parser *p, const struct yaml *node)
{
    static const char *const names[] = {"run", "head", NULL}, *const keys[] = {"template", "labels", NULL};
    struct entry *e = p->entry;

    e->wording[WORDING_RUN] = e->wording[WORDING_HEAD] = e->wording[WORDING_RIGHT];
    if (!node) return ST_OK;
    TRY(yaml_value_map(p, node, "variants", names));
    for (size_t i = 0; i < node->count; i++) {
        struct wording *w = &e->wording[strcmp(node->keys[i], "run") == 0 ? WORDING_RUN : WORDING_HEAD];
        const struct yaml *item = &node->items[i], *labels;
        TRY(yaml_value_map(p, item, node->keys[i], keys));
        labels = yaml_get(item, "labels");
        if (yaml_get(item, "template")) TRY(template_parse(p, yaml_get(item, "template"), 0, w));
        if (!labels) continue;
        if (e->kind != TASK_LABELS)
            return fault(ST_INPUT, "%s:%d: labels: expected only with kind: labels", p->path, labels->line);
        TRY(labels_parse(p, labels, &w->labels));
        if (w->labels->count < e->wording[WORDING_RIGHT].labels->count)
            return fault(ST_INPUT, "%s:%d: labels: found %d words, expected at least %d", p->path, labels->line,
                         w->labels->count, e->wording[WORDING_RIGHT].labels->count);
    }
    return ST_OK;
}

/* "no answer" is a span inside the fixed text before the context. */
static status check_extractive(struct parser *p, const struct yaml *root)
{
    struct entry *e = p->entry;
    int line = yaml_get(root, "template")->line;

    if (entry_field(p, "context", line, &e->context) != ST_OK) return ST_INPUT;
    if (!e->no_answer) return ST_OK;
    for (int v = 0; v < WORDING_COUNT; v++)
        if (e->wording[v].part[0].field >= 0 || !strstr(e->wording[v].part[0].text, e->no_answer) ||
            e->wording[v].part[1].field != e->context)
            return fault(ST_INPUT, "%s:%d: no_answer: \"%.40s\" must stand in the template before {context}", p->path,
                         yaml_get(root, "no_answer")->line, e->no_answer);
    return ST_OK;
}

static status presence(struct parser *p, const struct yaml *root, const char *key, int wanted)
{
    const struct yaml *node = yaml_get(root, key);

    if (!node && wanted) return fault(ST_INPUT, "%s:%d: key \"%s\" is missing", p->path, root->line, key);
    if (node && !wanted)
        return fault(ST_INPUT, "%s:%d: key \"%s\" does not go with kind %s", p->path, node->line, key,
                     task_kind_text(p->entry->kind));
    return ST_OK;
}

status entry_parse(struct parser *p, const struct yaml *root)
{
    static const char *const keys[] = {"name",      "kind",   "template", "labels",     "shorten",
                                       "no_answer", "metric", "upstream", "downstream", "few_shot",
                                       "off",       "split",  "variants", "sources",    NULL};
    const struct yaml *sources = yaml_get(root, "sources");
    struct entry *e = p->entry;
    struct task_source *source;

    TRY(yaml_value_map(p, root, "task", keys));
    e->upstream = e->context = -1;
    TRY(kind_parse(p, root));
    TRY(presence(p, root, "name", 1));
    TRY(presence(p, root, "template", 1));
    TRY(presence(p, root, "sources", 1));
    if (e->kind == TASK_LABELS || yaml_get(root, "labels")) TRY(presence(p, root, "labels", e->kind == TASK_LABELS));
    if (e->kind != TASK_EXTRACTIVE) TRY(presence(p, root, "no_answer", 0));
    if (e->kind != TASK_LABELS) TRY(presence(p, root, "shorten", e->kind == TASK_CHOICES));
    TRY(yaml_value_text(p, yaml_get(root, "name"), "name", &e->name));
    TRY(yaml_value_text(p, yaml_get(root, "no_answer"), "no_answer", &e->no_answer));
    TRY(yaml_value_int(p, yaml_get(root, "upstream"), "upstream", 0, 4095, &e->upstream));
    TRY(yaml_value_bool(p, yaml_get(root, "downstream"), "downstream", &e->downstream));
    TRY(yaml_value_int(p, yaml_get(root, "few_shot"), "few_shot", 1, 65536, &e->few_shot));
    TRY(yaml_value_bool(p, yaml_get(root, "off"), "off", &e->off));
    TRY(template_parse(p, yaml_get(root, "template"), 1, &e->wording[WORDING_RIGHT]));
    if (e->kind == TASK_LABELS) TRY(labels_parse(p, yaml_get(root, "labels"), &e->wording[WORDING_RIGHT].labels));
    TRY(variants_parse(p, yaml_get(root, "variants")));
    if (e->kind == TASK_EXTRACTIVE) TRY(check_extractive(p, root));
    for (int i = 0; i < e->fields; i++) e->shorten[i] = e->context < 0 || i == e->context;
    TRY(marks_parse(p, yaml_get(root, "shorten"), "shorten", e->shorten));
    TRY(split_parse_rule(p, yaml_get(root, "split")));
    if (sources->kind != YAML_LIST || sources->count == 0)
        return fault(ST_INPUT, "%s:%d: sources: expected a list", p->path, sources->line);
    TRY(mem_keep_new(&p->catalogue->keep, sources->count, sizeof *source, &source));
    for (size_t i = 0; i < sources->count; i++) TRY(source_parse(p, &sources->items[i], &source[i]));
    e->sources = sources->count;
    e->source = source;
    return ST_OK;
}

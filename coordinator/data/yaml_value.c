/* Typed values of YAML nodes, with the message of what was expected. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/entry.h"

static const char *found(const struct yaml *node)
{
    return node->kind == YAML_TEXT ? node->text : node->kind == YAML_LIST ? "a list" : "a map";
}

static status unexpected(const struct parser *p, const struct yaml *node, const char *key, const char *expected)
{
    return fault(ST_INPUT, "%s:%d: %s: found \"%.60s\", expected %s", p->path, node->line, key, found(node), expected);
}

status yaml_value_text(const struct parser *p, const struct yaml *node, const char *key, const char **out)
{
    if (!node) return ST_OK;
    if (node->kind != YAML_TEXT || !node->text[0]) return unexpected(p, node, key, "a text");
    *out = node->text;
    return ST_OK;
}

status yaml_value_bool(const struct parser *p, const struct yaml *node, const char *key, int *out)
{
    if (!node) return ST_OK;
    if (node->kind == YAML_TEXT && strcmp(node->text, "true") == 0) *out = 1;
    else if (node->kind == YAML_TEXT && strcmp(node->text, "false") == 0) *out = 0;
    else return unexpected(p, node, key, "true or false");
    return ST_OK;
}

status yaml_value_int(const struct parser *p, const struct yaml *node, const char *key, int least, int most, int *out)
{
    char *end, expected[64];
    long value;

    if (!node) return ST_OK;
    snprintf(expected, sizeof expected, "a whole number from %d to %d", least, most);
    if (node->kind != YAML_TEXT) return unexpected(p, node, key, expected);
    errno = 0;
    value = strtol(node->text, &end, 10);
    if (end == node->text || *end || errno || value < least || value > most) return unexpected(p, node, key, expected);
    *out = (int)value;
    return ST_OK;
}

status yaml_value_share(const struct parser *p, const struct yaml *node, const char *key, double *out)
{
    char *end;
    double value;

    if (!node) return ST_OK;
    if (node->kind != YAML_TEXT) return unexpected(p, node, key, "a share from 0 to 0.9");
    value = strtod(node->text, &end);
    if (end == node->text || *end || !(value >= 0 && value <= 0.9))
        return unexpected(p, node, key, "a share from 0 to 0.9");
    *out = value;
    return ST_OK;
}

status yaml_value_texts(struct parser *p, const struct yaml *node, const char *key, size_t limit, struct texts *out)
{
    const char **items;

    if (!node) return ST_OK;
    if (node->kind == YAML_MAP) return unexpected(p, node, key, "a text or a list of texts");
    out->count = node->kind == YAML_TEXT ? 1 : node->count;
    if (out->count == 0 || out->count > limit)
        return fault(ST_INPUT, "%s:%d: %s: found %zu items, expected 1 to %zu", p->path, node->line, key, out->count,
                     limit);
    TRY(mem_keep_new(&p->catalogue->keep, out->count, sizeof *items, &items));
    for (size_t i = 0; i < out->count; i++) {
        const struct yaml *item = node->kind == YAML_TEXT ? node : &node->items[i];
        if (item->kind != YAML_TEXT) return unexpected(p, item, key, "a text");
        items[i] = item->text;
    }
    out->items = items;
    return ST_OK;
}

status yaml_value_map(const struct parser *p, const struct yaml *node, const char *what, const char *const *names)
{
    char expected[512];
    size_t used = 0;

    if (node->kind != YAML_MAP) return unexpected(p, node, what, "a map");
    for (size_t i = 0; i < node->count; i++) {
        size_t k = 0;
        while (names[k] && strcmp(names[k], node->keys[i]) != 0) k++;
        if (names[k]) continue;
        expected[0] = 0;
        for (k = 0; names[k] && used < sizeof expected; k++)
            used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", k ? ", " : "", names[k]);
        return fault(ST_INPUT, "%s:%d: %s: unknown key \"%.60s\", expected one of: %s", p->path, node->key_lines[i],
                     what, node->keys[i], expected);
    }
    return ST_OK;
}

status entry_field(const struct parser *p, const char *name, int line, int *out)
{
    for (int i = 0; i < p->entry->fields; i++)
        if (strcmp(p->entry->field[i], name) == 0) return *out = i, ST_OK;
    return fault(ST_INPUT, "%s:%d: found \"%.60s\", expected a field of the template", p->path, line, name);
}

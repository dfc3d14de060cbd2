/* Lists of label words, by name/version or in the entry itself. */
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/entry.h"

static status words_parse(struct parser *p, const struct yaml *node, const char *name, struct label_set *set)
{
    struct texts words;

    if (node->kind != YAML_LIST)
        return fault(ST_INPUT, "%s:%d: %.60s: expected a list of words", p->path, node->line, name);
    TRY(yaml_value_texts(p, node, name, LABEL_LIMIT, &words));
    for (size_t i = 0; i < words.count; i++) {
        if (!words.items[i][0]) return fault(ST_INPUT, "%s:%d: %.60s: an empty word", p->path, node->line, name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(words.items[i], words.items[j]) == 0)
                return fault(ST_INPUT, "%s:%d: %.60s: found \"%.60s\" twice", p->path, node->line, name,
                             words.items[i]);
    }
    if (words.count < 2)
        return fault(ST_INPUT, "%s:%d: %.60s: found one word, expected at least 2", p->path, node->line, name);
    *set = (struct label_set){name, (int)words.count, words.items};
    return ST_OK;
}

status label_sets_parse(struct parser *p, const struct yaml *root)
{
    struct label_set *sets;

    if (root->kind != YAML_MAP)
        return fault(ST_INPUT, "%s:%d: expected a map of name/version to words", p->path, root->line);
    TRY(mem_keep_new(&p->catalogue->keep, root->count, sizeof *sets, &sets));
    for (size_t i = 0; i < root->count; i++) {
        const char *slash = strchr(root->keys[i], '/');
        if (!slash || slash == root->keys[i] || !slash[1])
            return fault(ST_INPUT, "%s:%d: found \"%.60s\", expected name/version", p->path, root->key_lines[i],
                         root->keys[i]);
        TRY(words_parse(p, &root->items[i], root->keys[i], &sets[i]));
    }
    p->catalogue->set = sets;
    p->catalogue->sets = root->count;
    return ST_OK;
}

status labels_parse(struct parser *p, const struct yaml *node, const struct label_set **out)
{
    struct label_set *own;
    const char *name;
    char text[80];

    if (node->kind == YAML_TEXT) {
        for (size_t i = 0; i < p->catalogue->sets; i++)
            if (strcmp(p->catalogue->set[i].name, node->text) == 0) return *out = &p->catalogue->set[i], ST_OK;
        return fault(ST_INPUT, "%s:%d: labels: found \"%.60s\", expected a name of label_sets.yaml or a list of words",
                     p->path, node->line, node->text);
    }
    snprintf(text, sizeof text, "%.64s/1", p->entry->id);
    TRY(mem_keep_text(&p->catalogue->keep, text, strlen(text), &name));
    TRY(mem_keep_new(&p->catalogue->keep, 1, sizeof *own, &own));
    TRY(words_parse(p, node, name, own));
    *out = own;
    return ST_OK;
}

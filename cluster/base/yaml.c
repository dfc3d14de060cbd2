/* libyaml's document, copied into our nodes. All memory is kept together and freed at once. */
#include "cluster/base/yaml.h"

#include <string.h>

#include <yaml.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { FILE_LIMIT = 16 << 20, DEPTH_LIMIT = 64 };

struct yaml_reader {
    const char *path;
    yaml_document_t *document;
    struct mem_keep memory;
};

static status take_bytes(struct yaml_reader *r, size_t bytes, void *out)
{
    return mem_keep_new(&r->memory, bytes, 1, out);
}

static status copy_scalar(struct yaml_reader *r, const yaml_node_t *from, const char **text)
{
    char *copy;
    size_t n = from->data.scalar.length;

    if (memchr(from->data.scalar.value, 0, n))
        return fault(ST_INPUT, "%s:%zu: a NUL byte inside a value", r->path, from->start_mark.line + 1);
    TRY(take_bytes(r, n + 1, &copy));
    memcpy(copy, from->data.scalar.value, n);
    *text = copy;
    return ST_OK;
}

static status copy_node(struct yaml_reader *r, const yaml_node_t *from, int depth, struct yaml *to);

static status copy_list(struct yaml_reader *r, const yaml_node_t *from, int depth, struct yaml *to)
{
    struct yaml *items;

    to->kind = YAML_LIST;
    to->count = (size_t)(from->data.sequence.items.top - from->data.sequence.items.start);
    TRY(take_bytes(r, to->count * sizeof *items, &items));
    for (size_t i = 0; i < to->count; i++)
        TRY(copy_node(r, yaml_document_get_node(r->document, from->data.sequence.items.start[i]), depth + 1,
                      &items[i]));
    to->items = items;
    return ST_OK;
}

static status copy_map(struct yaml_reader *r, const yaml_node_t *from, int depth, struct yaml *to)
{
    struct yaml *items;
    const char **keys;
    int *lines;

    to->kind = YAML_MAP;
    to->count = (size_t)(from->data.mapping.pairs.top - from->data.mapping.pairs.start);
    TRY(take_bytes(r, to->count * sizeof *items, &items));
    TRY(take_bytes(r, to->count * sizeof *keys, &keys));
    TRY(take_bytes(r, to->count * sizeof *lines, &lines));
    for (size_t i = 0; i < to->count; i++) {
        const yaml_node_pair_t *pair = &from->data.mapping.pairs.start[i];
        const yaml_node_t *key = yaml_document_get_node(r->document, pair->key);

        lines[i] = (int)key->start_mark.line + 1;
        if (key->type != YAML_SCALAR_NODE) return fault(ST_INPUT, "%s:%d: a key that is not text", r->path, lines[i]);
        TRY(copy_scalar(r, key, &keys[i]));
        for (size_t j = 0; j < i; j++)
            if (strcmp(keys[i], keys[j]) == 0)
                return fault(ST_INPUT, "%s:%d: key \"%s\" a second time, first in line %d", r->path, lines[i], keys[i],
                             lines[j]);
        TRY(copy_node(r, yaml_document_get_node(r->document, pair->value), depth + 1, &items[i]));
    }
    to->items = items;
    to->keys = keys;
    to->key_lines = lines;
    return ST_OK;
}

static status copy_node(struct yaml_reader *r, const yaml_node_t *from, int depth, struct yaml *to)
{
    to->line = (int)from->start_mark.line + 1;
    if (depth > DEPTH_LIMIT) return fault(ST_INPUT, "%s:%d: nested deeper than %d", r->path, to->line, DEPTH_LIMIT);
    switch (from->type) {
    case YAML_SCALAR_NODE:
        to->kind = YAML_TEXT;
        to->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return copy_scalar(r, from, &to->text);
    case YAML_SEQUENCE_NODE: return copy_list(r, from, depth, to);
    case YAML_MAPPING_NODE: return copy_map(r, from, depth, to);
    case YAML_NO_NODE: break;
    }
    return fault(ST_INPUT, "%s:%d: an empty node", r->path, to->line);
}

/* Aliases would let a small file grow without end (and loop): refuse them before the document is built. */
static status refuse_aliases(const char *path, const char *text, size_t n)
{
    yaml_parser_t parser;
    yaml_event_t event;
    status s = ST_OK;
    int done = 0;

    if (!yaml_parser_initialize(&parser)) return fault(ST_MEMORY, "out of memory: YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    while (!done && s == ST_OK) {
        if (!yaml_parser_parse(&parser, &event)) {
            s = fault(ST_INPUT, "%s:%zu: not YAML: %s", path, parser.problem_mark.line + 1,
                      parser.problem ? parser.problem : "unreadable");
            break;
        }
        if (event.type == YAML_ALIAS_EVENT)
            s = fault(ST_INPUT, "%s:%zu: an alias (*name), expected plain values", path, event.start_mark.line + 1);
        done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return s;
}

status yaml_parse(const char *name, const char *text, size_t n, struct yaml_file *file)
{
    yaml_parser_t parser;
    yaml_document_t document;
    struct yaml_reader r = {.path = name, .document = &document};
    struct yaml *root = NULL;
    const yaml_node_t *top;
    status s;

    *file = (struct yaml_file){.path = name};
    TRY(refuse_aliases(name, text, n));
    if (!yaml_parser_initialize(&parser)) return fault(ST_MEMORY, "out of memory: YAML parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    if (!yaml_parser_load(&parser, &document)) {
        s = fault(ST_INPUT, "%s:%zu: not YAML: %s", name, parser.problem_mark.line + 1,
                  parser.problem ? parser.problem : "unreadable");
        yaml_parser_delete(&parser);
        return s;
    }
    s = take_bytes(&r, sizeof *root, &root);
    if (s == ST_OK) {
        top = yaml_document_get_root_node(&document);
        if (top) s = copy_node(&r, top, 0, root);
        else *root = (struct yaml){.kind = YAML_MAP, .line = 1};
    }
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    if (s != ST_OK) {
        mem_keep_free(&r.memory);
        return s;
    }
    file->root = root;
    file->memory = r.memory;
    return ST_OK;
}

status yaml_load(const char *path, struct yaml_file *file)
{
    char *text;
    size_t n;
    status s;

    *file = (struct yaml_file){.path = path};
    TRY(file_read(path, FILE_LIMIT, &text, &n));
    s = yaml_parse(path, text, n, file);
    mem_free(text);
    return s;
}

void yaml_close(struct yaml_file *file)
{
    mem_keep_free(&file->memory);
    *file = (struct yaml_file){0};
}

const struct yaml *yaml_get(const struct yaml *map, const char *key)
{
    if (!map || map->kind != YAML_MAP) return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->keys[i], key) == 0) return &map->items[i];
    return NULL;
}

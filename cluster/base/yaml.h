/* YAML files as a tree of nodes that know their line (libyaml reads; this keeps the lines for messages). */
#ifndef MP2_CLUSTER_BASE_YAML_H
#define MP2_CLUSTER_BASE_YAML_H

#include <stddef.h>

#include "cluster/base/memory.h"
#include "cluster/base/status.h"

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    int line;                 /* of the value, from 1 */
    int quoted;               /* text in quotes: never a number, a bool or null */
    const char *text;         /* YAML_TEXT, 0-terminated, no 0 inside */
    size_t count;             /* YAML_LIST, YAML_MAP */
    const struct yaml *items; /* count values */
    const char *const *keys;  /* YAML_MAP: count keys, all different */
    const int *key_lines;
};

struct yaml_file {
    const char *path;        /* as in messages */
    const struct yaml *root; /* an empty file: an empty map */
    struct mem_keep memory;
};

/* Local. ST_INPUT (reported: path:line, what, expected) on bad YAML, duplicate keys, keys that are not text, anchors or
 * tags, more than 16 MiB, deeper than 64. */
status yaml_load(const char *path, struct yaml_file *file);
status yaml_parse(const char *name, const char *text, size_t n, struct yaml_file *file);
void yaml_close(struct yaml_file *file);

/* Local. The value of a key of a map, NULL when absent (or node is no map). */
const struct yaml *yaml_get(const struct yaml *map, const char *key);

#endif

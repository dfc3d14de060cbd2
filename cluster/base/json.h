/* JSON files through jansson: one object at the top, every key once, bounded in size, so that a hostile file costs a
 * message and no memory (jansson's tree can be 100 times its text; 4 MiB of text stay well below 1 GiB). */
#ifndef MP2_CLUSTER_BASE_JSON_H
#define MP2_CLUSTER_BASE_JSON_H

#include <stddef.h>

#include <jansson.h>

#include "cluster/base/status.h"

enum { JSON_LIMIT = 4 << 20, JSON_FOREIGN_LIMIT = 8 << 20 };

/* Local. *root is to be given back with json_decref. ST_INPUT (reported: path, line, column) when the text is longer
 * than JSON_LIMIT, is no JSON, has a key twice, or is no object. */
status json_open(const char *path, json_t **root);
/* The same over text in memory; name is for messages. */
status json_parse(const char *name, const char *text, size_t n, json_t **root);

/* Local. The same for what other programs write: up to JSON_FOREIGN_LIMIT, and all numbers are reals, because some of
 * their integers are too large for 64 bits. */
status json_open_foreign(const char *path, json_t **root);
status json_parse_foreign(const char *name, const char *text, size_t n, json_t **root);

#endif

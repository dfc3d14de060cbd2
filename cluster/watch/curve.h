/* CURVE keys (CurveZMQ, 40 characters of Z85 each) and who may connect. Files:
 *   NAME.key   the secret, as YAML: `public: "…"` and `secret: "…"`; refused when its group or others can read it
 *   NAME.pub   one line, the public key and a name; an allow-list is such lines one after the other, like ssh's
 *              authorized_keys; empty lines and lines that start with "# " are skipped */
#ifndef MP2_CLUSTER_WATCH_CURVE_H
#define MP2_CLUSTER_WATCH_CURVE_H

#include <stddef.h>

#include "cluster/base/status.h"

enum { CURVE_KEY = 41 }; /* with the 0 */

struct curve_pair {
    char public_key[CURVE_KEY], secret[CURVE_KEY];
};

struct curve_list {
    size_t count;
    char (*keys)[CURVE_KEY];
};

/* Local. A new pair, written as base.key (mode 0600) and base.pub; ST_INPUT when one of them exists already. */
status curve_generate(const char *base);

/* Local. ST_INPUT: no such file, not a pair, readable by group or others, public key that does not belong to the
 * secret. */
status curve_load(const char *path, struct curve_pair *pair);

/* Local. The first key of a .pub file. */
status curve_load_public(const char *path, char key[CURVE_KEY]);

/* Local. All keys of an allow-list; at least one. */
status curve_load_list(const char *path, struct curve_list *list);
void curve_list_free(struct curve_list *list);

/* Local. Whether a client's public key, 32 raw bytes as in a ZAP request, is in the list. */
int curve_allowed(const struct curve_list *list, const unsigned char *raw, size_t size);

#endif

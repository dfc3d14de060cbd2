/* Groups of tasks: an optional file groups.tsv beside the published folders, `task<TAB>group` a line, any names. What
 * a task's group is travels with its shards, and tables print a mean for each group. `mp2 data demo` writes one. */
#ifndef MP2_COORDINATOR_DATA_GROUPS_H
#define MP2_COORDINATOR_DATA_GROUPS_H

#include <stddef.h>

#include "cluster/base/status.h"

struct groups {
    char *text;
    size_t size;
}; /* its lines, each ended by a NUL, the tab too */

enum { GROUP_BYTES = 64 };

/* Local. Read RAW/groups.tsv; no groups when there is no such file. ST_INPUT (reported) on a line that is not two
 * texts. */
status groups_load(const char *raw, struct groups *out);
void groups_free(struct groups *groups);

/* Local. The task's group; "" when it has none. */
const char *groups_find(const struct groups *groups, const char *task);

#endif

/* Names that carry a number, as step-120 and segment-7.bin, in a folder. */
#ifndef MP2_CLUSTER_STORE_NUMBERED_H
#define MP2_CLUSTER_STORE_NUMBERED_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* Local. 1 and *number when name is before, a number as printf writes it (no leading zeros, no sign), after; else 0. */
int numbered_parse(const char *name, const char *before, const char *after, uint64_t *number);

/* Local. The numbers of such names in a folder, ascending; mem_free. No folder: none. After a failure there is nothing
 * to free. */
status numbered_list(const char *folder, const char *before, const char *after, uint64_t **numbers, size_t *count);
/* Local. The largest of them; 0: there is none. Allocates nothing. */
status numbered_largest(const char *folder, const char *before, const char *after, uint64_t *number);

#endif

/* Where the files lie that come with the program: beside it, wherever it was put. */
#ifndef MP2_CLUSTER_BASE_PLACE_H
#define MP2_CLUSTER_BASE_PLACE_H

#include <stddef.h>

#include "cluster/base/status.h"

/* Local. out: name itself where there is such a file or folder, or it is no relative path; else that of
 * PREFIX/share/mp2/name (program in PREFIX/bin) or PREFIX/name (program in a build folder of the source tree) which
 * exists; else name itself. ST_INPUT (reported) when it does not fit. */
status place_find(const char *name, char *out, size_t room);

#endif

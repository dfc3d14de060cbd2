/* What a cell under way is computed with, in its folder: a cell that goes on must compute the same bits. */
#ifndef MP2_TUNE_MADE_WITH_H
#define MP2_TUNE_MADE_WITH_H

#include "cluster/base/status.h"

struct made_with {
    const char *digest, *instruction_set, *libraries;
}; /* digest: of the cell's configuration */

/* Local. Before a cell begins or goes on in its folder: begun says that there is something to go on from. ST_INPUT
 * (reported) when that was computed with another instruction set or other libraries. *anew: nobody knows with what, so
 * it must go. Then the folder says what is. */
status made_with_check(const char *folder, int begun, const struct made_with *is, int *anew);

/* Local. The cell is done. */
status made_with_remove(const char *folder);

#endif

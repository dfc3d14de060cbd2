/* metrics.jsonl: a run folder's own record of what was published, one Progress message as JSON a line, append-only.
 * A torn last line (the machine stopped while it was written) is no error. */
#ifndef MP2_CLUSTER_WATCH_METRICS_H
#define MP2_CLUSTER_WATCH_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cluster/base/status.h"
#include "proto/progress.pb-c.h"

/* What a reader does with a line; ST_END stops the reading (metrics_read is ST_OK then). line has no '\n'. */
typedef status metrics_line(void *arg, const Mp2__Progress *message, const char *line, size_t size);

/* Local. Every complete line from byte *offset on, which moves after the last one read; a line that is no message is
 * ST_INPUT, reported with path:line (lines counted from the offset). No such file: ST_INPUT. */
status metrics_read(const char *path, int64_t *offset, metrics_line *each, void *arg);

/* Local. Remove what is about steps after `step` (a resumed run computes them again): the file is replaced, complete or
 * untouched. Every line that stays is given to `each` (may be NULL). No such file: nothing is done. */
status metrics_cut(const char *path, uint64_t step, metrics_line *each, void *arg);

/* Local. The step a message is about, 0 when it is about none (run, worker, event, stream). */
uint64_t metrics_step(const Mp2__Progress *message);

#endif

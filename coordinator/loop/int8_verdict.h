/* What the coordinator makes of int8 on a run's first examples: said in any case, warned of, or refused. */
#ifndef MP2_COORDINATOR_LOOP_INT8_VERDICT_H
#define MP2_COORDINATOR_LOOP_INT8_VERDICT_H

#include "cluster/watch/progress.h"
#include "worker/train/int8_check.h"

/* Local, coordinator. precision: what it was compared with. ST_NUMBER (reported) where gradients point elsewhere: a
 * cosine below .9, or none. Below .99 a warning, in log and stream (progress NULL: log alone). */
status int8_verdict(const struct int8_check *found, const char *precision, struct progress *progress, int64_t step);

#endif

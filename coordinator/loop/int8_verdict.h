/* How the coordinator judges int8 on a run's first examples: it always reports the result, and may warn or refuse. */
#ifndef MP2_COORDINATOR_LOOP_INT8_VERDICT_H
#define MP2_COORDINATOR_LOOP_INT8_VERDICT_H

#include "cluster/watch/progress.h"
#include "worker/train/int8_check.h"

/* Local, coordinator. precision: what int8 was compared with. ST_NUMBER (reported) if the gradients point in another
 * direction: a cosine below .9, or none. Below .99: a warning in log and stream (progress NULL: log only). */
status int8_verdict(const struct int8_check *found, const char *precision, struct progress *progress, int64_t step);

#endif

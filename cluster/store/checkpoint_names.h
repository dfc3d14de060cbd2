/* Names of a run's checkpoints: what checkpoint_write.c needs beyond checkpoint.h. */
#ifndef MP2_CLUSTER_STORE_CHECKPOINT_NAMES_H
#define MP2_CLUSTER_STORE_CHECKPOINT_NAMES_H

#include "cluster/store/checkpoint.h"

/* Local. run/name becomes a link to step-N: the old one or the new one, durable on return. */
status checkpoint_link(const char *run, const char *name, uint64_t step);
/* Local. step-N, if there is one, becomes a leftover with the path gone: complete until it is absent. The caller
 * removes it. */
status checkpoint_set_aside(const char *run, uint64_t step, char gone[CHECKPOINT_PATH_BYTES]);

#endif

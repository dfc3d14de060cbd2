/* Tuned files, as info, verify and diff of `mp2 checkpoint` look at them (tuned_is_file tells which they are). */
#ifndef MP2_COORDINATOR_COMMAND_CHECKPOINT_TUNED_H
#define MP2_COORDINATOR_COMMAND_CHECKPOINT_TUNED_H

#include "cluster/base/status.h"

/* Local. Each prints what it finds. differ is set to 1 when the descriptions differ, each difference printed; tensors
 * are the caller's to compare. */
status tuned_info(const char *path);
status tuned_verify(const char *path);
status tuned_diff(const char *path_a, const char *path_b, int *differ);
/* Local. The safetensors file of a tuned file's name. */
status tuned_tensors_path(const char *path, char *out, size_t room);

#endif

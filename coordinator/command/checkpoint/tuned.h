/* mp2 checkpoint on tuned files: info, verify and diff know them; merge joins several, extract makes one of a task that
 * pre-training has seen, export-adapter writes one for Python. argv[0] is the subcommand's name. */
#ifndef MP2_COORDINATOR_COMMAND_CHECKPOINT_TUNED_H
#define MP2_COORDINATOR_COMMAND_CHECKPOINT_TUNED_H

#include "cluster/base/status.h"

status checkpoint_merge(int argc, char **argv);
status checkpoint_extract(int argc, char **argv);
void checkpoint_extract_help(void);
status checkpoint_export_adapter(int argc, char **argv);
void checkpoint_export_adapter_help(void);

/* Local. Of tuned files (tuned_is_file). differ is set to 1 when the descriptions differ, each difference printed; tensors are
 * the caller's to compare. */
status tuned_info(const char *path);
status tuned_verify(const char *path);
status tuned_diff(const char *path_a, const char *path_b, int *differ);
/* Local. The safetensors file of a tuned file's name. */
status tuned_tensors_path(const char *path, char *out, size_t room);

#endif

/* The subcommands of `mp2 checkpoint`: rows of the table in checkpoint.c, called as struct command's run.
 * export and import are between our checkpoints and the reference's best.th; merge, extract and export-adapter write
 * tuned files. */
#ifndef MP2_COORDINATOR_COMMAND_CHECKPOINT_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_CHECKPOINT_COMMANDS_H

#include <stddef.h>

#include "cluster/base/options.h"
#include "cluster/base/status.h"

status cmd_checkpoint_diff(int argc, char **argv);
status cmd_checkpoint_export(int argc, char **argv);
size_t cmd_checkpoint_export_options(const struct option **rows);
status cmd_checkpoint_export_adapter(int argc, char **argv);
size_t cmd_checkpoint_export_adapter_options(const struct option **rows);
status cmd_checkpoint_extract(int argc, char **argv);
size_t cmd_checkpoint_extract_options(const struct option **rows);
status cmd_checkpoint_import(int argc, char **argv);
size_t cmd_checkpoint_import_options(const struct option **rows);
status cmd_checkpoint_info(int argc, char **argv);
status cmd_checkpoint_merge(int argc, char **argv);
status cmd_checkpoint_verify(int argc, char **argv);

#endif

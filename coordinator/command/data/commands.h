/* The subcommands of `mp2 data`: rows of the table in data.c, called as struct command's run. */
#ifndef MP2_COORDINATOR_COMMAND_DATA_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_DATA_COMMANDS_H

#include <stddef.h>

#include "cluster/base/options.h"
#include "cluster/base/status.h"

status cmd_data_batches(int argc, char **argv);
status cmd_data_demo(int argc, char **argv);
extern const char cmd_data_demo_flags[];
status cmd_data_export(int argc, char **argv);
status cmd_data_import(int argc, char **argv);
size_t cmd_data_import_options(const struct option **rows);
status cmd_data_show(int argc, char **argv);
status cmd_data_stats(int argc, char **argv);

#endif

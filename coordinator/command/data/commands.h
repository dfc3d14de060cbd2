/* The subcommands of `mp2 data`: rows of the table in data.c, called as struct command's run and help. */
#ifndef MP2_COORDINATOR_COMMAND_DATA_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_DATA_COMMANDS_H

#include "cluster/base/status.h"

status cmd_data_batches(int argc, char **argv);
status cmd_data_demo(int argc, char **argv);
void cmd_data_demo_help(void);
status cmd_data_export(int argc, char **argv);
status cmd_data_import(int argc, char **argv);
void cmd_data_import_help(void);
status cmd_data_show(int argc, char **argv);
status cmd_data_stats(int argc, char **argv);

#endif

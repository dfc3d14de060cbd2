/* The subcommands of `mp2 data`: a row of the table in cmd_data.c and a file cmd_data_NAME.c each. */
#ifndef MP2_COORDINATOR_COMMAND_DATA_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_DATA_COMMANDS_H

#include "cluster/base/status.h"

struct data_command {
    const char *name, *arguments, *summary;
    status (*run)(int argc, char **argv);   /* argv[0] is the subcommand's name */
    void (*help)(void);                     /* its options; may be NULL */
};

status data_batches(int argc, char **argv);
status data_demo(int argc, char **argv);
void data_demo_help(void);
status data_export(int argc, char **argv);
status data_import(int argc, char **argv);
void data_import_help(void);
status data_show(int argc, char **argv);
status data_stats(int argc, char **argv);

#endif

/* mp2 checkpoint export | import: between our checkpoints and the reference's best.th. argv[0] is the subcommand's name. */
#ifndef MP2_COORDINATOR_COMMAND_CHECKPOINT_EXCHANGE_H
#define MP2_COORDINATOR_COMMAND_CHECKPOINT_EXCHANGE_H

#include "cluster/base/status.h"

status checkpoint_export(int argc, char **argv);
void checkpoint_export_help(void);
status checkpoint_import(int argc, char **argv);
void checkpoint_import_help(void);

#endif

/* The subcommands of `mp2 checkpoint`; argv[0] is the subcommand's name. */
#ifndef MP2_COORDINATOR_COMMAND_CHECKPOINT_COMMANDS_H
#define MP2_COORDINATOR_COMMAND_CHECKPOINT_COMMANDS_H

#include "cluster/base/status.h"

status checkpoint_info(int argc, char **argv);
status checkpoint_verify_command(int argc, char **argv);
status checkpoint_diff(int argc, char **argv);

#endif

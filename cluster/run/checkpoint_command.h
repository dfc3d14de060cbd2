/* The subcommands of `mp2 checkpoint`; argv[0] is the subcommand's name. */
#ifndef MP2_RUN_CHECKPOINT_COMMAND_H
#define MP2_RUN_CHECKPOINT_COMMAND_H

#include "cluster/base/status.h"

status checkpoint_info(int argc, char **argv);
status checkpoint_verify_command(int argc, char **argv);
status checkpoint_diff(int argc, char **argv);

#endif

/* Manual pages (section 1, roff with the macros of man) from the tables of commands and options. Local. */
#ifndef MP2_COORDINATOR_COMMAND_HELP_MANUAL_H
#define MP2_COORDINATOR_COMMAND_HELP_MANUAL_H

#include <stdio.h>

#include "coordinator/command/command.h"

/* mp2(1): all commands, a line each. c: NULL. */
void manual_write_main(const struct command *c, FILE *to);
/* mp2-NAME(1), with its subcommands. */
void manual_write_command(const struct command *c, FILE *to);

#endif

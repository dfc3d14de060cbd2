/* Completions of the command line for bash and zsh, from the tables of commands and options. Local. c: NULL. */
#ifndef MP2_COORDINATOR_COMMAND_HELP_COMPLETION_H
#define MP2_COORDINATOR_COMMAND_HELP_COMPLETION_H

#include <stdio.h>

#include "coordinator/command/command.h"

void completion_write_bash(const struct command *c, FILE *to);
void completion_write_zsh(const struct command *c, FILE *to);

#endif

/* The commands of mp2. A command is one row of the table in command.c and one file cmd_NAME.c. */
#ifndef MP2_COORDINATOR_COMMAND_COMMAND_H
#define MP2_COORDINATOR_COMMAND_COMMAND_H

#include "cluster/base/status.h"

struct command {
    const char *name;
    const char *arguments;      /* as shown by help */
    const char *summary;        /* one sentence */
    /* argv[0] is the command's name. Errors are said where they are found. */
    status (*run)(int argc, char **argv);
    void (*help)(void);         /* prints options beyond the two lines above; may be NULL */
};

/* Local. NULL when there is no such command. */
const struct command *command_find(const char *name);
status command_help(int argc, char **argv);

#endif

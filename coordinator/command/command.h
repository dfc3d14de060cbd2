/* The commands of mp2, and the subcommands that some of them have. A command is a row of a table and a file of its
 * own. */
#ifndef MP2_COORDINATOR_COMMAND_COMMAND_H
#define MP2_COORDINATOR_COMMAND_COMMAND_H

#include "cluster/base/status.h"

struct command {
    const char *name;
    const char *arguments; /* as shown by help; "" when there are none */
    const char *summary;   /* one sentence */
    /* argv[0] is the command's name. Errors are reported where they are found. */
    status (*run)(int argc, char **argv);
    void (*help)(void); /* prints options beyond the two lines above; may be NULL */
    int least, most;    /* how many arguments run takes; most 0: run checks them itself */
};

struct command_table {
    const char *path; /* what comes before a name on the command line, with a space: "", "data " */
    const struct command *commands;
    int count;
};

/* Those of mp2. */
extern const struct command_table command_table_main;

/* Local. Runs the command that argv[1] names, as run(argc - 1, argv + 1). ST_USAGE (reported) when there is none, or
 * it does not take so many arguments. */
status command_run(const struct command_table *table, int argc, char **argv);

/* Local. `mp2 help [COMMAND]`: argv[1] is the command, if any. ST_USAGE (reported) when it is unknown. */
status command_help(int argc, char **argv);

#endif

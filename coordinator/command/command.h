/* The commands of mp2, and the subcommands that some of them have. A command is a row of a table and a file of its
 * own. */
#ifndef MP2_COORDINATOR_COMMAND_COMMAND_H
#define MP2_COORDINATOR_COMMAND_COMMAND_H

#include <stddef.h>

#include "cluster/base/options.h"
#include "cluster/base/status.h"

struct command_table;

/* Local. A table of options, for help, manual pages and completion; returns how many rows it has. */
typedef size_t command_options(const struct option **rows);

struct command {
    const char *name;
    const char *arguments; /* as shown by help; "" when there are none */
    const char *summary;   /* one sentence */
    /* argv[0] is the command's name. Errors are reported where they are found. */
    status (*run)(int argc, char **argv);
    const char *about;        /* a paragraph for help and the manual page; NULL: none */
    const char *flags;        /* lines about options that are in no table; NULL: none */
    command_options *options; /* what --set and a configuration file may say; NULL: nothing */
    const char *also;         /* the command whose options it takes, too; NULL: none */
    const struct command_table *subcommands;
    int least, most; /* how many arguments run takes; most 0: run checks them itself */
};

struct command_table {
    const char *path; /* what comes before a name on the command line, with a space: "", "data " */
    const struct command *commands;
    int count;
};

/* Those of mp2, and of those that have subcommands. */
extern const struct command_table command_table_main, command_table_bench, command_table_checkpoint, command_table_data;

/* Local. Runs the command that argv[1] names, as run(argc - 1, argv + 1). ST_USAGE (reported) when there is none, or
 * it does not take so many arguments. */
status command_run(const struct command_table *table, int argc, char **argv);

/* Local. The row of that name, NULL: none; and the ST_USAGE (reported) that follows. name NULL: none was given. */
const struct command *command_find(const struct command_table *table, const char *name);
status command_unknown(const struct command_table *table, const char *name);

#endif

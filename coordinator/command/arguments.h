/* The command line of commands that run under mpirun: a configuration (or a run's folder), options as in args.h, and
 * --resume or --new. */
#ifndef MP2_COORDINATOR_COMMAND_ARGUMENTS_H
#define MP2_COORDINATOR_COMMAND_ARGUMENTS_H

#include "cluster/base/options.h"
#include "cluster/base/status.h"
#include "cluster/comm/comm.h"
#include "coordinator/command/args.h"

struct arguments {
    struct args args;
    const char *config;          /* path: the first word; NULL: none */
    const char *second;          /* the second word; NULL: none */
    int resume;                  /* 1, 0 (--new), -1: either */
};

/* Local. words: how many plain words there may be, 1 or 2. ST_USAGE (said). */
status arguments_parse(int argc, char **argv, int words, struct arguments *a);
void arguments_fini(struct arguments *a);

/* Collective. A whole command: parses the command line (words as above), starts MPI, lets `run` do the work on every rank, and
 * ends MPI with its status, which it returns. */
status arguments_run(int argc, char **argv, int words, status (*run)(struct comm *c, const struct arguments *a));

/* Collective. Rank 0 reads the file and resolves the options; the others get the resolved values. text: the resolved
 * configuration as YAML, on all ranks, freed by free(). */
status arguments_load(struct comm *c, const struct arguments *a, const struct option *table, size_t count, void *config,
                      struct options *options, char **text);

#endif

/* The command line that trainers share: COMMAND CONFIG.yaml [--set key=value …] [--resume | --new]. */
#ifndef MP2_RUN_ARGUMENTS_H
#define MP2_RUN_ARGUMENTS_H

#include "cluster/base/options.h"
#include "cluster/base/status.h"
#include "cluster/comm/comm.h"

struct arguments {
    const char *config;          /* path; NULL: none */
    const char **sets;
    size_t set_count, set_room;
    const char **rest;           /* further words, in order */
    size_t rest_count, rest_room;
    int resume;                  /* 1, 0 (--new), -1: either */
};

/* Local. The first plain word is the configuration file; others go to rest. ST_USAGE on unknown flags. */
status arguments_parse(int argc, char **argv, struct arguments *a);
void arguments_fini(struct arguments *a);

/* Collective. Rank 0 reads the file and resolves the options; the others get the resolved values. text: the resolved
 * configuration as YAML, on all ranks, freed by free(). */
status arguments_load(struct comm *c, const struct arguments *a, const struct option *table, size_t count, void *config,
                      struct options *options, char **text);

#endif

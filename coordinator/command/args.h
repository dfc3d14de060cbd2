/* A command line of the form `COMMAND [CONFIG.yaml] [--set key=value …] [--key value …]`: --key value and --key=value
 * are short for --set key=value, --key alone for --set key=true. */
#ifndef MP2_COORDINATOR_COMMAND_ARGS_H
#define MP2_COORDINATOR_COMMAND_ARGS_H

#include <stddef.h>

#include "cluster/base/memory.h"
#include "cluster/base/status.h"

struct args {
    const char *words[4];           /* what is no option, in order; the configuration's path among them */
    int word_count;
    const char *const *sets;        /* "key=value" */
    size_t set_count;
    struct mem_keep keep;
};

/* Local. argv[0] is skipped. ST_USAGE (said) when --set lacks its value or there are more than most words. */
status args_parse(int argc, char **argv, int most, struct args *out);
void args_fini(struct args *args);

/* Local. The whole of a command with one word and a table of options but no file: parse, load config, run(word, config).
 * ST_USAGE (usage is said) unless there is exactly one word. */
struct option;
status args_run(int argc, char **argv, const char *usage, const struct option *table, size_t count, void *config,
                status (*run)(const char *word, const void *config));

#endif

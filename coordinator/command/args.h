/* The command line of a command, `[WORD …] [--set key=value …] [--key value …]`: --key value and --key=value are short
 * for --set key=value, --key alone for --set key=true. Words are what is left: a configuration file, a run's folder, a
 * task. */
#ifndef MP2_COORDINATOR_COMMAND_ARGS_H
#define MP2_COORDINATOR_COMMAND_ARGS_H

#include <stddef.h>

#include "cluster/base/memory.h"
#include "cluster/base/options.h"
#include "cluster/base/status.h"
#include "cluster/comm/comm.h"
#include "worker/model/machine.h"

enum { ARGS_WORDS = 4 };

struct args {
    const char *words[ARGS_WORDS]; /* in order; NULL after the last */
    int word_count;
    const char *const *sets; /* "key=value" */
    size_t set_count;
    int resume; /* of commands that resume: 1 --resume, 0 --new; else -1 */
    struct mem_keep keep;
};

/* Local. argv[0] is skipped. ST_USAGE (reported) when --set lacks its value or there are more than most words (at most
 * ARGS_WORDS); then nothing has to be undone. The texts are those of argv or live until args_fini. */
status args_parse(int argc, char **argv, int most, struct args *out);
/* The same for commands that resume: --resume and --new are theirs. */
status args_parse_resuming(int argc, char **argv, int most, struct args *out);
void args_fini(struct args *args);

/* How many words a command takes. */
struct args_words {
    int least, most;
    const char *usage; /* reported when there are fewer; NULL where least is 0 */
};

/* ---- whole commands on one process ---- */

struct args_form {
    struct args_words words;
    int file; /* the first word, where there is one, is a configuration file */
    const struct option *table;
    size_t count;
};

/* Local. Parse, set config (the struct of the table), run. */
status args_run(int argc, char **argv, const struct args_form *form, void *config,
                status (*run)(const struct args *args, void *config));

/* ---- whole commands under mpirun ---- */

/* Collective. Parse (--resume and --new, too), start MPI, let run do the work on every rank, end MPI with its status,
 * which is returned. */
status args_run_ranks(int argc, char **argv, const struct args_words *words,
                      status (*run)(struct comm *c, const struct args *args));

/* Collective. Rank 0 reads the file (NULL: none) and resolves the options, so a bad one gives one message; the others
 * get the resolved values. text: the resolved configuration as YAML, on all ranks, freed by free(); NULL after a
 * failure. */
status args_load(struct comm *c, const struct args *args, const char *file, const struct option *table, size_t count,
                 void *config, struct options *options, char **text);

/* Collective. What `machine.precision: auto` is in the run whose folder this is (worker/model/machine.h). */
status args_recall(struct comm *c, const char *run, struct machine_config *machine);

#endif

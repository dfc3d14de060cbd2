/* mp2 stop RUN [--wait SECONDS]: ask a run to finish its step and end in order. */
#include <stddef.h>
#include <stdio.h>

#include "cluster/base/log.h"
#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "cluster/store/run_folder.h"

struct stop_config {
    double wait;
};

static const struct option table[] = {
    REAL_OPTION("wait", offsetof(struct stop_config, wait), "600", 0, 1e6, LIMIT, "s",
                "how long to wait for the run to end; 0: only ask"),
};
enum { ROWS = sizeof table / sizeof *table };

static status ask_run(const struct args *args, void *config)
{
    const double wait = ((const struct stop_config *)config)->wait;
    int ended;

    TRY(run_folder_ask_stop(args->words[0], (int)(wait * 1000), &ended));
    if (ended) printf("%s: ended in order\n", args->words[0]);
    else if (wait > 0)
        return fault(ST_SYSTEM, "%s: still running after %g s; it ends after the step under way", args->words[0], wait);
    else printf("%s: asked to end after the step under way\n", args->words[0]);
    return ST_OK;
}

status cmd_stop(int argc, char **argv)
{
    const struct args_form form = {.words = {1, 1, "mp2 stop RUN [--wait SECONDS]"}, .table = table, .count = ROWS};
    struct stop_config config;

    return args_run(argc, argv, &form, &config, ask_run);
}

size_t cmd_stop_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}

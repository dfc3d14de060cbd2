/* mp2 stop RUN [--wait SECONDS]: ask a run to finish its step and end in order. */
#include <stddef.h>
#include <stdio.h>

#include "cluster/base/log.h"
#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "cluster/store/run_folder.h"

struct stop_config { double wait; };

static const struct option table[] = {
    {"wait", OPTION_REAL, offsetof(struct stop_config, wait), "600", 0, 1e6, AFFECTS_LIMIT, "s",
     "how long to wait for the run to end; 0: only ask", NULL},
};

static status ask(const struct args *args)
{
    struct stop_config config = {0};
    struct options options;
    int ended;

    if (args->word_count != 1) return fault(ST_USAGE, "usage: mp2 stop RUN [--wait SECONDS]");
    TRY(options_load(table, 1, &config, NULL, args->sets, args->set_count, &options));
    options_fini(&options);
    TRY(run_folder_ask_stop(args->words[0], (int)(config.wait * 1000), &ended));
    if (ended) printf("%s: ended in order\n", args->words[0]);
    else if (config.wait > 0)
        return fault(ST_SYSTEM, "%s: still running after %g s; it ends after the step under way", args->words[0],
                     config.wait);
    else printf("%s: asked to end after the step under way\n", args->words[0]);
    return ST_OK;
}

status cmd_stop(int argc, char **argv)
{
    struct args args;
    status s;

    TRY(args_parse(argc, argv, 1, &args));
    s = ask(&args);
    args_fini(&args);
    return s;
}

void cmd_stop_help(void)
{
    options_help(table, 1, stdout);
}

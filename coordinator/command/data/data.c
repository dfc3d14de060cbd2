/* mp2 data SUBCOMMAND: find it, run it. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/commands.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"

static const struct data_command table[] = {
    {"demo", "DIR [--seed N] [--size small|normal]", "write generated data for every task, unlabelled text and a vocabulary", data_demo, data_demo_help},
    {"import", "[CONFIG.yaml] [--raw DIR] [--data DIR] [--vocab FILE]", "turn published data into tokenised shards", data_import, data_import_help},
    {"show", "TASK [CONFIG.yaml] [--data DIR] [--vocab FILE] [--split S] [--rows N]", "print rows as the model will see them", data_show, data_view_help},
    {"stats", "[CONFIG.yaml] [--data DIR]", "count rows, lengths, labels, and what was dropped and why", data_stats, data_view_help},
    {"batches", "CONFIG.yaml [--steps N]", "print what `mp2 pretrain` would draw: task, rows and router noise of each step", data_batches, data_view_help},
    {"export", "[CONFIG.yaml] [--data DIR] --task ID --split S", "print a split's inputs as JSON lines", data_export, data_view_help},
};

enum { ROWS = sizeof table / sizeof *table };

void cmd_data_help(void)
{
    for (int i = 0; i < ROWS; i++) {
        printf("%smp2 data %s %s\n  %s\n", i ? "\n" : "", table[i].name, table[i].arguments, table[i].summary);
        if (table[i].help) table[i].help();
    }
}

status cmd_data(int argc, char **argv)
{
    char expected[256];
    size_t used = 0;

    for (int i = 0; i < ROWS; i++) {
        if (argc >= 2 && strcmp(argv[1], table[i].name) == 0) return table[i].run(argc - 1, argv + 1);
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", i ? ", " : "", table[i].name);
    }
    return fault(ST_USAGE, "mp2 data: found \"%.40s\", expected one of: %s", argc >= 2 ? argv[1] : "nothing", expected);
}

/* mp2 data SUBCOMMAND … */
#include <stdio.h>

#include "coordinator/command/command.h"
#include "coordinator/command/commands.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"

static const struct command commands[] = {
    {"demo", "DIR [--seed N] [--size small|normal]",
     "write generated data for every task, unlabelled text and a vocabulary", .run = cmd_data_demo,
     .help = cmd_data_demo_help},
    {"import", "[CONFIG.yaml] [--raw DIR] [--data DIR] [--vocab FILE]", "turn published data into tokenised shards",
     .run = cmd_data_import, .help = cmd_data_import_help},
    {"show", "TASK [CONFIG.yaml] [--data DIR] [--vocab FILE] [--split S] [--rows N]",
     "print rows as the model will see them", .run = cmd_data_show, .help = data_view_help},
    {"stats", "[CONFIG.yaml] [--data DIR]", "count rows, lengths, labels, and what was dropped and why",
     .run = cmd_data_stats, .help = data_view_help},
    {"batches", "CONFIG.yaml [--steps N]",
     "print what `mp2 pretrain` would draw: task, rows and router noise of each step", .run = cmd_data_batches,
     .help = data_view_help},
    {"export", "[CONFIG.yaml] [--data DIR] --task ID --split S", "print a split's inputs as JSON lines",
     .run = cmd_data_export, .help = data_view_help},
};

static const struct command_table table = {"data ", commands, sizeof commands / sizeof *commands};

status cmd_data(int argc, char **argv)
{
    return command_run(&table, argc, argv);
}

void cmd_data_help(void)
{
    for (int i = 0; i < table.count; i++) {
        printf("%smp2 data %s %s\n  %s\n", i ? "\n" : "", commands[i].name, commands[i].arguments, commands[i].summary);
        commands[i].help();
    }
}

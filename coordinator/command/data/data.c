/* mp2 data SUBCOMMAND … */
#include "coordinator/command/command.h"
#include "coordinator/command/commands.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"

static const char view_about[] = "Of the options of `mp2 pretrain` those count that say which inputs: data, tasks, "
                                 "prompt.*, reference.form, model.";

static const struct command commands[] = {
    {"demo", "DIR [--seed N] [--size small|normal]",
     "write generated data for every task, unlabelled text and a vocabulary", .run = cmd_data_demo,
     .flags = cmd_data_demo_flags},
    {"import", "[CONFIG.yaml] [--raw DIR] [--data DIR] [--vocab FILE]", "turn published data into tokenised shards",
     .run = cmd_data_import, .options = cmd_data_import_options},
    {"show", "TASK [CONFIG.yaml] [--data DIR] [--vocab FILE] [--split S] [--rows N]",
     "print rows as the model will see them", .run = cmd_data_show, .about = view_about, .options = data_view_options,
     .also = "pretrain"},
    {"stats", "[CONFIG.yaml] [--data DIR]", "count rows, lengths, labels, and what was dropped and why",
     .run = cmd_data_stats, .about = view_about, .options = data_view_options, .also = "pretrain"},
    {"batches", "CONFIG.yaml [--steps N]",
     "print what `mp2 pretrain` would draw: task, rows and router noise of each step", .run = cmd_data_batches,
     .about = view_about, .options = data_view_options, .also = "pretrain"},
    {"export", "[CONFIG.yaml] [--data DIR] --task ID --split S", "print a split's inputs as JSON lines",
     .run = cmd_data_export, .about = view_about, .options = data_view_options, .also = "pretrain"},
};

const struct command_table command_table_data = {"data ", commands, sizeof commands / sizeof *commands};

status cmd_data(int argc, char **argv)
{
    return command_run(&command_table_data, argc, argv);
}

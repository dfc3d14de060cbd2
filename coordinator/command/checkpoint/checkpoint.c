/* mp2 checkpoint SUBCOMMAND … */
#include <limits.h>

#include "coordinator/command/checkpoint/commands.h"
#include "coordinator/command/command.h"
#include "coordinator/command/commands.h"

static const struct command commands[] = {
    {"info", "CHECKPOINT", "what it holds and belongs to, and its sha256 (cat step-N/* | sha256sum)",
     .run = cmd_checkpoint_info, .least = 1, .most = 1},
    {"verify", "CHECKPOINT|RUN", "check every byte of a checkpoint, or of all of a run's and of its journal",
     .run = cmd_checkpoint_verify, .least = 1, .most = 1},
    {"diff", "A B", "compare bit by bit: exit status 0 when equal, 1 when not", .run = cmd_checkpoint_diff, .least = 2,
     .most = 2},
    {"export", "CHECKPOINT --out FILE", "write it as the reference's best.th (a torch file)",
     .run = cmd_checkpoint_export, .options = cmd_checkpoint_export_options, .least = 1, .most = INT_MAX},
    {"import", "FILE --out RUN", "make a checkpoint of the reference's best.th", .run = cmd_checkpoint_import,
     .options = cmd_checkpoint_import_options, .least = 1, .most = INT_MAX},
    {"merge", "OUT TUNED…", "join tuned files over one encoder into one", .run = cmd_checkpoint_merge, .least = 2,
     .most = INT_MAX},
    {"extract", "CHECKPOINT --out NAME", "make a tuned file of a task that pre-training has seen",
     .run = cmd_checkpoint_extract, .options = cmd_checkpoint_extract_options, .least = 1, .most = INT_MAX},
    {"export-adapter", "TUNED --out DIR", "write a tuned task for Python", .run = cmd_checkpoint_export_adapter,
     .options = cmd_checkpoint_export_adapter_options, .least = 1, .most = INT_MAX},
};

const struct command_table command_table_checkpoint = {"checkpoint ", commands, sizeof commands / sizeof *commands};

status cmd_checkpoint(int argc, char **argv)
{
    return command_run(&command_table_checkpoint, argc, argv);
}

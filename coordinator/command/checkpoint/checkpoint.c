/* mp2 checkpoint SUBCOMMAND … */
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/checkpoint/commands.h"
#include "coordinator/command/checkpoint/exchange.h"
#include "coordinator/command/checkpoint/tuned.h"
#include "coordinator/command/commands.h"

static const struct subcommand {
    const char *name, *arguments, *summary;
    int least, most;             /* words behind the name; most -1: the subcommand looks itself */
    status (*run)(int argc, char **argv);
} subcommands[] = {
    {"info", "CHECKPOINT", "what it holds and belongs to, and its sha256 (cat step-N/* | sha256sum)", 1, 1,
     checkpoint_info},
    {"verify", "CHECKPOINT", "read it as a resumed run would, checking every byte", 1, 1, checkpoint_verify_command},
    {"diff", "A B", "compare bit by bit: exit status 0 when equal, 1 when not", 2, 2, checkpoint_diff},
    {"export", "CHECKPOINT --out FILE", "write it as the reference's best.th (a torch file)", 1, -1, checkpoint_export},
    {"import", "FILE --out RUN", "make a checkpoint of the reference's best.th", 1, -1, checkpoint_import},
    {"merge", "OUT TUNED…", "join tuned files over one encoder into one", 2, -1, checkpoint_merge},
    {"extract", "CHECKPOINT --out NAME", "make a tuned file of a task that pre-training has seen", 1, -1, checkpoint_extract},
    {"export-adapter", "TUNED --out DIR", "write a tuned task for Python", 1, -1, checkpoint_export_adapter},
};

enum { SUBCOMMAND_COUNT = sizeof subcommands / sizeof *subcommands };

status cmd_checkpoint(int argc, char **argv)
{
    for (int i = 0; argc > 1 && i < SUBCOMMAND_COUNT; i++) {
        const struct subcommand *c = &subcommands[i];

        if (strcmp(c->name, argv[1]) != 0) continue;
        if (argc - 2 < c->least || (c->most >= 0 && argc - 2 > c->most))
            return fault(ST_USAGE, "usage: mp2 checkpoint %s %s", c->name, c->arguments);
        return c->run(argc - 1, argv + 1);
    }
    if (argc < 2) return fault(ST_USAGE, "no subcommand; `mp2 help checkpoint` lists what there is");
    return fault(ST_USAGE, "unknown subcommand \"%s\"; `mp2 help checkpoint` lists what there is", argv[1]);
}

void cmd_checkpoint_help(void)
{
    for (int i = 0; i < SUBCOMMAND_COUNT; i++)
        printf("  %-11s %-22s %s\n", subcommands[i].name, subcommands[i].arguments, subcommands[i].summary);
    puts("\nCHECKPOINT is a folder step-N, or a run's folder (its latest). diff takes two .safetensors files, too.\n"
         "info, verify and diff take tuned files (NAME of NAME.json and NAME.safetensors) as well.");
    puts("\noptions of export:");
    checkpoint_export_help();
    puts("\noptions of import:");
    checkpoint_import_help();
    puts("\noptions of extract:");
    checkpoint_extract_help();
    puts("\noptions of export-adapter:");
    checkpoint_export_adapter_help();
}

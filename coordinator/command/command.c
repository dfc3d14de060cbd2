/* The command table. */
#include "coordinator/command/command.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/commands.h"

static const struct command commands[] = {
    {"bench", "[NAME]", "print figures as JSON lines, each beside the machine's limit measured in the same run", cmd_bench, cmd_bench_help},
    {"checkpoint", "SUBCOMMAND …", "look at checkpoints and exchange them: info, verify, diff, export, import", cmd_checkpoint, cmd_checkpoint_help},
    {"data", "SUBCOMMAND …", "import published data, show and count what was imported", cmd_data, cmd_data_help},
    {"help", "[COMMAND]", "say what a command does and which options it has", command_help, NULL},
    {"tokenize", "--vocab FILE [--offsets]", "turn lines on standard input into ids, as JSON lines", cmd_tokenize, NULL},
    {"mlm", "CONFIG.yaml [--set key=value …] [--resume | --new | --evaluate]",
     "pre-train an encoder as a masked language model on plain text (under mpirun)", cmd_mlm, cmd_mlm_help},
    {"fill-mask", "MODEL [TEXT|-] [--top N] …", "show what an encoder would put in the place of [MASK]", cmd_fill_mask, cmd_fill_mask_help},
    {"probe", "--model DIR --prompts FILE --case FILE --out FILE [--precision f32|bf16] [--attend-padding] [--updates N]",
     "take one batch through forward, backward and AdamW, for comparison with other programs", cmd_probe,
     cmd_probe_help},
    {"encoder", "--out DIR --vocab FILE [--layers N] [--hidden N] …", "write a random encoder as a Hugging Face folder", cmd_encoder,
     cmd_encoder_help},
    {"evaluate", "RUN [train|dev|test|pool] [--set key=value …]",
     "score a run's newest checkpoint, or a checkpoint folder, on all rows of a split (under mpirun)", cmd_evaluate, NULL},
    {"predict", "TUNED|CHECKPOINT [FILE|-] [--set key=value …]", "answer raw text with a tuned task, as JSON lines (alone or under mpirun)",
     cmd_predict, cmd_predict_help},
    {"pretrain", "CONFIG.yaml [--set key=value …] [--resume | --new]",
     "pre-train modular prompts on many tasks over a frozen encoder (under mpirun)", cmd_pretrain, cmd_pretrain_help},
    {"report", "CONFIG.yaml [--set key=value …]", "compare ways of tuning: run the cells that are missing, write tables and a page (under mpirun)",
     cmd_report, cmd_report_help},
    {"stop", "RUN [--wait SECONDS]", "ask a run to finish its step and end in order", cmd_stop, cmd_stop_help},
    {"tune", "CONFIG.yaml [--set key=value …]", "tune pre-trained prompts for new tasks from a few examples (under mpirun)",
     cmd_tune, cmd_tune_help},
    {"version", "", "print the version and what this program was built with", cmd_version, NULL},
    {"vocab", "[CONFIG.yaml] [--set key=value …]", "make a vocabulary from a corpus", cmd_vocab, cmd_vocab_help},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

const struct command *command_find(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

status command_help(int argc, char **argv)
{
    const struct command *c;

    if (argc < 2) {
        puts("usage: mp2 COMMAND [CONFIG.yaml] [--set key=value …]\n");
        for (int i = 0; i < COMMAND_COUNT; i++) printf("  %-12s %s\n", commands[i].name, commands[i].summary);
        puts("\n`mp2 help COMMAND` tells more. Exit status: 0 done, 1 failed run, 2 bad usage or input, 3 lost peers.");
        return ST_OK;
    }
    c = command_find(argv[1]);
    if (!c) return fault(ST_USAGE, "unknown command \"%s\"; `mp2 help` lists them", argv[1]);
    printf("usage: mp2 %s %s\n\n%s\n", c->name, c->arguments, c->summary);
    if (c->help) {
        putchar('\n');
        c->help();
    }
    return ST_OK;
}

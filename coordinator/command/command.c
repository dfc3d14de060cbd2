/* The table of mp2's commands, and the one way in which a command or subcommand is found and run. */
#include "coordinator/command/command.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/commands.h"

static const struct command commands[] = {
    {"bench", "[NAME]", "print figures as JSON lines, each beside the machine's limit measured in the same run",
     .run = cmd_bench, .help = cmd_bench_help},
    {"checkpoint", "SUBCOMMAND …", "look at checkpoints and exchange them: info, verify, diff, export, import",
     .run = cmd_checkpoint, .help = cmd_checkpoint_help},
    {"data", "SUBCOMMAND …", "import published data, show and count what was imported", .run = cmd_data,
     .help = cmd_data_help},
    {"help", "[COMMAND]", "say what a command does and which options it has", .run = command_help},
    {"tokenize", "--vocab FILE [--offsets]", "turn lines on standard input into ids, as JSON lines",
     .run = cmd_tokenize},
    {"launch", "[--hosts FILE | --discover COMMAND] [--min N] [--max N] … -- COMMAND CONFIG.yaml …",
     "keep a run going while processes and hosts fail, come and go (not under mpirun)", .run = cmd_launch,
     .help = cmd_launch_help},
    {"mlm", "CONFIG.yaml [--set key=value …] [--resume | --new | --evaluate]",
     "pre-train an encoder as a masked language model on plain text (under mpirun)", .run = cmd_mlm,
     .help = cmd_mlm_help},
    {"fill-mask", "MODEL [TEXT|-] [--top N] …", "show what an encoder would put in the place of [MASK]",
     .run = cmd_fill_mask, .help = cmd_fill_mask_help},
    {"probe",
     "--model DIR --prompts FILE --case FILE --out FILE [--precision f32|bf16|int8] [--attend-padding] [--updates N]",
     "take one batch through forward, backward and AdamW, for comparison with other programs", .run = cmd_probe,
     .help = cmd_probe_help},
    {"encoder", "--out DIR --vocab FILE [--layers N] [--hidden N] …", "write a random encoder as a Hugging Face folder",
     .run = cmd_encoder, .help = cmd_encoder_help},
    {"evaluate", "RUN [train|dev|test|pool] [--set key=value …]",
     "score a run's newest checkpoint, or a checkpoint folder, on all rows of a split (under mpirun)",
     .run = cmd_evaluate},
    {"predict", "TUNED|CHECKPOINT [FILE|-] [--set key=value …]",
     "answer raw text with a tuned task, as JSON lines (alone or under mpirun)", .run = cmd_predict,
     .help = cmd_predict_help},
    {"pretrain", "CONFIG.yaml [--set key=value …] [--resume | --new]",
     "pre-train modular prompts on many tasks over a frozen encoder (under mpirun)", .run = cmd_pretrain,
     .help = cmd_pretrain_help},
    {"report", "CONFIG.yaml [--set key=value …]",
     "compare ways of tuning: run the cells that are missing, write tables and a page (under mpirun)",
     .run = cmd_report, .help = cmd_report_help},
    {"run", "[-n RANKS] [option of mpirun …] [--] COMMAND …",
     "start a command under mpirun, with what the installed Open MPI wants to be told", .run = cmd_run,
     .help = cmd_run_help},
    {"stop", "RUN [--wait SECONDS]", "ask a run to finish its step and end in order", .run = cmd_stop,
     .help = cmd_stop_help},
    {"tune", "CONFIG.yaml [--set key=value …]",
     "tune pre-trained prompts for new tasks from a few examples (under mpirun)", .run = cmd_tune,
     .help = cmd_tune_help},
    {"version", "", "print the version and what this program was built with", .run = cmd_version},
    {"vocab", "[CONFIG.yaml] [--set key=value …]", "make a vocabulary from a corpus", .run = cmd_vocab,
     .help = cmd_vocab_help},
};

const struct command_table command_table_main = {"", commands, sizeof commands / sizeof *commands};

static const struct command *find_command(const struct command_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->commands[i].name, name) == 0) return &table->commands[i];
    return NULL;
}

/* The names as "a, b, c", cut where the room ends. */
static void list_names(const struct command_table *table, char *out, size_t room)
{
    size_t used = 0;

    out[0] = 0;
    for (int i = 0; i < table->count && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%s", i ? ", " : "", table->commands[i].name);
}

static status unknown(const struct command_table *table, const char *name)
{
    char expected[512];

    list_names(table, expected, sizeof expected);
    if (!name) return fault(ST_USAGE, "%sCOMMAND: found nothing, expected one of: %s", table->path, expected);
    return fault(ST_USAGE, "%sCOMMAND: found \"%.40s\", expected one of: %s", table->path, name, expected);
}

status command_run(const struct command_table *table, int argc, char **argv)
{
    const struct command *c;

    if (argc < 2) return unknown(table, NULL);
    c = find_command(table, argv[1]);
    if (!c) return unknown(table, argv[1]);
    if (c->most > 0 && (argc - 2 < c->least || argc - 2 > c->most))
        return fault(ST_USAGE, "usage: mp2 %s%s %s", table->path, c->name, c->arguments);
    return c->run(argc - 1, argv + 1);
}

status command_help(int argc, char **argv)
{
    const struct command *c;

    if (argc < 2) {
        puts("usage: mp2 COMMAND [CONFIG.yaml] [--set key=value …]\n");
        for (int i = 0; i < command_table_main.count; i++)
            printf("  %-12s %s\n", commands[i].name, commands[i].summary);
        puts("\n`mp2 help COMMAND` tells more. Exit status: 0 done, 1 failed run, 2 bad usage or input, 3 lost peers.");
        return ST_OK;
    }
    c = find_command(&command_table_main, argv[1]);
    if (!c) return unknown(&command_table_main, argv[1]);
    printf("usage: mp2 %s %s\n\n%s\n", c->name, c->arguments, c->summary);
    if (c->help) {
        putchar('\n');
        c->help();
    }
    return ST_OK;
}

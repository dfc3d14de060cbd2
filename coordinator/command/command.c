/* The table of mp2's commands, and the one way in which a command or subcommand is found and run. What help, manual
 * pages and completions say of a command is said here and in the tables of options, nowhere else. */
#include "coordinator/command/command.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/commands.h"

static const struct command commands[] = {
    {"bench", "[NAME]", "print figures as JSON lines, each beside the machine's limit measured in the same run",
     .run = cmd_bench, .subcommands = &command_table_bench},
    {"checkpoint", "SUBCOMMAND …", "look at checkpoints and exchange them: info, verify, diff, export, import",
     .run = cmd_checkpoint, .subcommands = &command_table_checkpoint,
     .about = "CHECKPOINT is a folder step-N, or a run's folder (its latest). diff takes two .safetensors files, too. "
              "info, verify and diff take tuned files (NAME of NAME.json and NAME.safetensors) as well."},
    {"data", "SUBCOMMAND …", "import published data, show and count what was imported", .run = cmd_data,
     .subcommands = &command_table_data},
    {"doctor", "[RUN]", "look at this node, or under mpirun at those of all ranks, and say what is wrong",
     .run = cmd_doctor,
     .about = "A line each: processor and its rates, cores and binding, Open MPI and its variables, /dev/shm, limits, "
              "the folder RUN (without one: the current folder), the clock. Lines that begin with look say what to "
              "do."},
    {"help", "[COMMAND | --pages FOLDER]", "say what a command does and which options it has", .run = cmd_help,
     .about = "--pages FOLDER: the same as manual pages, and completions for bash and zsh."},
    {"tokenize", "--vocab FILE [--offsets]", "turn lines on standard input into ids, as JSON lines",
     .run = cmd_tokenize},
    {"launch", "[--hosts FILE | --discover COMMAND] [--min N] [--max N] … -- COMMAND CONFIG.yaml …",
     "keep a run going while processes and hosts fail, come and go (not under mpirun)", .run = cmd_launch,
     .options = cmd_launch_options,
     .about = "Keeps a run of pretrain, mlm, tune or report going while ranks, hosts and links fail and hosts come and "
              "go: one mpirun after the other on the hosts that are there, each going on where the last one stood, to "
              "the same bits. Not under mpirun. A host's slots are workers; the coordinator is one rank more on the "
              "first host. Exit status: 0 done or ended in order; else that of the epoch which it gave up with.",
     .flags = "  mp2 launch --hosts FILE --min 4 -- pretrain my.yaml\n"
              "  mp2 launch --status RUN           how it stands\n"
              "  mp2 launch --drain HOST RUN       that host leaves in order\n"
              "  mp2 stop RUN                      all of it ends in order; so do SIGTERM, SIGINT and SIGUSR1 to mp2 "
              "launch\n"},
    {"mlm", "CONFIG.yaml [--set key=value …] [--resume | --new | --evaluate]",
     "pre-train an encoder as a masked language model on plain text (under mpirun)", .run = cmd_mlm,
     .options = cmd_mlm_options,
     .about = "Pre-training of an encoder as a masked language model, from plain text to a Hugging Face folder. Start "
              "it with mpirun: rank 0 coordinates, the others compute (with -n 1 it does both). With --evaluate "
              "nothing is trained: --model (the run's own where none is named) is scored on all held-out documents of "
              "--texts; --set heldout=1 takes every document. Training goes on where the run's folder stands; --resume "
              "insists on that, --new on an empty folder. `mp2 stop RUN` or SIGUSR1 end it in order."},
    {"fill-mask", "MODEL [TEXT|-] [--top N] …", "show what an encoder would put in the place of [MASK]",
     .run = cmd_fill_mask, .options = cmd_fill_mask_options,
     .about = "The likeliest words for every [MASK] of each text, with their probabilities. Up to three texts, or "
              "lines on standard input."},
    {"probe",
     "--model DIR --prompts FILE --case FILE --out FILE [--precision f32|bf16|int8] [--attend-padding] [--updates N]",
     "take one batch through forward, backward and AdamW, for comparison with other programs", .run = cmd_probe,
     .flags = cmd_probe_flags},
    {"encoder", "--out DIR --vocab FILE [--layers N] [--hidden N] …", "write a random encoder as a Hugging Face folder",
     .run = cmd_encoder, .options = cmd_encoder_options},
    {"evaluate", "RUN [train|dev|test|pool] [--set key=value …]",
     "score a run's newest checkpoint, or a checkpoint folder, on all rows of a split (under mpirun)",
     .run = cmd_evaluate, .also = "pretrain",
     .about = "The configuration is the one that the run left; --set changes what is of no consequence for the result, "
              "as machine.threads."},
    {"predict", "TUNED|CHECKPOINT [FILE|-] [--set key=value …]",
     "answer raw text with a tuned task, as JSON lines (alone or under mpirun)", .run = cmd_predict,
     .options = cmd_predict_options,
     .about = "TUNED is a tuned file (NAME, NAME.json or NAME.safetensors). A run of pre-training, or one of its "
              "checkpoints, answers the tasks it has seen (--task). FILE has a question a line, - or nothing is "
              "standard input: JSON objects with the template's fields (and \"options\" for choices), plain text where "
              "there is one field, a table, or for extraction a file in SQuAD's form (a question's number is then its "
              "line). Answers come in the questions' order, a line of JSON each. Works alone or under mpirun. Exit "
              "status 2 when a line was bad."},
    {"pretrain", "CONFIG.yaml [--set key=value …] [--resume | --new]",
     "pre-train modular prompts on many tasks over a frozen encoder (under mpirun)", .run = cmd_pretrain,
     .options = cmd_pretrain_options,
     .about = "Multi-task pre-training of modular prompts over a frozen encoder. Start it with mpirun: rank 0 "
              "coordinates, the others compute (with -n 1 it does both). Goes on where the run's folder stands; "
              "--resume insists on that, --new on an empty folder. `mp2 stop RUN` or SIGUSR1 end it in order."},
    {"report", "CONFIG.yaml [--set key=value …]",
     "compare ways of tuning: run the cells that are missing, write tables and a page (under mpirun)",
     .run = cmd_report, .options = cmd_report_options, .also = "tune",
     .about = "Compare ways of tuning: every task by every method with every seed. Cells that are there are taken as "
              "they are, those that are missing are run first (start it with mpirun, as mp2 tune; it goes on where it "
              "was cut off). Writes report.md, report.html (one file that needs nothing else), report.csv (a line a "
              "task and method) and cells.csv."},
    {"run", "[-n RANKS] [option of mpirun …] [--] COMMAND …",
     "start a command under mpirun, with what the installed Open MPI wants to be told", .run = cmd_run,
     .about = "mp2 run -n 3 pretrain my.yaml is mpirun -n 3 mp2 pretrain my.yaml, where mpirun lets more ranks run "
              "than there are cores (the coordinator needs none), binds nobody to one core, and takes root where this "
              "is root: Open MPI 4.1 and 5 want to be told so in different words. Options before COMMAND are mpirun's "
              "(--hostfile, -x, --mca …) and precede these. Without -n: in a Slurm job one rank more than it has "
              "tasks, otherwise what mpirun makes of it. mpirun takes this process's place: `exec mp2 run …` in a "
              "batch script gets the job's signals."},
    {"stop", "RUN [--wait SECONDS]", "ask a run to finish its step and end in order", .run = cmd_stop,
     .options = cmd_stop_options},
    {"tune", "CONFIG.yaml [--set key=value …]",
     "tune pre-trained prompts for new tasks from a few examples (under mpirun)", .run = cmd_tune,
     .options = cmd_tune_options,
     .about = "Tune pre-trained prompts for new tasks from a few examples each: every task by every method with every "
              "seed, one cell after the other, each on all ranks of mpirun (with -n 1 on one process). A cell leaves a "
              "tuned file for mp2 predict and a result; what is done is not done again, what was cut off goes on. `mp2 "
              "stop RUN` or SIGUSR1 end it in order."},
    {"version", "", "print the version and what this program was built with", .run = cmd_version},
    {"vocab", "[CONFIG.yaml] [--set key=value …]", "make a vocabulary from a corpus", .run = cmd_vocab,
     .options = cmd_vocab_options},
};

const struct command_table command_table_main = {"", commands, sizeof commands / sizeof *commands};

const struct command *command_find(const struct command_table *table, const char *name)
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

status command_unknown(const struct command_table *table, const char *name)
{
    char expected[512];

    list_names(table, expected, sizeof expected);
    if (!name) return fault(ST_USAGE, "%sCOMMAND: found nothing, expected one of: %s", table->path, expected);
    return fault(ST_USAGE, "%sCOMMAND: found \"%.40s\", expected one of: %s", table->path, name, expected);
}

status command_run(const struct command_table *table, int argc, char **argv)
{
    const struct command *c;

    if (argc < 2) return command_unknown(table, NULL);
    c = command_find(table, argv[1]);
    if (!c) return command_unknown(table, argv[1]);
    if (c->most > 0 && (argc - 2 < c->least || argc - 2 > c->most))
        return fault(ST_USAGE, "usage: mp2 %s%s %s", table->path, c->name, c->arguments);
    return c->run(argc - 1, argv + 1);
}

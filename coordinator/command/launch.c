/* mp2 launch [--hosts FILE | --discover SCRIPT] … -- COMMAND CONFIG.yaml …: keep a run going; --status RUN, --drain
 * HOST RUN and --undrain HOST RUN speak of one that is. */
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/options.h"
#include "coordinator/command/args.h"
#include "coordinator/command/commands.h"
#include "coordinator/launch/launch_state.h"
#include "coordinator/launch/requests.h"
#include "coordinator/launch/supervisor.h"
#include "coordinator/mlm/config.h"
#include "coordinator/pretrain/config.h"
#include "coordinator/tune/config.h"

struct launch_options {
    struct launch_config launch;
    const char *status, *drain, *undrain;
    int log;
};

#define AT(field) offsetof(struct launch_options, field)

static const struct option table[] = {
    TEXT_OPTION("hosts", AT(launch.hosts), "", PLACEMENT,
                "file of hosts in mpirun's form (NAME slots=WORKERS a line), read again whenever it changes"),
    TEXT_OPTION("discover", AT(launch.discover), "", PLACEMENT,
                "command that prints HOST:WORKERS lines, asked every --poll seconds; without --hosts and --discover: "
                "the nodes of the Slurm job, or this machine"),
    INT_OPTION("min", AT(launch.min), "1", 1, 1e6, PLACEMENT, "workers", "with fewer the run waits"),
    INT_OPTION("max", AT(launch.max), "0", 0, 1e6, PLACEMENT, "workers", "no more are used; 0: all"),
    TEXT_OPTION("rsh", AT(launch.rsh), "", PLACEMENT, "program in place of ssh, called with a host and a command line"),
    TEXT_OPTION("mpirun", AT(launch.mpirun), "mpirun", PLACEMENT, "program that starts the ranks"),
    TEXT_OPTION("mpi", AT(launch.mpi), "", PLACEMENT,
                "more words for mpirun: --mpi=\"--mca btl_tcp_if_include 10.0.0.0/24\""),
    REAL_OPTION("poll", AT(launch.poll), "5", 0.1, 3600, LIMIT, "s", "between two looks at the hosts"),
    REAL_OPTION("settle", AT(launch.settle), "5", 0, 3600, LIMIT, "s",
                "a change of the list of hosts counts when it has stayed so long"),
    REAL_OPTION("hang", AT(launch.hang), "10", 0.5, 86400, LIMIT, "s",
                "nothing is overdue earlier; a step is after ten times its median, other work after three times the "
                "longest so far"),
    REAL_OPTION("first", AT(launch.first), "600", 1, 86400, LIMIT, "s",
                "how long loading, an evaluation or a checkpoint may take that has not been seen before"),
    INT_OPTION("retries", AT(launch.retries), "5", 0, 1e9, LIMIT, "",
               "epochs in a row that the program itself ends with a failure, without a new step, until it is given up; "
               "0: never"),
    INT_OPTION("strikes", AT(launch.strikes), "3", 0, 1e6, LIMIT, "",
               "failures of a host within ten minutes until it is left out for a while; 0: never"),
    REAL_OPTION("cool_down", AT(launch.cool_down), "60", 0, 86400, LIMIT, "s",
                "how long it is left out; twice as long every time, an hour at most"),
    CHOICE_OPTION("log", AT(log), "info", "silent|error|warn|info|debug", PLACEMENT, "what is said on standard error"),
    TEXT_OPTION("status", AT(status), "", PLACEMENT, "RUN: show how that run's supervisor, hosts and epochs stand"),
    TEXT_OPTION("drain", AT(drain), "", PLACEMENT,
                "HOST (and RUN behind it): it leaves in order at the next step boundary"),
    TEXT_OPTION("undrain", AT(undrain), "", PLACEMENT, "HOST (and RUN behind it): it may be used again"),
};
enum { ROWS = sizeof table / sizeof *table };

/* ---- the command that is kept going ---- */

/* Any of the configurations that a launched command may have. */
union any_config {
    struct pretrain_config pretrain;
    struct mlm_config mlm;
    struct tune_config tune;
};

static const struct launched {
    const char *name;
    const struct option *const table;
    const size_t *count;
    int steady;
} launched[] = {
    {"pretrain", pretrain_options, &pretrain_option_count, 1},
    {"mlm", mlm_options, &mlm_option_count, 1},
    {"tune", tune_options, &tune_option_count, 0},
    {"report", tune_options, &tune_option_count, 0},
};

static const struct launched *find(const char *name)
{
    for (size_t i = 0; i < sizeof launched / sizeof *launched; i++)
        if (strcmp(launched[i].name, name) == 0) return &launched[i];
    return NULL;
}

/* report has rows of its own beside tune's; where the run is they do not say. */
static int is_tune_row(const char *set)
{
    return strncmp(set, "report.", 7) != 0;
}

/* The run's folder, absolute, made when missing. Wrong usage and values are said now, not by every epoch. */
static status find_run(const struct launched *what, int argc, char **argv, char out[PATH_MAX])
{
    union any_config config;
    struct options options;
    const char **sets;
    struct args args;
    size_t count = 0;
    char *run = NULL;
    status s;

    TRY(args_parse_resuming(argc, argv, 1, &args));
    s = args.resume == 0 ? fault(ST_USAGE, "--new: every epoch goes on where the run stands; take an empty folder")
                         : ST_OK;
    if (s == ST_OK) s = mem_keep_new(&args.keep, args.set_count + 1, sizeof *sets, &sets);
    for (size_t i = 0; s == ST_OK && i < args.set_count; i++)
        if (is_tune_row(args.sets[i])) sets[count++] = args.sets[i];
    memset(&config, 0, sizeof config);
    if (s == ST_OK) s = options_load(what->table, *what->count, &config, args.words[0], sets, count, &options);
    if (s == ST_OK) {
        const char *folder = what->table == pretrain_options ? config.pretrain.run
                             : what->table == mlm_options    ? config.mlm.run
                                                             : config.tune.run;

        s = file_make_folder(folder);
        run = s == ST_OK ? realpath(folder, out) : NULL;
        if (s == ST_OK && !run) s = fault(ST_IO, "%s: cannot be found", folder);
        options_fini(&options);
    }
    args_fini(&args);
    return s;
}

static status keep_going(const struct launch_config *config, int argc, char **argv)
{
    char run[PATH_MAX], program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    const struct launched *what = argc > 0 ? find(argv[0]) : NULL;
    const char **words;
    int exit_status = 0;
    status s;

    if (!what)
        return fault(ST_USAGE, "usage: mp2 launch [OPTIONS] -- pretrain|mlm|tune|report CONFIG.yaml …, found \"%.40s\"",
                     argc > 0 ? argv[0] : "");
    if (n < 0) return fault(ST_SYSTEM, "this program's path is not known");
    program[n] = 0;
    TRY(find_run(what, argc, argv, run));
    TRY(mem_alloc((size_t)argc + 2, sizeof *words, &words));
    words[0] = program;
    for (int i = 0; i < argc; i++) words[i + 1] = argv[i];
    s = supervisor_run(
        config, &(struct launch_run){.folder = run, .command = what->name, .words = words, .steady = what->steady},
        &exit_status);
    mem_free(words);
    if (s == ST_OK && exit_status != 0) exit(exit_status);
    return s;
}

static status speak(const struct launch_options *o, const struct args *args)
{
    const char *host = o->drain[0] ? o->drain : o->undrain;

    if (o->status[0]) return launch_state_print(o->status, stdout);
    if (args->word_count != 1) return fault(ST_USAGE, "usage: mp2 launch --drain HOST RUN");
    TRY(requests_drain(args->words[0], host, o->drain[0] != 0));
    printf("%s: %s %s at the next step boundary\n", args->words[0], host, o->drain[0] ? "leaves" : "may come back");
    return ST_OK;
}

status cmd_launch(int argc, char **argv)
{
    struct launch_options o;
    struct options options;
    struct args args;
    int own = 1;
    status s;

    while (own < argc && strcmp(argv[own], "--") != 0) own++;
    TRY(args_parse(own, argv, 1, &args));
    s = options_load(table, ROWS, &o, NULL, args.sets, args.set_count, &options);
    if (s == ST_OK) {
        log_init('L', -1, (enum log_level)o.log);
        if (o.status[0] || o.drain[0] || o.undrain[0]) s = speak(&o, &args);
        else if (args.word_count > 0)
            s = fault(ST_USAGE, "found \"%.60s\", expected -- before the command", args.words[0]);
        else s = keep_going(&o.launch, argc - own - 1, argv + own + 1);
        options_fini(&options);
    }
    args_fini(&args);
    return s;
}

size_t cmd_launch_options(const struct option **rows)
{
    *rows = table;
    return ROWS;
}

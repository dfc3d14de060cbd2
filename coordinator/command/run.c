/* mp2 run [-n RANKS] [option of mpirun …] [--] COMMAND …: mpirun takes this process's place, so that signals reach it
 * and its status is this one's. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/comm/launch.h"
#include "coordinator/command/command.h"
#include "coordinator/command/commands.h"

static int is_command(const char *word)
{
    for (int i = 0; i < command_table_main.count; i++)
        if (strcmp(command_table_main.commands[i].name, word) == 0) return 1;
    return 0;
}

/* One of the names, with one dash or two. */
static int is_option(const char *word, const char *const *names)
{
    if (*word++ != '-') return 0;
    if (*word == '-') word++;
    while (*names && strcmp(*names, word) != 0) names++;
    return *names != NULL;
}

/* Where the command stands: after "--", else the first word that is one; 0: nowhere. Before it stand mpirun's options.
 */
static int find_command(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--") == 0) return is_command(argv[i + 1]) ? i + 1 : 0;
    for (int i = 1; i < argc; i++)
        if (is_command(argv[i])) return i;
    return 0;
}

static int has_option(int count, char **argv, const char *const *names)
{
    for (int i = 1; i <= count; i++)
        if (is_option(argv[i], names)) return 1;
    return 0;
}

/* As far as can be told before mpirun looks: where in doubt, not. */
static int is_one_host(int count, char **argv)
{
    static const char *const options[] = {"H", "host", "hostfile", "machinefile", "default-hostfile", NULL};
    static const char *const variables[] = {"PBS_NODEFILE",
                                            "PE_HOSTFILE",
                                            "LSB_HOSTS",
                                            "LSB_DJOB_HOSTFILE",
                                            "OMPI_MCA_orte_default_hostfile",
                                            "PRTE_MCA_prte_default_hostfile"};
    const char *nodes = getenv("SLURM_NNODES");

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i])) return 0;
    return !has_option(count, argv, options) && (!nodes || strcmp(nodes, "1") == 0);
}

/* Slurm's tasks are workers: the coordinator is one more, and needs no core of its own. */
static int ranks_of_job(int count, char **argv, char *out, size_t room)
{
    static const char *const options[] = {"n", "np", "c", NULL};
    const char *tasks = getenv("SLURM_NTASKS");

    if (!tasks || has_option(count, argv, options)) return 0;
    snprintf(out, room, "%ld", strtol(tasks, NULL, 10) + 1);
    return 1;
}

status cmd_run(int argc, char **argv)
{
    char self[PATH_MAX] = "", ranks[24];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    int command = find_command(argc, argv), options = command - 1, at = 0;
    char **words;

    if (command == 0 || strcmp(argv[command], "run") == 0)
        return fault(ST_USAGE, "mp2 run: found no command for the ranks, expected mp2 run [-n RANKS] [option of mpirun "
                               "…] [--] COMMAND …");
    if (strcmp(argv[options], "--") == 0) options--;
    if (getenv("OMPI_COMM_WORLD_SIZE")) return fault(ST_USAGE, "mp2 run: mpirun has started this already");
    if (n <= 0) return fault(ST_SYSTEM, "/proc/self/exe: cannot be read: %s", strerror(errno));
    TRY(mem_alloc((size_t)argc + 5, sizeof *words, &words));
    words[at++] = (char *)(uintptr_t) "mpirun";
    for (int i = 1; i <= options; i++) words[at++] = argv[i];
    if (ranks_of_job(options, argv, ranks, sizeof ranks)) {
        words[at++] = (char *)(uintptr_t) "-n";
        words[at++] = ranks;
    }
    words[at++] = self;
    for (int i = command; i < argc; i++) words[at++] = argv[i];
    launch_ease_mpirun(is_one_host(options, argv));
    execvp(words[0], words);
    mem_free(words);
    return fault(ST_SYSTEM, "mpirun cannot be started: %s", strerror(errno));
}

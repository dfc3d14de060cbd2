/* The variables of mpirun (OMPI_COMM_WORLD_*), srun (SLURM_*), PMIx and PMI. In a step (srun) Open MPI 4.1 takes a
 * process without a launcher's variables for one that srun started with its own PMI, and ends it where Open MPI was
 * built without; version 5 makes one rank of each. */
#include "cluster/comm/launch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/comm/comm.h"

/* -1: not there, or no number. */
static long number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long value;

    if (!text || !*text) return -1;
    value = strtol(text, &end, 10);
    return *end || value < 0 ? -1 : value;
}

static int has_launcher(void)
{
    return number_of("OMPI_COMM_WORLD_SIZE") >= 0 || number_of("PMIX_RANK") >= 0;
}

/* Processes of the Slurm step that this one is in; 0: in none. */
static long step_tasks(void)
{
    long tasks = number_of("SLURM_STEP_NUM_TASKS");

    return getenv("SLURM_STEP_ID") && tasks > 0 ? tasks : 0;
}

/* hwloc's plugin for graphics cards asks ten X servers on "localhost": where no name server knows that name, 5 s each.
 * A shared file pointer, which nothing here uses, is kept behind a semaphore in a file under /tmp named after the
 * process: where a killed process of that number has left it taken, opening a checkpoint waits for ever; the component
 * `individual` has none. */
static void quiet_libraries(void)
{
    setenv("HWLOC_COMPONENTS", "-gl", 0);
    setenv("OMPI_MCA_sharedfp", "individual", 0);
}

status launch_prepare(void)
{
    long tasks = step_tasks();

    quiet_libraries();
    if (has_launcher() || getenv("OMPI_MCA_pmix")) return ST_OK;
    if (tasks > 1)
        return number_of("SLURM_PROCID") > 0
                   ? ST_USAGE
                   : fault(ST_USAGE,
                           "srun started %ld processes that do not know of each other: srun --mpi=pmix, or mpirun "
                           "(for one process in such a step: unset SLURM_STEP_ID)",
                           tasks);
    tasks = number_of("SLURM_NTASKS");
    if (tasks > 1)
        log_warn("one-process",
                 "why=\"the Slurm job has %ld tasks, this is one process of its own: mpirun starts more\"", tasks);
    unsetenv("SLURM_STEP_ID");        /* by it Open MPI 4.1 takes this for srun's affair */
    setenv("OMPI_MCA_pml", "ob1", 0); /* no networks to probe */
    setenv("OMPI_MCA_btl", "self", 0);
    return ST_OK;
}

/* The processes that the innermost launcher says it started, and which of them this is. */
static long started_processes(int *rank)
{
    static const char *const names[][2] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, {"PMI_SIZE", "PMI_RANK"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *rank = (int)number_of(names[i][1]);
        if (number_of(names[i][0]) > 0) return number_of(names[i][0]);
    }
    *rank = (int)number_of("SLURM_PROCID");
    return step_tasks();
}

status launch_confirm(int size)
{
    int rank;
    long started = started_processes(&rank);

    if (size > 1 || started < 2) return ST_OK;
    return rank > 0 ? ST_USAGE
                    : fault(ST_USAGE,
                            "%ld processes were started, and each finds itself alone: mpirun or srun is of another MPI "
                            "than the one that mp2 was built with",
                            started);
}

/* ---- mpirun ---- */

static int is_version_5(void)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    const char *at;
    int n;

    if (MPI_Get_library_version(text, &n) != MPI_SUCCESS) return 0;
    at = strstr(text, "Open MPI v");
    return at && strtol(at + strlen("Open MPI v"), NULL, 10) >= 5;
}

/* Each version ignores what the other one calls it. */
void launch_ease_mpirun(int one_host)
{
    setenv("HWLOC_COMPONENTS", "-gl", 0);
    if (geteuid() == 0) {
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
    }
    if (!is_version_5()) {
        setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 0);
        setenv("OMPI_MCA_hwloc_base_binding_policy", "none", 0);
        setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0); /* containers forbid it, with a line a rank */
        return;
    }
    setenv("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", 0);
    setenv("PRTE_MCA_hwloc_default_binding_policy", "none", 0);
    if (one_host) setenv("OMPI_MCA_btl", "sm,self", 0); /* tcp says on some hosts that it finds no pairing */
}

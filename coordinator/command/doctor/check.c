#include "coordinator/command/doctor/check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "coordinator/command/bench/encoder.h"
#include "worker/kernel/kernels.h"
#include "worker/model/matmul.h"

enum { NFS = 0x6969 };
static const double GB = 1e9;

void check_line(struct check *c, const char *topic, const char *advice, const char *what, ...)
{
    va_list args;

    fprintf(c->to, "  %-4s  %-9s  ", advice ? "look" : "ok", topic);
    va_start(args, what);
    vfprintf(c->to, what, args);
    va_end(args);
    fprintf(c->to, "%s%s\n", advice ? ": " : "", advice ? advice : "");
    c->looks += advice != NULL;
}

/* ---- processor --------------------------------------------------------------------------------------------------- */

static void read_cpu_name(char *out, size_t room)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[512];

    snprintf(out, room, "unknown CPU");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            snprintf(out, room, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n"), strchr(line, ':') + 2);
            break;
        }
    if (file) fclose(file);
}

void check_cpu(struct check *c)
{
    enum isa best = isa_usable(ISA_AVX512BF16) ? ISA_AVX512BF16 : isa_usable(ISA_AVX512) ? ISA_AVX512 : ISA_AVX2;
    const char *most = getenv("MP2_MAX_ISA");
    char name[128];

    read_cpu_name(name, sizeof name);
    check_line(c, "cpu", most ? "MP2_MAX_ISA is set, unset it unless that is meant" : NULL,
               "%s; kernels %s, products bf16 %s, int8 %s", name, isa_name(best), matmul_has_bf16() ? "yes" : "no",
               matmul_has_int8() ? "yes" : "no");
}

static status measure(struct bench_options o, double *out)
{
    struct bench_rate rate;
    struct bench_encoder b;
    status s;

    TRY(bench_encoder_open(&o, 16, &b));
    s = bench_layer_rate(&b, &rate);
    *out = rate.clock * 1e-9;
    bench_encoder_close(&b);
    return s;
}

status check_rates(struct check *c, int threads)
{
    struct bench_options o = {
        .precision = NUMBER_F32, .layers = 1, .hidden = 768, .threads = threads, .budget = 1 << 28};
    double f32 = 0, bf16 = 0, int8 = 0;

    TRY(measure(o, &f32));
    if (matmul_has_bf16()) {
        o.precision = NUMBER_BF16;
        TRY(measure(o, &bf16));
    }
    if (matmul_has_int8()) {
        o.int8 = 1;
        TRY(measure(o, &int8));
    }
    check_line(c, "rates", bf16 > 0 && bf16 < f32 ? "bf16 is slower here, leave machine.precision at auto" : NULL,
               "GFLOP/s by %d threads: f32 %.0f, bf16 %.0f, int8 %.0f (0: this CPU has none)", threads, f32, bf16,
               int8);
    return ST_OK;
}

void check_binding(struct check *c, const struct comm *comm)
{
    cpu_set_t set;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int mine = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
    const char *advice = NULL;

    if (mine == 1 && online > 1 && comm->node_size < online)
        advice = "bound to one core, whatever machine.threads says; mpirun --bind-to none, or mp2 run";
    else if (comm->node_size > online + 1) advice = "more workers than cores; fewer ranks";
    check_line(c, "cores", advice, "%d of %ld cores for this rank, %d ranks on this node", mine, online,
               comm->node_size);
}

/* ---- MPI, system ------------------------------------------------------------------------------------------------- */

static int has(const char *name)
{
    return getenv(name) != NULL;
}

void check_mpi(struct check *c)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    const char *at, *advice = NULL;
    int n, version;

    MPI_Get_library_version(text, &n);
    at = strstr(text, "Open MPI v");
    version = at ? (int)strtol(at + 10, NULL, 10) : 0;
    if (!at) advice = "another MPI than Open MPI was not tried";
    else if (version >= 5 && has("OMPI_MCA_rmaps_base_oversubscribe") && !has("PRTE_MCA_rmaps_default_mapping_policy"))
        advice = "OMPI_MCA_rmaps_base_oversubscribe is 4.1's; 5 wants PRTE_MCA_rmaps_default_mapping_policy";
    else if (version < 5 && has("PRTE_MCA_rmaps_default_mapping_policy") && !has("OMPI_MCA_rmaps_base_oversubscribe"))
        advice = "PRTE_MCA_rmaps_default_mapping_policy is 5's; 4.1 wants OMPI_MCA_rmaps_base_oversubscribe";
    check_line(c, "mpi", advice, "%.*s", (int)strcspn(text, ","), text);
}

void check_shared_memory(struct check *c)
{
    struct statvfs v;

    if (statvfs("/dev/shm", &v) != 0) {
        check_line(c, "/dev/shm", "mount a tmpfs there: a node's workers share the encoder by it", "%s",
                   strerror(errno));
        return;
    }
    check_line(c, "/dev/shm",
               (double)v.f_bavail * (double)v.f_frsize < GB ? "the encoder is shared there, CPT-large takes 1.3 GB; "
                                                              "--shm-size of the container, or remove leftovers"
                                                            : NULL,
               "%.1f GB free", (double)v.f_bavail * (double)v.f_frsize / GB);
}

static rlim_t limit_of(int resource)
{
    struct rlimit r;

    return getrlimit(resource, &r) == 0 ? r.rlim_cur : RLIM_INFINITY;
}

void check_limits(struct check *c)
{
    rlim_t files = limit_of(RLIMIT_NOFILE);

    check_line(c, "limits",
               files < 256                               ? "ulimit -n 1024"
               : limit_of(RLIMIT_AS) != RLIM_INFINITY    ? "ulimit -v unlimited: files are mapped"
               : limit_of(RLIMIT_FSIZE) != RLIM_INFINITY ? "ulimit -f unlimited: checkpoints are large"
                                                         : NULL,
               "%llu open files, memory and file size %s", (unsigned long long)files,
               limit_of(RLIMIT_AS) == RLIM_INFINITY && limit_of(RLIMIT_FSIZE) == RLIM_INFINITY ? "unlimited"
                                                                                               : "limited");
}

/* ---- disk, clock ------------------------------------------------------------------------------------------------- */

/* Durable writes of 4 KB a second; 0: none can be made, errno tells why. */
static double write_rate(const char *folder)
{
    static const char block[4096];
    char path[4096];
    double started, passed = 0;
    int fd, writes = 0;

    if (file_join(path, sizeof path, folder, "mp2-doctor-XXXXXX") != ST_OK) return 0;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) return 0;
    unlink(path);
    for (started = clock_now(); passed < .5; passed = clock_now() - started, writes++)
        if (file_write_fully(fd, block, sizeof block) != ST_OK || fdatasync(fd) != 0) break;
    close(fd);
    return passed < .5 ? 0 : writes / passed;
}

void check_folder(struct check *c, const char *folder)
{
    struct statfs f;
    double rate = write_rate(folder), free_bytes;
    const char *advice = NULL;

    if (rate <= 0 || statfs(folder, &f) != 0) {
        check_line(c, "folder", "the run's folder must be writable by all nodes", "%s: %s", folder, strerror(errno));
        return;
    }
    free_bytes = (double)f.f_bavail * (double)f.f_bsize;
    if (f.f_type == NFS) advice = "NFS: mount it hard, and on all nodes under the same path";
    else if (free_bytes < GB) advice = "checkpoints will not fit; another disk";
    else if (rate < 20) advice = "a step waits for its record; another disk, or journal.sync_ms";
    check_line(c, "folder", advice, "%s: %s, %.0f GB free, %.0f durable writes of 4 KB a second", folder,
               f.f_type == NFS ? "NFS" : "local or other", free_bytes / GB, rate);
}

static double wall_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

status check_clock(struct check *c, struct comm *comm)
{
    struct timex state = {0};
    double first, away;
    int kept;

    TRY(comm_barrier(comm));
    first = wall_clock();
    TRY(comm_broadcast(comm, &first, sizeof first, 0));
    away = wall_clock() - first;
    kept = adjtimex(&state) != TIME_ERROR;
    check_line(c, "clock", fabs(away) > 2 ? "set by NTP on all nodes: times in logs and curves will not fit" : NULL,
               "%+.1f s from rank 0's, %s", away, kept ? "kept by NTP" : "not known to be kept by NTP");
    return ST_OK;
}

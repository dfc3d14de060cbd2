#include "coordinator/launch/epoch.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/launched.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { FLAGS_MOST = 64, OWN_WORDS = 32, ENVIRON_BYTES = 1 << 16 };

/* ---- words and environment ---- */

/* Environment, not flags: whoever needs something else says so himself, in the environment or as flags. Either version
 * of Open MPI ignores the other's names. */
status epoch_environment(void)
{
    static const char *const set[][2] = {
        {"OMPI_MCA_pml", "ob1"},
        {"OMPI_MCA_btl", "vader,tcp,self"},
        {"OMPI_MCA_mpi_yield_when_idle", "1"},
        {"OMPI_MCA_odls_base_sigkill_timeout", "0"},
        {"OMPI_MCA_oob_tcp_keepalive_time", "1"},
        {"OMPI_MCA_oob_tcp_keepalive_intvl", "1"},
        {"OMPI_MCA_oob_tcp_keepalive_probes", "2"},
        {"PRTE_MCA_oob_tcp_keepalive_time", "1"},
        {"PRTE_MCA_oob_tcp_keepalive_intvl", "1"},
        {"PRTE_MCA_oob_tcp_keepalive_probes", "2"},
        {"SLURM_OVERLAP", "1"}, /* a step that waits for a dead node must not keep the next one out */
        {"HWLOC_COMPONENTS", "-gl"},
    };

    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        if (setenv(set[i][0], set[i][1], 0) != 0) return fault(ST_MEMORY, "out of memory: environment");
    return ST_OK;
}

/* A block: the pointers, then the texts that are made here. */
struct words {
    char **list, *text, *end;
    int count;
};

static void add(struct words *w, const char *word)
{
    w->list[w->count++] = (char *)(uintptr_t)word;
}

static void __attribute__((format(printf, 2, 3))) add_made(struct words *w, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(w->text, (size_t)(w->end - w->text), format, args);
    va_end(args);
    if (n < 0 || n >= w->end - w->text) return; /* the room was counted by the caller */
    add(w, w->text);
    w->text += n + 1;
}

static void add_flags(struct words *w, const char *flags)
{
    for (int i = 0; i < FLAGS_MOST; i++) {
        size_t n;

        flags += strspn(flags, " ");
        n = strcspn(flags, " ");
        if (n == 0) return;
        add_made(w, "%.*s", (int)n, flags);
        flags += n;
    }
}

static void add_own(struct words *w, const struct epoch_plan *plan, const struct hosts *hosts, uint64_t number)
{
    add(w, plan->mpirun);
    add(w, "-H");
    hosts_text(hosts, 1, w->text, (size_t)(w->end - w->text));
    add(w, w->text);
    w->text += strlen(w->text) + 1;
    add(w, "-n");
    add_made(w, "%d", hosts_slots(hosts) + 1);
    add(w, "--map-by");
    add(w, "slot:OVERSUBSCRIBE");
    add(w, "--bind-to");
    add(w, "none");
    if (plan->rsh[0]) {
        add(w, "--mca");
        add(w, "plm_rsh_agent");
        add(w, plan->rsh);
        add(w, "--mca");
        add(w, "plm");
        add(w, "rsh");
    }
    if (plan->alone) {
        add(w, "--mca");
        add(w, "ras");
        add(w, "^slurm");
    }
    add(w, "-x");
    add_made(w, LAUNCHED_EPOCH "=%" PRIu64, number);
    add(w, "-x");
    add_made(w, LAUNCHED_RUN "=%s", plan->run);
}

status epoch_words(const struct epoch_plan *plan, const struct hosts *hosts, uint64_t number, char ***words)
{
    size_t given = 0, list, text;
    struct words w = {0};
    char *block;

    while (plan->words[given]) given++;
    list = (OWN_WORDS + FLAGS_MOST + given + 1) * sizeof *w.list;
    text = hosts->count * (HOST_BYTES + 16) + strlen(plan->run) + 2 * strlen(plan->flags) + 256;
    TRY(mem_alloc(list + text, 1, &block));
    w.list = (char **)(void *)block;
    w.text = block + list;
    w.end = w.text + text;
    add_own(&w, plan, hosts, number);
    add_flags(&w, plan->flags);
    for (size_t i = 0; i < given; i++) add(&w, plan->words[i]);
    add(&w, NULL);
    *words = w.list;
    return ST_OK;
}

/* ---- the process ---- */

/* A group of its own: Ctrl-C at the terminal is the supervisor's business. mpirun's own helpers on this machine (srun,
 * ssh) are to be found by epoch_sweep, too. */
static void __attribute__((noreturn))
become(const struct epoch_plan *plan, uint64_t number, char **words, const int pipe[2])
{
    char text[32];
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    sigemptyset(&none);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(text, sizeof text, "%" PRIu64, number);
    setenv(LAUNCHED_EPOCH, text, 1);
    setenv(LAUNCHED_RUN, plan->run, 1);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(pipe[1], STDERR_FILENO) >= 0) execvp(words[0], words);
    dprintf(STDERR_FILENO, "mp2: %s: cannot be started: %s\n", words[0], strerror(errno));
    _exit(127);
}

status epoch_start(const struct epoch_plan *plan, const struct hosts *hosts, uint64_t number, struct epoch *e)
{
    char **words = NULL;
    int pipe[2] = {-1, -1};
    status s;

    epoch_fini(e);
    e->number = number;
    TRY(hosts_copy(hosts, &e->hosts));
    TRY(epoch_words(plan, hosts, number, &words));
    s = pipe2(pipe, O_CLOEXEC) == 0 ? ST_OK : fault(ST_SYSTEM, "pipe: %s", strerror(errno));
    if (s == ST_OK) {
        e->pid = fork();
        if (e->pid == 0) become(plan, number, words, pipe);
        if (e->pid < 0) s = fault(ST_SYSTEM, "%s: cannot be started: %s", plan->mpirun, strerror(errno));
        close(pipe[1]);
        e->errors = pipe[0];
        fcntl(e->errors, F_SETFL, O_NONBLOCK);
    }
    if (e->pid < 0) e->pid = 0;
    mem_free(words);
    return s;
}

/* mpirun and prterun: "… noticed that process rank 1 with PID 123 on node n1 exited on signal 9 (Killed).";
 * "  Remote daemon: [[17113,0],1] on node n2". */
static void look_at(struct epoch *e, const char *line)
{
    const char *rank = strstr(line, "noticed that process rank "), *daemon = strstr(line, "Remote daemon: ");

    if (rank && e->lost_rank < 0 &&
        sscanf(rank, "noticed that process rank %d with PID %*s on node %255s exited on signal %d", &e->lost_rank,
               e->lost_node, &e->lost_signal) < 1)
        e->lost_rank = -1;
    daemon = daemon ? strstr(daemon, " on node ") : NULL;
    if (daemon && !e->lost_daemon[0] && sscanf(daemon, " on node %255s", e->lost_daemon) == 1)
        e->lost_daemon[strcspn(e->lost_daemon, ",;")] = 0;
}

static void take_bytes(struct epoch *e, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (e->line_bytes + 1 < sizeof e->line) e->line[e->line_bytes++] = bytes[i];
            continue;
        }
        e->line[e->line_bytes] = 0;
        e->line_bytes = 0;
        look_at(e, e->line);
    }
}

void epoch_read(struct epoch *e)
{
    char bytes[4096];
    ssize_t n;

    while (e->errors >= 0 && (n = read(e->errors, bytes, sizeof bytes)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return;
        take_bytes(e, bytes, (size_t)n);
        if (file_write_fully(STDERR_FILENO, bytes, (size_t)n) != ST_OK) log_debug("messages", "nobody reads them");
    }
}

int epoch_ended(struct epoch *e)
{
    if (e->pid == 0 || waitpid(e->pid, &e->status, WNOHANG) != e->pid) return 0;
    e->pid = 0;
    epoch_read(e);
    return 1;
}

void epoch_signal(const struct epoch *e, int signal_number)
{
    if (e->pid > 0 && kill(e->pid, signal_number) != 0) log_debug("signal", "why=\"%s\"", strerror(errno));
}

int epoch_host_of(const struct epoch *e, uint32_t rank)
{
    uint32_t end = 1;

    for (size_t i = 0; i < e->hosts.count; i++) {
        end += (uint32_t)e->hosts.items[i].slots;
        if (rank < end) return (int)i;
    }
    return -1;
}

void epoch_fini(struct epoch *e)
{
    if (e->pid > 0) {
        epoch_signal(e, SIGTERM);
        waitpid(e->pid, &e->status, 0);
    }
    if (e->errors > 0) close(e->errors);
    hosts_fini(&e->hosts);
    *e = (struct epoch){.errors = -1, .lost_rank = -1};
}

/* ---- what earlier ones left ---- */

/* The value of a variable among n bytes of NAME=VALUE texts; NULL: it is not there. */
static const char *variable(const char *environ_bytes, size_t n, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = environ_bytes; at < environ_bytes + n; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=') return at + length + 1;
    return NULL;
}

static int is_leftover(const char *pid, const char *run, uint64_t number, char *room)
{
    const char *epoch, *folder;
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    n = read(fd, room, ENVIRON_BYTES - 1);
    close(fd);
    if (n <= 0) return 0;
    room[n] = 0;
    epoch = variable(room, (size_t)n, LAUNCHED_EPOCH);
    folder = variable(room, (size_t)n, LAUNCHED_RUN);
    return epoch && folder && strcmp(folder, run) == 0 && strtoull(epoch, NULL, 10) < number;
}

int epoch_sweep(const char *run, uint64_t number)
{
    struct dirent *entry;
    char *room = NULL;
    int killed = 0;
    DIR *dir = opendir("/proc");

    if (!dir || mem_alloc(ENVIRON_BYTES, 1, &room) != ST_OK) {
        if (dir) closedir(dir);
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !is_leftover(entry->d_name, run, number, room)) continue;
        if (kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL) == 0) killed++;
    }
    closedir(dir);
    mem_free(room);
    return killed;
}

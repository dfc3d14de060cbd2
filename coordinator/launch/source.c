#include "coordinator/launch/source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { TEXT_MOST = 1 << 20, SCRIPT_SECONDS = 30 };

/* ---- a program's output ---- */

static void __attribute__((noreturn)) become(const char *command, int out)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    if (dup2(out, STDOUT_FILENO) >= 0) execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static status begin(struct source *s, const char *command)
{
    int pipe[2];

    if (pipe2(pipe, O_CLOEXEC) != 0) return fault(ST_SYSTEM, "pipe: %s", strerror(errno));
    s->pid = fork();
    if (s->pid == 0) become(command, pipe[1]);
    close(pipe[1]);
    if (s->pid < 0) {
        s->pid = 0;
        close(pipe[0]);
        return fault(ST_SYSTEM, "%s: cannot be started: %s", command, strerror(errno));
    }
    s->out = pipe[0];
    s->text_bytes = 0;
    fcntl(s->out, F_SETFL, O_NONBLOCK);
    return ST_OK;
}

/* 1: all has been read. */
static int read_output(struct source *s)
{
    while (s->text_bytes < TEXT_MOST) {
        ssize_t n;

        if (mem_grow(&s->text, &s->text_room, s->text_bytes + 4097, 1) != ST_OK) return 1;
        n = read(s->out, s->text + s->text_bytes, 4096);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return 0;
        if (n == 0) break;
        s->text_bytes += (size_t)n;
    }
    s->text[s->text_bytes] = 0;
    return 1;
}

static void end(struct source *s)
{
    if (s->out >= 0) close(s->out);
    s->out = -1;
    s->pid = 0;
}

/* Whether it went well is said when that changes. */
static void note(struct source *s, int failed, const char *why)
{
    if (failed && !s->failed) log_error("hosts-unknown", "path=%s why=\"%s\", the last list stays", s->path, why);
    if (!failed && s->failed) log_warn("hosts-known", "path=%s", s->path);
    s->failed = failed;
}

/* 1: the program has ended well and text holds all of its output. */
static int finish(struct source *s, double now)
{
    int code = 0, whole = read_output(s);

    if (!whole && now - s->looked > SCRIPT_SECONDS) {
        kill(-s->pid, SIGKILL);
        waitpid(s->pid, &code, 0);
        end(s);
        note(s, 1, "it takes too long");
        return 0;
    }
    if (!whole || waitpid(s->pid, &code, WNOHANG) != s->pid) return 0;
    end(s);
    note(s, code != 0, "its exit status is not 0");
    return code == 0;
}

/* ---- the kinds ---- */

static status read_file(struct source *s, struct hosts *out, int *fresh)
{
    struct stat st;
    size_t size;
    char *text;
    status r;

    if (stat(s->path, &st) != 0) {
        if (!s->seen.st_ino) return fault(ST_INPUT, "%s: cannot be read: %s", s->path, strerror(errno));
        note(s, 1, strerror(errno));
        return ST_OK;
    }
    if (st.st_ino == s->seen.st_ino && st.st_size == s->seen.st_size && st.st_mtim.tv_sec == s->seen.st_mtim.tv_sec &&
        st.st_mtim.tv_nsec == s->seen.st_mtim.tv_nsec)
        return ST_OK;
    TRY(file_read(s->path, TEXT_MOST, &text, &size));
    r = hosts_parse_file(s->path, text, out);
    mem_free(text);
    s->seen = st;
    *fresh = r == ST_OK;
    note(s, 0, "");
    return r;
}

static status slurm_nodes(const char *nodes, struct hosts *out)
{
    const char *tasks = getenv("SLURM_TASKS_PER_NODE");
    char command[4096], text[65536];
    size_t n;
    FILE *f;

    snprintf(command, sizeof command, "scontrol show hostnames '%s'", nodes);
    f = popen(command, "re");
    n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = 0;
    if (!f || pclose(f) != 0 || n == 0)
        return fault(ST_SYSTEM, "scontrol show hostnames: does not say the nodes of this job");
    return hosts_parse_slurm(text, tasks ? tasks : "", out);
}

status source_open(const char *hosts, const char *discover, double every, struct source *out)
{
    const char *nodes = getenv("SLURM_JOB_NODELIST");

    *out = (struct source){.every = every, .looked = -1e9, .out = -1};
    if (hosts[0] && discover[0]) return fault(ST_USAGE, "--hosts and --discover: expected one of them");
    out->path = hosts[0] ? hosts : discover;
    out->kind = hosts[0] ? SOURCE_FILE : discover[0] ? SOURCE_SCRIPT : nodes && nodes[0] ? SOURCE_SLURM : SOURCE_HERE;
    return ST_OK;
}

void source_close(struct source *s)
{
    if (s->pid > 0) {
        kill(-s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    end(s);
    mem_free(s->text);
    s->text = NULL;
}

status source_look(struct source *s, double now, struct hosts *out, int *fresh)
{
    double every = s->kind == SOURCE_FILE && s->every > 1 ? 1 : s->every;

    *fresh = 0;
    if (s->pid > 0) {
        if (!finish(s, now)) return ST_OK;
        *fresh = 1;
        return hosts_parse_script(s->path, s->text, out);
    }
    if (now - s->looked < every || (s->looked > 0 && s->kind >= SOURCE_SLURM)) return ST_OK;
    s->looked = now;
    switch (s->kind) {
    case SOURCE_FILE: return read_file(s, out, fresh);
    case SOURCE_SCRIPT: return begin(s, s->path);
    case SOURCE_SLURM: *fresh = 1; return slurm_nodes(getenv("SLURM_JOB_NODELIST"), out);
    default:
        *fresh = 1;
        out->count = 0;
        return hosts_add(out, "localhost", (int)sysconf(_SC_NPROCESSORS_ONLN));
    }
}

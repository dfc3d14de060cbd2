#include "coordinator/launch/probe.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void __attribute__((noreturn)) become(const char *shell, const char *host)
{
    char command[1024];
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(nothing, fd) < 0) _exit(127);
    if (snprintf(command, sizeof command, "%s %s true", shell, host) < (int)sizeof command)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

void probes_begin(struct probes *p, const char *host, double now)
{
    struct probe *free_one = NULL;

    for (int i = 0; i < PROBES_MOST; i++) {
        if (p->list[i].pid == 0) free_one = &p->list[i];
        else if (strcmp(p->list[i].host, host) == 0) return;
    }
    if (!free_one) return;
    snprintf(free_one->host, sizeof free_one->host, "%s", host);
    free_one->began = now;
    free_one->pid = fork();
    if (free_one->pid == 0) become(p->shell, host);
    if (free_one->pid < 0) free_one->pid = 0;
}

static void give_up(struct probe *probe)
{
    kill(-probe->pid, SIGKILL);
    waitpid(probe->pid, NULL, 0);
    probe->pid = 0;
}

int probes_next(struct probes *p, double now, char *host, int *answered)
{
    for (int i = 0; i < PROBES_MOST; i++) {
        struct probe *probe = &p->list[i];
        int code = 0, ended;

        if (probe->pid == 0) continue;
        ended = waitpid(probe->pid, &code, WNOHANG) == probe->pid;
        if (!ended && now - probe->began < p->patience) continue;
        *answered = ended && code == 0;
        snprintf(host, HOST_BYTES, "%s", probe->host);
        if (ended) probe->pid = 0;
        else give_up(probe);
        return 1;
    }
    return 0;
}

void probes_end(struct probes *p)
{
    for (int i = 0; i < PROBES_MOST; i++)
        if (p->list[i].pid > 0) give_up(&p->list[i]);
}

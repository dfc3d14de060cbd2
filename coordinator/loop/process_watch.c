/* A pidfd becomes readable when its process ends, child or not (Linux 5.3). */
#include "coordinator/loop/process_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/stop.h"

enum { TICK_MS = 1000 };

struct process_watch {
    struct pollfd *fds; /* (count + 1) the last one: request to end the thread */
    int count;
    struct process_watch_calls calls;
    pthread_t thread;
};

static void tell_gone(struct process_watch *l)
{
    for (int i = 0; i < l->count; i++) {
        if (l->fds[i].fd < 0 || !l->fds[i].revents) continue;
        l->calls.gone(l->calls.arg, i);
        close(l->fds[i].fd);
        l->fds[i].fd = -1; /* poll ignores it */
    }
}

static void *thread_main(void *arg)
{
    struct process_watch *l = arg;
    eventfd_t word = 0;

    /* High priority, where allowed: the thread sleeps nearly always, but when it wakes up, milliseconds count. */
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), -15) != 0) log_debug("process-watch-nice", "why=%s", strerror(errno));
    while (word == 0) {
        int n = poll(l->fds, (nfds_t)l->count + 1, TICK_MS);

        if (n < 0 && errno != EINTR) return NULL;
        if (n > 0 && l->fds[l->count].revents && eventfd_read(l->fds[l->count].fd, &word) < 0) word = 0;
        if (n > 0 && word % STOP_TERMINATED == 0) tell_gone(l);
        if (n == 0) l->calls.tick(l->calls.arg);
    }
    if (word < STOP_TERMINATED) return NULL;
    l->calls.terminated(l->calls.arg);
    stop_terminate();
    return NULL;
}

/* Signals are handled by the step loop's thread. */
static status start_thread(struct process_watch *l)
{
    sigset_t all, before;
    int why;

    l->fds[l->count] = (struct pollfd){.fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN};
    if (l->fds[l->count].fd < 0) return fault(ST_SYSTEM, "eventfd: %s", strerror(errno));
    TRY(stop_tell_terminated(l->fds[l->count].fd));
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    why = pthread_create(&l->thread, NULL, thread_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why == 0) return ST_OK;
    TRY(stop_tell_terminated(-1));
    return fault(ST_SYSTEM, "thread: %s", strerror(why));
}

static void discard(struct process_watch *l)
{
    for (int i = 0; l->fds && i <= l->count; i++)
        if (l->fds[i].fd >= 0) close(l->fds[i].fd);
    mem_free(l->fds);
    mem_free(l);
}

status process_watch_new(const int64_t *pids, int count, const struct process_watch_calls *calls,
                         struct process_watch **out)
{
    struct process_watch *l;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *l, &l));
    *l = (struct process_watch){.count = count, .calls = *calls};
    s = mem_alloc((size_t)count + 1, sizeof *l->fds, &l->fds);
    for (int i = 0; s == ST_OK && i <= count; i++) {
        int fd = i < count && pids[i] > 0 ? pidfd_open((pid_t)pids[i], 0) : -1;

        if (i < count && pids[i] > 0 && fd < 0)
            log_debug("process-watch", "pid=%lld why=%s", (long long)pids[i], strerror(errno));
        l->fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    if (s == ST_OK) s = start_thread(l);
    if (s == ST_OK) *out = l;
    else discard(l);
    return s;
}

void process_watch_destroy(struct process_watch **process_watch)
{
    struct process_watch *l = *process_watch;

    if (!l) return;
    if (stop_tell_terminated(-1) != ST_OK) log_debug("process-watch", "SIGTERM stays with it");
    while (eventfd_write(l->fds[l->count].fd, 1) < 0 && errno == EINTR) continue;
    pthread_join(l->thread, NULL);
    discard(l);
    *process_watch = NULL;
}

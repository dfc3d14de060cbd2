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

static void tell_gone(struct process_watch *watch)
{
    for (int i = 0; i < watch->count; i++) {
        if (watch->fds[i].fd < 0 || !watch->fds[i].revents) continue;
        watch->calls.gone(watch->calls.arg, i);
        close(watch->fds[i].fd);
        watch->fds[i].fd = -1; /* poll ignores it */
    }
}

static void *thread_main(void *arg)
{
    struct process_watch *watch = arg;
    eventfd_t word = 0;

    /* High priority, where allowed: the thread sleeps nearly always, but when it wakes up, milliseconds count. */
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), -15) != 0) log_debug("process-watch-nice", "why=%s", strerror(errno));
    while (word == 0) {
        int n = poll(watch->fds, (nfds_t)watch->count + 1, TICK_MS);

        if (n < 0 && errno != EINTR) return NULL;
        if (n > 0 && watch->fds[watch->count].revents && eventfd_read(watch->fds[watch->count].fd, &word) < 0) word = 0;
        if (n > 0 && word % STOP_TERMINATED == 0) tell_gone(watch);
        if (n == 0) watch->calls.tick(watch->calls.arg);
    }
    if (word < STOP_TERMINATED) return NULL;
    watch->calls.terminated(watch->calls.arg);
    stop_terminate();
    return NULL;
}

/* Signals are handled by the step loop's thread. */
static status start_thread(struct process_watch *watch)
{
    sigset_t all, before;
    int why;

    watch->fds[watch->count] = (struct pollfd){.fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN};
    if (watch->fds[watch->count].fd < 0) return fault(ST_SYSTEM, "eventfd: %s", strerror(errno));
    TRY(stop_tell_terminated(watch->fds[watch->count].fd));
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    why = pthread_create(&watch->thread, NULL, thread_main, watch);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why == 0) return ST_OK;
    TRY(stop_tell_terminated(-1));
    return fault(ST_SYSTEM, "thread: %s", strerror(why));
}

static void discard(struct process_watch *watch)
{
    for (int i = 0; watch->fds && i <= watch->count; i++)
        if (watch->fds[i].fd >= 0) close(watch->fds[i].fd);
    mem_free(watch->fds);
    mem_free(watch);
}

status process_watch_new(const int64_t *pids, int count, const struct process_watch_calls *calls,
                         struct process_watch **out)
{
    struct process_watch *watch;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *watch, &watch));
    *watch = (struct process_watch){.count = count, .calls = *calls};
    s = mem_alloc((size_t)count + 1, sizeof *watch->fds, &watch->fds);
    for (int i = 0; s == ST_OK && i <= count; i++) {
        int fd = i < count && pids[i] > 0 ? pidfd_open((pid_t)pids[i], 0) : -1;

        if (i < count && pids[i] > 0 && fd < 0)
            log_debug("process-watch", "pid=%lld why=%s", (long long)pids[i], strerror(errno));
        watch->fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    if (s == ST_OK) s = start_thread(watch);
    if (s == ST_OK) *out = watch;
    else discard(watch);
    return s;
}

void process_watch_destroy(struct process_watch **process_watch)
{
    struct process_watch *watch = *process_watch;

    if (!watch) return;
    if (stop_tell_terminated(-1) != ST_OK) log_debug("process-watch", "SIGTERM stays with it");
    while (eventfd_write(watch->fds[watch->count].fd, 1) < 0 && errno == EINTR) continue;
    pthread_join(watch->thread, NULL);
    discard(watch);
    *process_watch = NULL;
}

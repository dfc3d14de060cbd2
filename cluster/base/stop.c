/* A flag and a file descriptor: the only state that handlers touch. */
#include "cluster/base/stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/log.h"

static volatile sig_atomic_t asked, listener = -1;

static void on_signal(int signal_number)
{
    (void)signal_number;
    asked = 1;
}

status stop_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGUSR1, &action, NULL) != 0)
        return fault(ST_SYSTEM, "SIGUSR1 cannot be handled: %s", strerror(errno));
    return ST_OK;
}

int stop_requested(void)
{
    return asked != 0;
}

void stop_request(void)
{
    asked = 1;
}

static void on_term(int signal_number)
{
    uint64_t word = STOP_TERMINATED;
    int before = errno;

    if (write(listener, &word, sizeof word) < 0) signal(signal_number, SIG_DFL);
    errno = before;
}

status stop_tell_terminated(int fd)
{
    struct sigaction action = {.sa_handler = fd < 0 ? SIG_DFL : on_term, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    listener = fd;
    if (sigaction(SIGTERM, &action, NULL) != 0)
        return fault(ST_SYSTEM, "SIGTERM cannot be handled: %s", strerror(errno));
    return ST_OK;
}

void stop_terminate(void)
{
    signal(SIGTERM, SIG_DFL);
    kill(getpid(), SIGTERM);
}

/* One flag, set by the signal handler: the only state a handler may touch. */
#include "cluster/base/stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cluster/base/log.h"

static volatile sig_atomic_t asked;

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

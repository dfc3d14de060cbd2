/* mp2-monitor keygen NAME. */
#include <stdio.h>

#include "cluster/watch/monitor/monitor.h"

status monitor_keygen(const struct monitor_args *args)
{
    const char *name = args->rest[0];

    TRY(curve_generate(name));
    printf("%s.key  the secret: keep it here (watch.server_key of a run, or --key of a monitor)\n"
           "%s.pub  the public key: append it to the run's watch.allowed, or give it to monitors as --server\n",
           name, name);
    return ST_OK;
}

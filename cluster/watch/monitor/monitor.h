/* The commands of mp2-monitor. Each gets its arguments (without the command's name) and returns when it is done or
 * *stop is set by SIGINT or SIGTERM. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_MONITOR_H
#define MP2_CLUSTER_WATCH_MONITOR_MONITOR_H

#include <signal.h>

#include "cluster/watch/follow.h"

/* The options of the command line, the same for every command. */
struct monitor_args {
    const char *key, *server; /* CURVE: own secret key file, server's public key file; NULL: none */
    const char *listen;       /* serve: host:port */
    const char *out;          /* record: folder */
    int plain;                /* watch: lines, even on a terminal */
    int once;                 /* watch, record: until what is known has been read */
    const char *const *rest;  /* sources, or keygen's name */
    int count;
    struct follow_keys key_pair;
    const struct follow_keys *keys; /* &key_pair, or NULL */
    volatile sig_atomic_t *stop;
};

typedef status monitor_command(const struct monitor_args *args);
monitor_command monitor_keygen, monitor_watch, monitor_record, monitor_serve;

#endif

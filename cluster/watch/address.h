/* Addresses of a stream: host and port, and the snapshot socket one port higher. */
#ifndef MP2_CLUSTER_WATCH_ADDRESS_H
#define MP2_CLUSTER_WATCH_ADDRESS_H

#include <stddef.h>

#include "cluster/base/status.h"

struct address {
    char host[256]; /* a name, an IPv4 or IPv6 number, without brackets */
    int port;       /* 0 … 65534 */
    int loopback;   /* nothing outside this machine reaches it */
};

/* Local. "host:port", "tcp://host:port", "[v6]:port". what: the words a message starts with. */
status address_parse(const char *what, const char *text, struct address *out);

/* Local. "tcp://host:port" with port + more; port 0 as ZeroMQ wants it ("*"). */
void address_format(const struct address *a, int more, char *out, size_t room);

#endif

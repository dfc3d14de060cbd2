/* host:port, as people write it; the last colon divides. */
#include "cluster/watch/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"

status address_parse(const char *what, const char *text, struct address *out)
{
    const char *p = strncmp(text, "tcp://", 6) == 0 ? text + 6 : text, *colon = strrchr(p, ':');
    size_t n = colon ? (size_t)(colon - p) : 0;
    char *end;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;

    memset(out, 0, sizeof *out);
    if (n > 2 && p[0] == '[' && p[n - 1] == ']') {
        p++;
        n -= 2;
    } else if (memchr(p, ':', n)) {
        n = 0;
    }
    if (n == 0 || n >= sizeof out->host || colon[1] < '0' || colon[1] > '9' || *end || port > 65534 ||
        strcspn(p, " ;/@") < n)
        return fault(ST_INPUT, "%s: found \"%.80s\", expected host:port, port 0 to 65534", what, text);
    memcpy(out->host, p, n);
    if (strcmp(out->host, "localhost") == 0) memcpy(out->host, "127.0.0.1", 10);
    out->port = (int)port;
    out->loopback = strncmp(out->host, "127.", 4) == 0 ? strspn(out->host, "0123456789.") == strlen(out->host)
                                                       : strcmp(out->host, "::1") == 0;
    return ST_OK;
}

void address_format(const struct address *a, int more, char *out, size_t room)
{
    const char *open = strchr(a->host, ':') ? "[" : "", *shut = *open ? "]" : "";

    if (a->port) snprintf(out, room, "tcp://%s%s%s:%d", open, a->host, shut, a->port + more);
    else snprintf(out, room, "tcp://%s%s%s:*", open, a->host, shut);
}

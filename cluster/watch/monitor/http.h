/* What the monitor's web server answers, without the server: a path in, a body out. */
#ifndef MP2_CLUSTER_WATCH_MONITOR_HTTP_H
#define MP2_CLUSTER_WATCH_MONITOR_HTTP_H

#include "cluster/watch/monitor/runs.h"

struct http_request {
    const char *method, *path, *host; /* host: the Host header, NULL when there is none */
    const char *after, *picture;      /* of the query, NULL when absent */
    int loopback;                     /* the server listens on loopback only: other Host names are refused */
};

struct http_response {
    int code;
    const char *type;
    char *body; /* owned, by free(); NULL: fixed */
    const unsigned char *fixed;
    size_t size;
};

/* Local, any thread. Always an answer (400, 403, 404, 405, 500 too); the caller frees body. */
void http_answer(struct runs *runs, const struct http_request *request, struct http_response *out);

#endif

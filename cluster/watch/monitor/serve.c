/* mp2-monitor serve: libmicrohttpd around http.h. Small limits: the page needs few connections, and a crowd must not
 * cost the machine more than that. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "cluster/base/log.h"
#include "cluster/watch/monitor/http.h"
#include "cluster/watch/monitor/monitor.h"

enum { CONNECTIONS = 128, IDLE_SECONDS = 30, REQUEST_BYTES = 32 << 10, SWITCH_MS = 200 };

struct server {
    struct runs *runs;
    int loopback;
};

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES) log_debug("http-header", "name=%s", name);
}

static enum MHD_Result send_response(struct MHD_Connection *c, struct http_response *r)
{
    struct MHD_Response *response;
    enum MHD_Result result;

    response = r->body ? MHD_create_response_from_buffer(r->size, r->body, MHD_RESPMEM_MUST_FREE)
                       : MHD_create_response_from_buffer(r->size, (void *)(uintptr_t)r->fixed, MHD_RESPMEM_PERSISTENT);
    if (!response) {
        free(r->body);
        return MHD_NO;
    }
    add_header(response, "Content-Type", r->type);
    add_header(response, "Cache-Control", "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Referrer-Policy", "no-referrer");
    /* Nothing from outside, no script in the text; the chart library sets styles. */
    add_header(response, "Content-Security-Policy",
               "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src "
               "'self' data:; "
               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    result = MHD_queue_response(c, (unsigned)r->code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
    static int seen;
    struct server *server = arg;
    struct http_response r;
    struct http_request q = {.method = method, .path = url, .loopback = server->loopback};
    (void)version;
    (void)upload;

    /* The first call has the headers alone; answer once a body, which has no meaning here, has been discarded. */
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_size) {
        *upload_size = 0;
        return MHD_YES;
    }
    q.host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host");
    q.after = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "after");
    q.picture = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "picture");
    http_answer(server->runs, &q, &r);
    return send_response(c, &r);
}

/* libmicrohttpd's own messages (mostly about garbage on a connection) are of no use to a user. */
static void on_remark(void *arg, const char *format, va_list args)
{
    char text[256];
    (void)arg;

    vsnprintf(text, sizeof text, format, args);
    log_debug("http", "%s", text);
}

static status start_daemon(const struct address *at, struct server *server, struct MHD_Daemon **out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ERROR_LOG;
    char port[16];
    int why;

    snprintf(port, sizeof port, "%d", at->port);
    why = getaddrinfo(at->host, port, &hints, &found);
    if (why != 0) return fault(ST_INPUT, "--listen: %s: %s", at->host, gai_strerror(why));
    if (found->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
    errno = 0;
    *out = MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_remark, NULL,
                            MHD_OPTION_SOCK_ADDR, found->ai_addr, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)REQUEST_BYTES, MHD_OPTION_END);
    freeaddrinfo(found);
    if (!*out) return fault(ST_INPUT, "--listen: cannot listen at %s:%d: %s", at->host, at->port, strerror(errno));
    return ST_OK;
}

status monitor_serve(const struct monitor_args *args)
{
    const char *listen = args->listen ? args->listen : "127.0.0.1:8080";
    const union MHD_DaemonInfo *info;
    struct server server = {0};
    struct MHD_Daemon *daemon;
    struct address at;
    status s;

    TRY(address_parse("--listen", listen, &at));
    if (!at.loopback)
        log_warn("http-open", "address=%s: anybody who reaches it can read; put a proxy with a login before it",
                 listen);
    server.loopback = at.loopback;
    TRY(runs_new(args->rest, args->count, args->keys, &server.runs));
    s = start_daemon(&at, &server, &daemon);
    if (s == ST_OK) {
        info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
        printf("http://%s%s%s:%d/\n", strchr(at.host, ':') ? "[" : "", at.host, strchr(at.host, ':') ? "]" : "",
               info ? (int)info->port : at.port);
        fflush(stdout);
        while (!*args->stop) usleep(SWITCH_MS * 1000);
        MHD_stop_daemon(daemon);
    }
    runs_destroy(&server.runs);
    return s;
}

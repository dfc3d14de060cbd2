/* Limits first: small queues, small inbound messages, handshakes that must finish in seconds, heartbeats that find
 * peers who stopped reading or vanished. So a crowd of broken subscribers costs a bounded amount of memory and little
 * time. */
#include "cluster/watch/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "cluster/base/log.h"

enum {
    PUB_QUEUE = 64,       /* messages a slow subscriber can fall behind */
    ROUTER_QUEUE = 2,     /* snapshots are large */
    INBOUND_BYTES = 1024, /* subscriptions and snapshot requests are short */
    HANDSHAKE_MS = 5000,
    HEARTBEAT_MS = 10000,
    HEARTBEAT_TIMEOUT_MS = 30000,
    LINGER_MS = 1000,
    PORT_TRIES = 32,
    FAILURE_EVENTS = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
    DOOR_EVENTS = FAILURE_EVENTS | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
};

static status set_int(void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value) == 0) return ST_OK;
    return fault(ST_SYSTEM, "stream: socket option %d: %s", option, zmq_strerror(errno));
}

static status set_common(void *socket, int queue, const struct curve_pair *pair)
{
    int64_t inbound = INBOUND_BYTES;

    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &inbound, sizeof inbound) != 0)
        return fault(ST_SYSTEM, "stream: socket option: %s", zmq_strerror(errno));
    TRY(set_int(socket, ZMQ_SNDHWM, queue));
    TRY(set_int(socket, ZMQ_RCVHWM, 64));
    TRY(set_int(socket, ZMQ_LINGER, LINGER_MS));
    TRY(set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS));
    TRY(set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS));
    TRY(set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS));
    TRY(set_int(socket, ZMQ_IPV6, 1));
    /* Asking who may connect, even where everybody may, keeps out the protocols before ZMTP 3. Stray bytes look like
     * one of them, and libzmq 4.3 aborts the process when such a peer comes in while the socket is being closed. */
    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "mp2", 3) != 0)
        return fault(ST_SYSTEM, "stream: ZAP: %s", zmq_strerror(errno));
    if (!pair) return ST_OK;
    TRY(set_int(socket, ZMQ_CURVE_SERVER, 1));
    if (zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, pair->secret, CURVE_KEY) != 0)
        return fault(ST_SYSTEM, "stream: CURVE: %s", zmq_strerror(errno));
    return ST_OK;
}

static status open_monitor(struct sockets *s, void *socket, const char *name, void **out)
{
    if (zmq_socket_monitor(socket, name, DOOR_EVENTS) != 0 || !(*out = zmq_socket(s->context, ZMQ_PAIR)) ||
        zmq_connect(*out, name) != 0)
        return fault(ST_SYSTEM, "stream: monitor: %s", zmq_strerror(errno));
    return set_int(*out, ZMQ_LINGER, 0);
}

static status open_all(const struct curve_pair *pair, struct sockets *s)
{
    s->context = zmq_ctx_new();
    if (!s->context) return fault(ST_SYSTEM, "stream: %s", zmq_strerror(errno));
    s->zap = zmq_socket(s->context, ZMQ_REP);
    if (!s->zap || zmq_bind(s->zap, "inproc://zeromq.zap.01") != 0)
        return fault(ST_SYSTEM, "stream: ZAP: %s", zmq_strerror(errno));
    TRY(set_int(s->zap, ZMQ_LINGER, 0));
    s->pub = zmq_socket(s->context, ZMQ_PUB);
    s->router = zmq_socket(s->context, ZMQ_ROUTER);
    if (!s->pub || !s->router) return fault(ST_SYSTEM, "stream: %s", zmq_strerror(errno));
    TRY(set_common(s->pub, PUB_QUEUE, pair));
    TRY(set_common(s->router, ROUTER_QUEUE, pair));
    TRY(open_monitor(s, s->pub, "inproc://monitor-pub", &s->monitors[0]));
    return open_monitor(s, s->router, "inproc://monitor-router", &s->monitors[1]);
}

status sockets_open(const struct curve_pair *pair, struct sockets *s)
{
    status st;

    memset(s, 0, sizeof *s);
    st = open_all(pair, s);
    if (st != ST_OK) sockets_close(s);
    return st;
}

/* The port in "tcp://host:port". */
static int bound_port(void *socket)
{
    char text[300];
    size_t n = sizeof text;

    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &n) != 0) return -1;
    return atoi(strrchr(text, ':') + 1);
}

/* Bind pub at `at` (any port when 0) and router one higher; errno says why not. */
static int bind_pair(struct sockets *s, const struct address *at)
{
    struct address a = *at;
    char text[300];
    int why;

    address_format(&a, 0, text, sizeof text);
    if (zmq_bind(s->pub, text) != 0) return -1;
    a.port = bound_port(s->pub);
    address_format(&a, 0, s->address, sizeof s->address);
    address_format(&a, 1, s->snapshot_address, sizeof s->snapshot_address);
    if (zmq_bind(s->router, s->snapshot_address) == 0) {
        s->bound = 1;
        return 0;
    }
    why = errno;
    zmq_unbind(s->pub, s->address);
    errno = why;
    return -1;
}

status sockets_bind(struct sockets *s, const struct address *at)
{
    for (int i = 0; i < (at->port ? 1 : PORT_TRIES); i++) {
        if (bind_pair(s, at) == 0) return ST_OK;
        if (errno != EADDRINUSE)
            return fault(ST_INPUT, "watch.listen: cannot listen at %s:%d: %s", at->host, at->port, zmq_strerror(errno));
    }
    return ST_OK;
}

/* All parts of a message, at most `most` kept; the number of parts there were. */
static int receive_parts(void *socket, zmq_msg_t *parts, int most)
{
    int n = 0, more = 1;

    while (more) {
        zmq_msg_t extra, *m = n < most ? parts + n : &extra;
        zmq_msg_init(m);
        if (zmq_msg_recv(m, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            return n;
        }
        more = zmq_msg_more(m);
        if (m == &extra) zmq_msg_close(m);
        n++;
    }
    return n;
}

/* Without keys everybody is on the list: the address is loopback. */
static int may_enter(const struct curve_list *allowed, zmq_msg_t *mechanism, zmq_msg_t *credentials)
{
    const char *expected = allowed ? "CURVE" : "NULL";

    if (zmq_msg_size(mechanism) != strlen(expected) || memcmp(zmq_msg_data(mechanism), expected, strlen(expected)) != 0)
        return 0;
    return !allowed || (credentials && curve_allowed(allowed, zmq_msg_data(credentials), zmq_msg_size(credentials)));
}

void sockets_answer_zap(struct sockets *s, const struct curve_list *allowed, uint64_t *refused)
{
    enum { VERSION, REQUEST, MECHANISM = 5, CREDENTIALS, PARTS };
    zmq_msg_t parts[PARTS];
    int n = receive_parts(s->zap, parts, PARTS), ok;

    if (n == 0) return;
    ok = n > MECHANISM && may_enter(allowed, &parts[MECHANISM], n > CREDENTIALS ? &parts[CREDENTIALS] : NULL);
    *refused += !ok;
    /* Version, request, status, its text, user, metadata. The peer is this process: it reads. */
    if (zmq_send(s->zap, "1.0", 3, ZMQ_SNDMORE) < 0 ||
        zmq_send(s->zap, n > REQUEST ? zmq_msg_data(&parts[REQUEST]) : "",
                 n > REQUEST ? zmq_msg_size(&parts[REQUEST]) : 0, ZMQ_SNDMORE) < 0 ||
        zmq_send(s->zap, ok ? "200" : "400", 3, ZMQ_SNDMORE) < 0 ||
        zmq_send(s->zap, ok ? "OK" : "not on the list", ok ? 2 : 15, ZMQ_SNDMORE) < 0 ||
        zmq_send(s->zap, "", 0, ZMQ_SNDMORE) < 0 || zmq_send(s->zap, "", 0, 0) < 0)
        log_debug("stream-zap", "why=%s", zmq_strerror(errno));
    for (int i = 0; i < n && i < PARTS; i++) zmq_msg_close(&parts[i]);
}

/* 1 when the event is of a peer who did not get in. One that speaks an old protocol leaves without another word. */
static int door_event(struct door *d, unsigned event)
{
    int waiting = d->knocking > 0;

    if (event == ZMQ_EVENT_ACCEPTED) {
        d->knocking++;
        return 0;
    }
    if (event == ZMQ_EVENT_DISCONNECTED && d->sent_away > 0) {
        d->sent_away--;
        return 0;
    }
    d->knocking -= waiting;
    d->sent_away += (event & FAILURE_EVENTS) != 0;
    return (event & FAILURE_EVENTS) || (event == ZMQ_EVENT_DISCONNECTED && waiting);
}

uint64_t sockets_failures(struct sockets *s)
{
    zmq_msg_t parts[2];
    uint64_t n = 0;

    for (int i = 0; i < 2; i++) {
        for (int got; (got = receive_parts(s->monitors[i], parts, 2)) > 0;) {
            uint16_t event = 0;
            if (zmq_msg_size(&parts[0]) >= sizeof event) memcpy(&event, zmq_msg_data(&parts[0]), sizeof event);
            n += (uint64_t)door_event(&s->doors[i], event);
            for (int k = 0; k < got && k < 2; k++) zmq_msg_close(&parts[k]);
        }
    }
    return n;
}

void sockets_close(struct sockets *s)
{
    void *all[] = {s->monitors[0], s->monitors[1], s->pub, s->router, s->zap};

    if (s->pub) zmq_socket_monitor(s->pub, NULL, 0);
    if (s->router) zmq_socket_monitor(s->router, NULL, 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]) zmq_close(all[i]);
    if (s->context)
        while (zmq_ctx_term(s->context) != 0 && errno == EINTR) continue;
    memset(s, 0, sizeof *s);
}

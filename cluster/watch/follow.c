/* Requests go out when the picture has a gap, at most one in half a second, again after two without an answer. */
#include "cluster/watch/follow.h"

#include <errno.h>
#include <zmq.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum {
    STREAM_BYTES = 8 << 20,
    SNAPSHOT_BYTES = 128 << 20, /* larger messages close the connection */
    STREAM_QUEUE = 10000,
    BATCH = 1000,
    RECONNECT_MS = 200,
    RECONNECT_MOST_MS = 3000
};

static const double REQUEST_EVERY = 0.5, ANSWER_WITHIN = 2, SILENT_AFTER = 5;

struct follow {
    void *context, *stream, *snapshots;
    struct repair *repair;
    double heard, asked; /* monotonic seconds; 0: never */
    int waiting;         /* for an answer */
};

static status set_int(void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value) == 0) return ST_OK;
    return fault(ST_SYSTEM, "follow: socket option %d: %s", option, zmq_strerror(errno));
}

static status connect_socket(struct follow *f, int type, const struct address *at, int more, int64_t limit,
                             const struct follow_keys *keys, void **out)
{
    char address[300];
    void *s = *out = zmq_socket(f->context, type);

    if (!s) return fault(ST_SYSTEM, "follow: %s", zmq_strerror(errno));
    if (zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &limit, sizeof limit) != 0)
        return fault(ST_SYSTEM, "follow: %s", zmq_strerror(errno));
    TRY(set_int(s, ZMQ_LINGER, 0));
    TRY(set_int(s, ZMQ_IPV6, 1));
    TRY(set_int(s, ZMQ_RCVHWM, STREAM_QUEUE));
    TRY(set_int(s, ZMQ_RECONNECT_IVL, RECONNECT_MS));
    TRY(set_int(s, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS));
    TRY(set_int(s, ZMQ_HEARTBEAT_IVL, 5000));
    if (type == ZMQ_DEALER) TRY(set_int(s, ZMQ_IMMEDIATE, 1));
    if (keys && (zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, keys->server, CURVE_KEY) != 0 ||
                 zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, keys->own.public_key, CURVE_KEY) != 0 ||
                 zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, keys->own.secret, CURVE_KEY) != 0))
        return fault(ST_SYSTEM, "follow: CURVE: %s", zmq_strerror(errno));
    if (type == ZMQ_SUB && zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0) != 0)
        return fault(ST_SYSTEM, "follow: %s", zmq_strerror(errno));
    address_format(at, more, address, sizeof address);
    if (zmq_connect(s, address) != 0) return fault(ST_INPUT, "%s: cannot connect: %s", address, zmq_strerror(errno));
    return ST_OK;
}

static status open_all(const struct address *at, const struct follow_keys *keys, struct follow *f)
{
    if (at->port == 0) return fault(ST_INPUT, "port 0: expected the port of a running publisher");
    f->context = zmq_ctx_new();
    if (!f->context) return fault(ST_SYSTEM, "follow: %s", zmq_strerror(errno));
    TRY(connect_socket(f, ZMQ_SUB, at, 0, STREAM_BYTES, keys, &f->stream));
    return connect_socket(f, ZMQ_DEALER, at, 1, SNAPSHOT_BYTES, keys, &f->snapshots);
}

status follow_open(const struct address *at, const struct follow_keys *keys, const struct repair_sink *sink,
                   struct follow **out)
{
    struct follow *f;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *f, &f));
    s = repair_new(sink, &f->repair);
    if (s == ST_OK) s = open_all(at, keys, f);
    if (s != ST_OK) follow_close(&f);
    *out = f;
    return s;
}

void follow_close(struct follow **follow)
{
    struct follow *f = *follow;

    if (!f) return;
    if (f->stream) zmq_close(f->stream);
    if (f->snapshots) zmq_close(f->snapshots);
    if (f->context)
        while (zmq_ctx_term(f->context) != 0 && errno == EINTR) continue;
    repair_destroy(&f->repair);
    mem_free(f);
    *follow = NULL;
}

/* The last part of a waiting message (the first is the topic, or empty); 0 when nothing waits. */
static int receive(void *socket, zmq_msg_t *m)
{
    zmq_msg_init(m);
    do {
        if (zmq_msg_recv(m, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            return 0;
        }
    } while (zmq_msg_more(m));
    return 1;
}

static void request_snapshot(struct follow *f, double now)
{
    unsigned char request[64];
    size_t size;

    if (!repair_wants(f->repair, request, &size)) return;
    if (f->asked > 0 && now - f->asked < (f->waiting ? ANSWER_WITHIN : REQUEST_EVERY)) return;
    if (zmq_send(f->snapshots, request, size, ZMQ_DONTWAIT) < 0) return; /* not connected yet */
    f->asked = now;
    f->waiting = 1;
}

static status take_all(struct follow *f, double now)
{
    status s = ST_OK;
    zmq_msg_t m;

    for (int i = 0; s == ST_OK && i < BATCH && receive(f->stream, &m); i++) {
        f->heard = now;
        s = repair_take(f->repair, zmq_msg_data(&m), zmq_msg_size(&m));
        zmq_msg_close(&m);
    }
    while (s == ST_OK && receive(f->snapshots, &m)) {
        f->waiting = 0;
        f->heard = now;
        s = repair_snapshot(f->repair, zmq_msg_data(&m), zmq_msg_size(&m));
        zmq_msg_close(&m);
    }
    return s;
}

status follow_wait(struct follow *f, int milliseconds)
{
    zmq_pollitem_t items[] = {{f->stream, 0, ZMQ_POLLIN, 0}, {f->snapshots, 0, ZMQ_POLLIN, 0}};

    request_snapshot(f, clock_now());
    if (zmq_poll(items, 2, milliseconds) < 0 && errno != EINTR)
        return fault(ST_SYSTEM, "follow: %s", zmq_strerror(errno));
    return take_all(f, clock_now());
}

enum follow_state follow_state(const struct follow *f)
{
    if (f->heard <= 0) return FOLLOW_CONNECTING;
    return clock_now() - f->heard < SILENT_AFTER ? FOLLOW_LIVE : FOLLOW_SILENT;
}

int follow_complete(const struct follow *f)
{
    return repair_complete(f->repair);
}

void follow_stats(const struct follow *f, struct repair_stats *out)
{
    repair_stats(f->repair, out);
}

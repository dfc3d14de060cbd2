/* Three parts: the giver's side (publisher_post: pack, ring, wake), the thread (send, remember, answer, heartbeat), and
 * the handshake between them. The thread runs at a lower priority than the step loop; its ZeroMQ I/O thread inherits
 * that. */
#include "cluster/watch/publish.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/watch/history.h"
#include "cluster/watch/ring.h"
#include "cluster/watch/snapshot.h"
#include "cluster/watch/sockets.h"
#include "cluster/watch/topic.h"

enum {
    RING_SLOTS = 1024,
    RING_BYTES = 16 << 20,
    NICE = 10,
    PACE = 32,
    PAUSE_MS = 16, /* messages between two pauses */
    SEND_MS = 200, /* from one batch to the next */
    HEARTBEAT_MS = 1000,
    REQUESTS_AT_ONCE = 32, /* snapshot requests between two looks at the ring */
    BAD_REQUESTS = 64      /* in a second; then the socket is left alone until the next */
};

struct publisher {
    struct address at;
    struct curve_pair pair;
    struct curve_list allowed;
    int has_keys;
    char name[256], folder[4096];
    uint64_t epoch;

    struct ring *ring;
    atomic_uint_fast64_t posted, dropped, batches, snapshots, refused;
    atomic_uint waiting; /* messages, about, since the thread last looked at the ring */
    atomic_int stop;
    int wake, hurry; /* eventfds: the ring has something; it is half full, or stop */

    pthread_mutex_t lock; /* of history and the bound addresses; never taken by publisher_post */
    struct history *history;
    char address[300], snapshot_address[300];

    pthread_t thread;
    sem_t ready;
    status ready_status;
    struct sockets sockets; /* the thread's */
    struct snapshot snapshot;
    struct ring_item **drained;
    uint64_t sent; /* the last sequence number sent */
    int said_refused, bad_requests;
};

/* ---- the giver's side ------------------------------------------------------------------------------------------- */

static void signal_thread(int eventfd)
{
    uint64_t one = 1;

    while (write(eventfd, &one, sizeof one) < 0)
        if (errno != EINTR) {
            log_debug("stream-wake", "why=%s", strerror(errno));
            return;
        }
}

/* The first that waits calls the thread; those after it cost no call of the kernel, but the one that half fills the
 * ring. */
static void call_thread(struct publisher *p)
{
    unsigned before = atomic_fetch_add(&p->waiting, 1);

    if (before == 0) signal_thread(p->wake);
    if (before == RING_SLOTS / 2) signal_thread(p->hurry);
}

void publisher_post(struct publisher *p, Mp2__Progress *m)
{
    struct ring_item *item;

    m->version = 1;
    m->name = p->name;
    m->epoch = p->epoch;
    m->sequence = atomic_fetch_add(&p->posted, 1) + 1;
    if (ring_item_new(mp2__progress__get_packed_size(m), &item) != ST_OK) {
        atomic_fetch_add(&p->dropped, 1);
        return;
    }
    item->sequence = m->sequence;
    mp2__progress__pack(m, item->bytes);
    atomic_fetch_add(&p->dropped, ring_push(p->ring, &item));
    call_thread(p);
}

static void remember(struct publisher *p, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    pthread_mutex_lock(&p->lock);
    if (history_add(p->history, m, bytes, size) != ST_OK) log_warn("stream-history", "a message is not in snapshots");
    pthread_mutex_unlock(&p->lock);
}

void publisher_preload(struct publisher *p, const Mp2__Progress *message)
{
    unsigned char *bytes;
    Mp2__Progress m = *message;
    size_t size;

    m.name = p->name;
    m.sequence = 0;
    size = mp2__progress__get_packed_size(&m);
    if (mem_alloc(size, 1, &bytes) != ST_OK) return;
    mp2__progress__pack(&m, bytes);
    remember(p, &m, bytes, size);
    mem_free(bytes);
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

static void send_message(struct publisher *p, const char *topic, const void *bytes, size_t size)
{
    if (!p->sockets.bound) return;
    if (zmq_send(p->sockets.pub, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(p->sockets.pub, bytes, size, ZMQ_DONTWAIT) < 0)
        log_debug("stream-send", "why=%s", zmq_strerror(errno));
}

/* Who posts after the exchange calls again; what was posted before it is seen in the ring. */
static size_t take_ring(struct publisher *p)
{
    const int calls[] = {p->wake, p->hurry};
    uint64_t count;
    size_t n;

    for (int i = 0; i < 2; i++)
        if (read(calls[i], &count, sizeof count) < 0 && errno != EAGAIN)
            log_debug("stream-wake", "why=%s", strerror(errno));
    atomic_exchange(&p->waiting, 0);
    n = ring_drain(p->ring, p->drained);
    if (n) atomic_fetch_add(&p->batches, 1);
    return n;
}

/* All that waits, a batch. Paced: one longer than a subscriber's queue (an evaluation says something about every task)
 * would otherwise lose messages to subscribers that are quick enough. Returns how many messages it was. */
static size_t send_ring(struct publisher *p)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000};
    size_t n = take_ring(p);

    for (size_t i = 0; i < n; i++) {
        struct ring_item *item = p->drained[i];
        Mp2__Progress *m = mp2__progress__unpack(NULL, item->size, item->bytes);
        if (m) {
            send_message(p, topic_of(m), item->bytes, item->size);
            remember(p, m, item->bytes, item->size);
            p->sent = item->sequence;
            mp2__progress__free_unpacked(m, NULL);
        }
        mem_free(item);
        if (i % PACE == PACE - 1) nanosleep(&pause, NULL);
    }
    return n;
}

static void send_heartbeat(struct publisher *p)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Stream stream = MP2__STREAM__INIT;
    unsigned char bytes[512];

    stream.posted = atomic_load(&p->posted);
    stream.dropped = atomic_load(&p->dropped);
    stream.snapshots = atomic_load(&p->snapshots);
    stream.refused = atomic_load(&p->refused);
    m.version = 1;
    m.name = p->name;
    m.epoch = p->epoch;
    m.sequence = p->sent;
    m.time = clock_unix();
    m.body_case = MP2__PROGRESS__BODY_STREAM;
    m.stream = &stream;
    if (mp2__progress__get_packed_size(&m) > sizeof bytes) return;
    send_message(p, "stream", bytes, mp2__progress__pack(&m, bytes));
}

/* One line for the first, a count for the rest. */
static void count_refused(struct publisher *p, uint64_t n, const char *what)
{
    if (n == 0) return;
    atomic_fetch_add(&p->refused, n);
    if (!p->said_refused++)
        log_warn("stream-refused", "what=\"%s\" address=%s (more are only counted)", what, p->address);
}

static void answer_requests(struct publisher *p)
{
    for (int i = 0; i < REQUESTS_AT_ONCE; i++) {
        enum snapshot_outcome outcome;
        pthread_mutex_lock(&p->lock);
        outcome = snapshot_answer(&p->snapshot, p->sockets.router, p->history, p->epoch, p->sent);
        pthread_mutex_unlock(&p->lock);
        if (outcome == SNAPSHOT_NONE) return;
        if (outcome == SNAPSHOT_ANSWERED) atomic_fetch_add(&p->snapshots, 1);
        if (outcome == SNAPSHOT_REFUSED) {
            p->bad_requests++;
            count_refused(p, 1, "no snapshot request, or too many");
        }
    }
}

/* Where the stream is, for monitors on the same files; and for people. */
static void tell_address(struct publisher *p)
{
    char path[4096 + 16], text[400];
    int n = snprintf(text, sizeof text, "%s\n", p->sockets.address);

    pthread_mutex_lock(&p->lock);
    memcpy(p->address, p->sockets.address, sizeof p->address);
    memcpy(p->snapshot_address, p->sockets.snapshot_address, sizeof p->snapshot_address);
    pthread_mutex_unlock(&p->lock);
    log_info("stream-ready", "address=%s curve=%d", p->address, p->has_keys);
    if (!p->folder[0]) return;
    snprintf(path, sizeof path, "%s/stream", p->folder);
    if (file_replace(path, text, (size_t)n) != ST_OK) log_warn("stream-file", "path=%s: not written", path);
}

/* The port was taken at the start (the last life of this run on its way out): again, once a heartbeat. */
static void bind_again(struct publisher *p)
{
    if (sockets_bind(&p->sockets, &p->at) == ST_OK && p->sockets.bound) tell_address(p);
}

/* Every second, with a batch that leaves shortly before. */
static void beat(struct publisher *p)
{
    p->bad_requests = 0;
    if (!p->sockets.bound) bind_again(p);
    send_heartbeat(p);
}

/* A message after a pause is sent at once, then none for SEND_MS: of steps faster than that, several leave together,
 * and what they cost (a call of the kernel a subscriber) is paid once for all of them. Meanwhile posts do not wake us.
 */
static void publish_until_stop(struct publisher *p)
{
    enum { WAKE, HURRY, ROUTER, MONITOR, MONITOR_TOO, ZAP };
    const double rest = SEND_MS * 1e-3;
    double now = clock_now(), send_at = now, beat_at = now;

    while (!atomic_load(&p->stop)) {
        zmq_pollitem_t items[] = {{NULL, p->wake, ZMQ_POLLIN, 0},
                                  {NULL, p->hurry, ZMQ_POLLIN, 0},
                                  {p->sockets.router, 0, ZMQ_POLLIN, 0},
                                  {p->sockets.monitors[0], 0, ZMQ_POLLIN, 0},
                                  {p->sockets.monitors[1], 0, ZMQ_POLLIN, 0},
                                  {p->sockets.zap, 0, ZMQ_POLLIN, 0}};
        double until = now < send_at && send_at < beat_at ? send_at : beat_at;
        uint64_t refused = 0;
        size_t sent = 0;
        if (now < send_at) items[WAKE].events = 0;
        if (p->bad_requests >= BAD_REQUESTS) items[ROUTER].events = 0;
        if (zmq_poll(items, sizeof items / sizeof *items, until > now ? (long)((until - now) * 1e3) + 1 : 0) < 0 &&
            errno != EINTR) {
            log_error("stream-poll", "why=%s", zmq_strerror(errno));
            return;
        }
        if (items[WAKE].revents || items[HURRY].revents) sent = send_ring(p);
        now = clock_now();
        if (sent) send_at = now + rest;
        if (now >= (sent ? beat_at - rest : beat_at)) {
            beat(p);
            beat_at = now + HEARTBEAT_MS * 1e-3;
        }
        if (items[ROUTER].revents) answer_requests(p);
        if (items[ZAP].revents) sockets_answer_zap(&p->sockets, p->has_keys ? &p->allowed : NULL, &refused);
        count_refused(p, refused, "a key that is not on the list");
        if (items[MONITOR].revents || items[MONITOR_TOO].revents)
            count_refused(p, sockets_failures(&p->sockets), "failed handshake");
    }
}

static status thread_open(struct publisher *p)
{
    status s;

    pthread_setname_np(pthread_self(), "mp2-stream"); /* in top -H */
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICE) != 0) log_debug("stream-nice", "why=%s", strerror(errno));
    TRY(sockets_open(p->has_keys ? &p->pair : NULL, &p->sockets));
    s = sockets_bind(&p->sockets, &p->at);
    if (s != ST_OK) {
        sockets_close(&p->sockets);
        return s;
    }
    if (p->sockets.bound) tell_address(p);
    else log_warn("stream-busy", "address=%s:%d is taken, trying again", p->at.host, p->at.port);
    return ST_OK;
}

static void *thread_main(void *arg)
{
    struct publisher *p = arg;

    p->ready_status = thread_open(p);
    sem_post(&p->ready);
    if (p->ready_status != ST_OK) return NULL;
    publish_until_stop(p);
    send_ring(p);
    send_heartbeat(p);
    snapshot_fini(&p->snapshot);
    sockets_close(&p->sockets);
    return NULL;
}

/* ---- start and end ---------------------------------------------------------------------------------------------- */

static status load_keys(const struct watch_config *c, struct publisher *p)
{
    int key = c->server_key && c->server_key[0], allowed = c->allowed && c->allowed[0];

    if (!p->at.loopback && (!key || !allowed))
        return fault(ST_INPUT,
                     "watch.listen: %s can be reached from other machines: expected watch.server_key and "
                     "watch.allowed (mp2-monitor keygen makes keys)",
                     c->listen);
    if (key != allowed) return fault(ST_INPUT, "watch.server_key and watch.allowed: expected both or neither");
    if (!key) return ST_OK;
    TRY(curve_load(c->server_key, &p->pair));
    TRY(curve_load_list(c->allowed, &p->allowed));
    p->has_keys = 1;
    return ST_OK;
}

static status publisher_init(const struct watch_config *c, const char *name, const char *folder, struct publisher *p)
{
    TRY(address_parse("watch.listen", c->listen, &p->at));
    TRY(load_keys(c, p));
    snprintf(p->name, sizeof p->name, "%s", name);
    if (folder && strlen(folder) >= sizeof p->folder) return fault(ST_INPUT, "%s: path too long", folder);
    snprintf(p->folder, sizeof p->folder, "%s", folder ? folder : "");
    /* Told apart, not compared: milliseconds, and the process for lives that start in the same one. Below 2^53. */
    p->epoch = (uint64_t)(clock_unix() * 1e3) * 1000 + (uint64_t)getpid() % 1000;
    TRY(ring_new(RING_SLOTS, RING_BYTES, &p->ring));
    TRY(history_new(&p->history));
    TRY(mem_alloc(RING_SLOTS, sizeof *p->drained, &p->drained));
    p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->hurry = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return p->wake < 0 || p->hurry < 0 ? fault(ST_SYSTEM, "eventfd: %s", strerror(errno)) : ST_OK;
}

/* Signals are the step loop's business: the thread is started with all of them blocked. */
static status start_thread(struct publisher *p)
{
    sigset_t all, before;
    int why;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    why = pthread_create(&p->thread, NULL, thread_main, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why != 0) return fault(ST_SYSTEM, "thread: %s", strerror(why));
    while (sem_wait(&p->ready) != 0) continue;
    if (p->ready_status == ST_OK) return ST_OK;
    pthread_join(p->thread, NULL);
    return p->ready_status;
}

static void discard(struct publisher *p)
{
    if (p->wake >= 0) close(p->wake);
    if (p->hurry >= 0) close(p->hurry);
    mem_free(p->drained);
    history_destroy(&p->history);
    ring_destroy(&p->ring);
    curve_list_free(&p->allowed);
    sem_destroy(&p->ready);
    pthread_mutex_destroy(&p->lock);
    memset(&p->pair, 0, sizeof p->pair);
    mem_free(p);
}

status publisher_new(const struct watch_config *config, const char *name, const char *folder, struct publisher **out)
{
    struct publisher *p;
    status s;

    *out = NULL;
    TRY(mem_alloc(1, sizeof *p, &p));
    p->wake = p->hurry = -1;
    pthread_mutex_init(&p->lock, NULL);
    sem_init(&p->ready, 0, 0);
    s = publisher_init(config, name, folder, p);
    if (s == ST_OK) s = start_thread(p);
    if (s != ST_OK) {
        discard(p);
        return s;
    }
    *out = p;
    return ST_OK;
}

void publisher_destroy(struct publisher **publisher)
{
    struct publisher *p = *publisher;
    char path[4096 + 16];

    if (!p) return;
    atomic_store(&p->stop, 1);
    signal_thread(p->hurry);
    pthread_join(p->thread, NULL);
    if (p->folder[0] && p->address[0]) {
        snprintf(path, sizeof path, "%s/stream", p->folder);
        unlink(path);
    }
    discard(p);
    *publisher = NULL;
}

void publisher_stats(const struct publisher *p, struct publisher_stats *out)
{
    out->posted = atomic_load(&p->posted);
    out->dropped = atomic_load(&p->dropped);
    out->batches = atomic_load(&p->batches);
    out->snapshots = atomic_load(&p->snapshots);
    out->refused = atomic_load(&p->refused);
}

static const char *locked(struct publisher *p, const char *text)
{
    pthread_mutex_lock(&p->lock);
    pthread_mutex_unlock(&p->lock);
    return text;
}

const char *publisher_address(struct publisher *p)
{
    return locked(p, p->address);
}

const char *publisher_snapshot_address(struct publisher *p)
{
    return locked(p, p->snapshot_address);
}

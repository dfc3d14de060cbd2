/* A Snapshot is written piece by piece in protobuf's wire form: its messages are already packed, and unpacking
 * thousands of them to pack them again would be the most expensive thing the publisher does. */
#include "cluster/watch/snapshot.h"

#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum {
    BURST = 200,
    PER_SECOND = 50, /* answers */
    PARTS = 3        /* peer, (empty, from a REQ socket,) request */
};

static size_t varint(unsigned char *out, uint64_t v)
{
    size_t n = 0;

    for (; v > 127; v >>= 7) out[n++] = (unsigned char)(v | 128);
    out[n++] = (unsigned char)v;
    return n;
}

static size_t varint_size(uint64_t v)
{
    unsigned char scratch[10];

    return varint(scratch, v);
}

status snapshot_pack(const struct history_entry *entries, size_t count, uint64_t epoch, uint64_t sequence, int complete,
                     zmq_msg_t *out)
{
    enum { MESSAGES_TAG = 5 << 3 | 2 };
    Mp2__Snapshot head = MP2__SNAPSHOT__INIT;
    size_t size;
    unsigned char *p;

    head.version = 1;
    head.epoch = epoch;
    head.sequence = sequence;
    head.complete = complete;
    size = mp2__snapshot__get_packed_size(&head);
    for (size_t i = 0; i < count; i++) size += 1 + varint_size(entries[i].size) + entries[i].size;
    if (zmq_msg_init_size(out, size) != 0) return fault(ST_MEMORY, "out of memory: a snapshot of %zu bytes", size);
    p = zmq_msg_data(out);
    p += mp2__snapshot__pack(&head, p);
    for (size_t i = 0; i < count; i++) {
        *p++ = MESSAGES_TAG;
        p += varint(p, entries[i].size);
        memcpy(p, entries[i].bytes, entries[i].size);
        p += entries[i].size;
    }
    return ST_OK;
}

int snapshot_parse(const void *bytes, size_t size, uint64_t *epoch, uint64_t *sequence)
{
    Mp2__SnapshotRequest *r = size ? mp2__snapshot_request__unpack(NULL, size, bytes) : NULL;
    int ok = r && r->version >= 1;

    if (ok) {
        *epoch = r->epoch;
        *sequence = r->sequence;
    }
    if (r) mp2__snapshot_request__free_unpacked(r, NULL);
    return ok;
}

/* The whole picture, of now or of less than a second ago, as one more reference to the shared bytes. */
static status whole_picture(struct snapshot *s, const struct history *h, uint64_t epoch, uint64_t sent, zmq_msg_t *out)
{
    struct history_entry *entries;
    double now = clock_now();
    size_t count;
    status st;

    if (!s->has_whole || (s->order != history_order(h) && now - s->built > 1)) {
        if (s->has_whole) zmq_msg_close(&s->whole);
        s->has_whole = 0;
        TRY(history_list(h, 0, &entries, &count));
        st = snapshot_pack(entries, count, epoch, sent, 1, &s->whole);
        mem_free(entries);
        TRY(st);
        s->has_whole = 1;
        s->order = history_order(h);
        s->built = now;
    }
    zmq_msg_init(out);
    return zmq_msg_copy(out, &s->whole) == 0 ? ST_OK : ST_SYSTEM;
}

static status make_answer(struct snapshot *s, const struct history *h, uint64_t epoch, uint64_t sent,
                          uint64_t has_epoch, uint64_t has, zmq_msg_t *out)
{
    struct history_entry *entries;
    size_t count;
    status st = ST_OK;
    int known = 0;

    if (has_epoch == epoch && has > 0) {
        TRY(history_since(h, epoch, has, &entries, &count, &known));
        if (known) st = snapshot_pack(entries, count, epoch, sent, 0, out);
        mem_free(entries);
        if (known) return st;
    }
    return whole_picture(s, h, epoch, sent, out);
}

/* A bucket of answers that fills with time. */
static int within_rate(struct snapshot *s)
{
    double now = clock_now();

    s->tokens += s->filled > 0 ? (now - s->filled) * PER_SECOND : BURST;
    if (s->tokens > BURST) s->tokens = BURST;
    s->filled = now;
    if (s->tokens < 1) return 0;
    s->tokens -= 1;
    return 1;
}

static void send_answer(void *router, zmq_msg_t *parts, int n, zmq_msg_t *answer)
{
    for (int i = 0; i < n - 1; i++)
        if (zmq_msg_send(&parts[i], router, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(answer);
            return;
        }
    if (zmq_msg_send(answer, router, ZMQ_DONTWAIT) < 0) zmq_msg_close(answer);
}

enum snapshot_outcome snapshot_answer(struct snapshot *s, void *router, const struct history *h, uint64_t epoch,
                                      uint64_t sent)
{
    enum snapshot_outcome outcome = SNAPSHOT_REFUSED;
    zmq_msg_t parts[PARTS], extra, answer;
    uint64_t has_epoch, has;
    int n = 0, more = 1;

    for (; more; n++) {
        zmq_msg_t *m = n < PARTS ? &parts[n] : &extra;
        zmq_msg_init(m);
        if (zmq_msg_recv(m, router, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            break;
        }
        more = zmq_msg_more(m);
        if (m == &extra) zmq_msg_close(m);
    }
    if (n == 0) return SNAPSHOT_NONE;
    if ((n == 2 || (n == 3 && zmq_msg_size(&parts[1]) == 0)) &&
        snapshot_parse(zmq_msg_data(&parts[n - 1]), zmq_msg_size(&parts[n - 1]), &has_epoch, &has) && within_rate(s) &&
        make_answer(s, h, epoch, sent, has_epoch, has, &answer) == ST_OK) {
        send_answer(router, parts, n, &answer);
        outcome = SNAPSHOT_ANSWERED;
    }
    for (int i = 0; i < n && i < PARTS; i++) zmq_msg_close(&parts[i]);
    return outcome;
}

void snapshot_fini(struct snapshot *s)
{
    if (s->has_whole) zmq_msg_close(&s->whole);
    memset(s, 0, sizeof *s);
}

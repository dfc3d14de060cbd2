/* State: the epoch and the last sequence number without a gap before it; what came after a gap is held (bounded) until
 * the snapshot that closes it. What does not fit is dropped: the snapshot has it. */
#include "cluster/watch/repair.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { HELD_MOST = 4096, HELD_BYTES = 8 << 20, SNAPSHOT_MESSAGES = 1 << 20, VERSION = 1 };

struct held {
    uint64_t epoch, sequence;
    size_t size;
    unsigned char *bytes;
};

struct repair {
    struct repair_sink sink;
    int have, wanted, said_version;
    uint64_t epoch, last;
    int has_goal; /* a heartbeat of goal_epoch was heard; goal: what its publisher had posted by then */
    uint64_t goal_epoch, goal;
    struct held *held; /* in order of arrival */
    size_t held_count, held_room, held_bytes;
    struct repair_stats stats;
};

status repair_new(const struct repair_sink *sink, struct repair **out)
{
    TRY(mem_alloc(1, sizeof **out, out));
    (*out)->sink = *sink;
    (*out)->wanted = 1;
    return ST_OK;
}

static void forget_held(struct repair *r, size_t first_kept)
{
    for (size_t i = 0; i < first_kept; i++) {
        r->held_bytes -= r->held[i].size;
        mem_free(r->held[i].bytes);
    }
    if (first_kept) memmove(r->held, r->held + first_kept, (r->held_count - first_kept) * sizeof *r->held);
    r->held_count -= first_kept;
}

void repair_destroy(struct repair **repair)
{
    struct repair *r = *repair;

    if (!r) return;
    forget_held(r, r->held_count);
    mem_free(r->held);
    mem_free(r);
    *repair = NULL;
}

static status hold(struct repair *r, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct held h = {m->epoch, m->sequence, size, NULL};

    if (!r->wanted) r->stats.gaps++;
    r->wanted = 1;
    if (r->held_count >= HELD_MOST || r->held_bytes + size > HELD_BYTES) forget_held(r, r->held_count);
    TRY(mem_alloc(size, 1, &h.bytes));
    memcpy(h.bytes, bytes, size);
    if (mem_grow(&r->held, &r->held_room, r->held_count + 1, sizeof *r->held) != ST_OK) {
        mem_free(h.bytes);
        return ST_MEMORY;
    }
    r->held[r->held_count++] = h;
    r->held_bytes += size;
    return ST_OK;
}

static void deliver(struct repair *r, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    r->stats.delivered += m->body_case != MP2__PROGRESS__BODY_STREAM;
    r->sink.message(r->sink.arg, m, bytes, size);
}

/* A heartbeat repeats the last number sent: one that we lack is a gap that nothing after it would show. The first one
 * of an epoch sets the goal of repair_complete: a later one would move it for as long as the run goes on. */
static void take_heartbeat(struct repair *r, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    if (!r->has_goal || m->epoch != r->goal_epoch) {
        r->has_goal = 1;
        r->goal_epoch = m->epoch;
        r->goal = m->stream->posted;
    }
    if (!r->have || m->epoch != r->epoch || m->sequence > r->last) {
        if (!r->wanted) r->stats.gaps++;
        r->wanted = 1;
    }
    deliver(r, m, bytes, size);
}

static status take_message(struct repair *r, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    if (m->body_case == MP2__PROGRESS__BODY_STREAM) {
        take_heartbeat(r, m, bytes, size);
        return ST_OK;
    }
    if (m->body_case == MP2__PROGRESS__BODY__NOT_SET) return ST_OK; /* a topic that we do not know */
    if (!r->have || m->epoch != r->epoch || m->sequence > r->last + 1) return hold(r, m, bytes, size);
    if (m->sequence <= r->last) return ST_OK;
    r->last = m->sequence;
    deliver(r, m, bytes, size);
    return ST_OK;
}

/* Whether we can read this version; says once when not. */
static int version_known(struct repair *r, uint32_t version)
{
    if (version <= VERSION) return 1;
    r->stats.garbage++;
    if (!r->said_version++)
        log_warn("stream-version", "found=%u known=%d: messages of a newer program are skipped", version, VERSION);
    return 0;
}

status repair_take(struct repair *r, const unsigned char *bytes, size_t size)
{
    Mp2__Progress *m = mp2__progress__unpack(NULL, size, bytes);
    status s = ST_OK;

    if (!m) {
        r->stats.garbage++;
        return ST_OK;
    }
    if (version_known(r, m->version)) s = take_message(r, m, bytes, size);
    mp2__progress__free_unpacked(m, NULL);
    return s;
}

/* Hand on what was held and follows now; what is of another epoch or old goes, what comes after a gap stays. */
static status take_held(struct repair *r)
{
    struct held *held = r->held;
    size_t n = r->held_count;
    status s = ST_OK;

    r->held = NULL;
    r->held_count = r->held_room = r->held_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (s == ST_OK && held[i].epoch == r->epoch) s = repair_take(r, held[i].bytes, held[i].size);
        mem_free(held[i].bytes);
    }
    mem_free(held);
    return s;
}

static status deliver_all(struct repair *r, const Mp2__Snapshot *s, uint64_t after)
{
    unsigned char *bytes = NULL;
    status st = ST_OK;
    size_t room = 0;

    for (size_t i = 0; st == ST_OK && i < s->n_messages; i++) {
        const Mp2__Progress *m = s->messages[i];
        size_t size = mp2__progress__get_packed_size(m);
        if (m->body_case == MP2__PROGRESS__BODY__NOT_SET || (!s->complete && m->sequence <= after)) continue;
        st = mem_grow(&bytes, &room, size, 1);
        if (st != ST_OK) continue;
        mp2__progress__pack(m, bytes);
        deliver(r, m, bytes, size);
    }
    mem_free(bytes);
    return st;
}

static status take_snapshot(struct repair *r, const Mp2__Snapshot *s)
{
    uint64_t after = r->last;
    int ours = r->have && s->epoch == r->epoch;

    if (!s->complete && !ours) return ST_OK;         /* an addition to something else */
    if (ours && s->sequence < r->last) return ST_OK; /* older than what we have: ask again */
    if (s->complete) {
        r->stats.pictures++;
        r->sink.reset(r->sink.arg);
    }
    r->have = 1;
    r->epoch = s->epoch;
    r->last = s->sequence;
    r->wanted = 0;
    TRY(deliver_all(r, s, after));
    return take_held(r);
}

status repair_snapshot(struct repair *r, const unsigned char *bytes, size_t size)
{
    Mp2__Snapshot *s = mp2__snapshot__unpack(NULL, size, bytes);
    status st = ST_OK;

    if (!s) {
        r->stats.garbage++;
        return ST_OK;
    }
    if (s->n_messages > SNAPSHOT_MESSAGES) r->stats.garbage++;
    else if (version_known(r, s->version)) st = take_snapshot(r, s);
    mp2__snapshot__free_unpacked(s, NULL);
    return st;
}

int repair_wants(const struct repair *r, unsigned char request[64], size_t *size)
{
    Mp2__SnapshotRequest m = MP2__SNAPSHOT_REQUEST__INIT;

    if (!r->wanted) return 0;
    m.version = VERSION;
    m.epoch = r->have ? r->epoch : 0;
    m.sequence = r->have ? r->last : 0;
    *size = mp2__snapshot_request__pack(&m, request);
    return 1;
}

int repair_complete(const struct repair *r)
{
    return r->have && !r->wanted && r->has_goal && r->goal_epoch == r->epoch && r->last >= r->goal;
}

void repair_stats(const struct repair *r, struct repair_stats *out)
{
    *out = r->stats;
}

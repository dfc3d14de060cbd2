/* Lossy links, restarts, repetitions and garbage: the follower's picture must become the publisher's. The publisher
 * here is a history and the real packing of snapshots; the link is a seeded dice. */
#include "tests/support/support.h"

#include <string.h>
#include <zmq.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/base/random.h"
#include "cluster/watch/history.h"
#include "cluster/watch/repair.h"
#include "cluster/watch/snapshot.h"

struct server {
    struct history *history;
    uint64_t epoch, sequence;
    double clock;
};

struct client {
    struct history *history;
    struct repair *repair;
    uint64_t last, resets;
    int out_of_order;
};

static void on_reset(void *arg)
{
    struct client *c = arg;

    history_clear(c->history);
    c->resets++;
    c->last = 0;
}

static void on_message(void *arg, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct client *c = arg;

    if (m->body_case == MP2__PROGRESS__BODY_STREAM) return;
    if (m->sequence && m->sequence <= c->last) c->out_of_order = 1;
    c->last = m->sequence;
    assert_int_equal(history_add(c->history, m, bytes, size), ST_OK);
}

static void client_init(struct client *c)
{
    const struct repair_sink sink = {c, on_reset, on_message};

    memset(c, 0, sizeof *c);
    assert_int_equal(history_new(&c->history), ST_OK);
    assert_int_equal(repair_new(&sink, &c->repair), ST_OK);
}

static void client_fini(struct client *c)
{
    repair_destroy(&c->repair);
    history_destroy(&c->history);
}

/* The next message of a server: a step, or now and then an event; its packed form in out. */
static size_t say(struct server *s, unsigned char *out)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Step step = MP2__STEP__INIT;
    Mp2__Event event = MP2__EVENT__INIT;
    size_t n;

    m.version = 1;
    m.epoch = s->epoch;
    m.sequence = ++s->sequence;
    m.time = s->clock;
    if (s->sequence % 10) {
        m.body_case = MP2__PROGRESS__BODY_STEP;
        m.step = &step;
        step.step = s->sequence;
    } else {
        m.body_case = MP2__PROGRESS__BODY_EVENT;
        m.event = &event;
        event.step = s->sequence;
    }
    n = mp2__progress__pack(&m, out);
    assert_int_equal(history_add(s->history, &m, out, n), ST_OK);
    return n;
}

static void heartbeat(struct server *s, struct client *c)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Stream stream = MP2__STREAM__INIT;
    unsigned char bytes[128];

    m.version = 1;
    m.epoch = s->epoch;
    m.sequence = s->sequence;
    m.body_case = MP2__PROGRESS__BODY_STREAM;
    m.stream = &stream;
    stream.posted = s->sequence;
    assert_int_equal(repair_take(c->repair, bytes, mp2__progress__pack(&m, bytes)), ST_OK);
}

/* Answer the client's request, if it has one, as snapshot.c would. */
static void answer(struct server *s, struct client *c)
{
    struct history_entry *entries;
    unsigned char request[64];
    uint64_t epoch, sequence;
    size_t n, count;
    int known = 0;
    zmq_msg_t m;

    if (!repair_wants(c->repair, request, &n)) return;
    assert_true(snapshot_parse(request, n, &epoch, &sequence));
    assert_int_equal(history_since(s->history, epoch, sequence, &entries, &count, &known), ST_OK);
    if (!known || sequence == 0) {
        mem_free(entries);
        known = 0;
        assert_int_equal(history_list(s->history, 0, &entries, &count), ST_OK);
    }
    assert_int_equal(snapshot_pack(entries, count, s->epoch, s->sequence, !known, &m), ST_OK);
    assert_int_equal(repair_snapshot(c->repair, zmq_msg_data(&m), zmq_msg_size(&m)), ST_OK);
    zmq_msg_close(&m);
    mem_free(entries);
}

/* Both pictures hold the same latest step and the same events. */
static void assert_same(const struct server *s, const struct client *c)
{
    struct history_entry *a, *b;
    size_t n, m, events_a = 0, events_b = 0;
    uint64_t last_a = 0, last_b = 0;

    assert_int_equal(history_list(s->history, 0, &a, &n), ST_OK);
    assert_int_equal(history_list(c->history, 0, &b, &m), ST_OK);
    for (size_t i = 0; i < n; i++) {
        events_a += a[i].topic == MP2__PROGRESS__BODY_EVENT;
        if (a[i].topic == MP2__PROGRESS__BODY_STEP) last_a = a[i].sequence;
    }
    for (size_t i = 0; i < m; i++) {
        events_b += b[i].topic == MP2__PROGRESS__BODY_EVENT;
        if (b[i].topic == MP2__PROGRESS__BODY_STEP) last_b = b[i].sequence;
    }
    assert_int_equal(events_a, events_b);
    assert_int_equal(last_a, last_b);
    mem_free(a);
    mem_free(b);
}

/* So many messages over a link that loses, repeats and corrupts; answers come late. */
static void lossy(struct server *s, struct client *c, int messages, struct random_key key)
{
    unsigned char bytes[256];

    for (int i = 0; i < messages; i++) {
        size_t n = say(s, bytes);
        double dice = random_uniform(key, (uint64_t)i);
        if (dice < 0.2) continue;
        assert_int_equal(repair_take(c->repair, bytes, n), ST_OK);
        if (dice < 0.3) assert_int_equal(repair_take(c->repair, bytes, n), ST_OK);
        if (dice > 0.95) {
            bytes[n / 2] ^= 0x80;
            assert_int_equal(repair_take(c->repair, bytes, n / 2), ST_OK);
        }
        if (i % 7 == 0) answer(s, c);
        if (i % 50 == 0) heartbeat(s, c);
    }
}

static void server_init(struct server *s, uint64_t epoch)
{
    memset(s, 0, sizeof *s);
    s->epoch = epoch;
    s->clock = 1e9;
    assert_int_equal(history_new(&s->history), ST_OK);
}

static void loss_is_repaired(void **state)
{
    struct server s;
    struct client c;
    struct repair_stats stats;
    (void)state;

    server_init(&s, 5);
    client_init(&c);
    lossy(&s, &c, 3000, random_seed(1, RANDOM_DEMO));
    heartbeat(&s, &c);
    answer(&s, &c);
    assert_same(&s, &c);
    assert_false(c.out_of_order);
    assert_int_equal(c.last, s.sequence);
    repair_stats(c.repair, &stats);
    assert_true(stats.gaps > 100);
    assert_int_equal(stats.pictures, 1); /* all but the first were additions */
    client_fini(&c);
    history_destroy(&s.history);
}

static void last_message_lost_is_noticed(void **state)
{
    struct server s;
    struct client c;
    unsigned char bytes[256], request[64];
    size_t n;
    (void)state;

    server_init(&s, 5);
    client_init(&c);
    answer(&s, &c);
    say(&s, bytes); /* never arrives, and nothing follows */
    assert_false(repair_wants(c.repair, request, &n));
    heartbeat(&s, &c);
    assert_true(repair_wants(c.repair, request, &n));
    answer(&s, &c);
    assert_same(&s, &c);
    client_fini(&c);
    history_destroy(&s.history);
}

/* A picture may be older than what the publisher has posted: complete once its first heartbeat's count is reached. */
static void old_picture_is_not_complete(void **state)
{
    struct server s;
    struct client c;
    unsigned char bytes[256];
    size_t size;
    zmq_msg_t picture;
    struct history_entry *entries;
    size_t count;
    (void)state;

    server_init(&s, 5);
    client_init(&c);
    say(&s, bytes);
    assert_int_equal(history_list(s.history, 0, &entries, &count), ST_OK);
    assert_int_equal(snapshot_pack(entries, count, s.epoch, s.sequence, 1, &picture), ST_OK);
    mem_free(entries);
    size = say(&s, bytes);
    assert_int_equal(repair_snapshot(c.repair, zmq_msg_data(&picture), zmq_msg_size(&picture)), ST_OK);
    zmq_msg_close(&picture);
    assert_false(repair_complete(c.repair)); /* what was posted is not known yet */
    heartbeat(&s, &c);
    assert_false(repair_complete(c.repair));
    assert_int_equal(repair_take(c.repair, bytes, size), ST_OK);
    answer(&s, &c);
    assert_true(repair_complete(c.repair));
    /* The run goes on, and what was to be read has been read. */
    size = say(&s, bytes);
    assert_int_equal(repair_take(c.repair, bytes, size), ST_OK);
    heartbeat(&s, &c);
    assert_true(repair_complete(c.repair));
    client_fini(&c);
    history_destroy(&s.history);
}

static void restart_and_clock_jump(void **state)
{
    struct server first, second;
    struct client c, late;
    (void)state;

    server_init(&first, 900);
    client_init(&c);
    lossy(&first, &c, 500, random_seed(2, RANDOM_DEMO));
    /* The new life has a smaller epoch and a clock years back: only "another" counts. */
    server_init(&second, 17);
    second.clock = 5e8;
    lossy(&second, &c, 300, random_seed(3, RANDOM_DEMO));
    heartbeat(&second, &c);
    answer(&second, &c);
    assert_same(&second, &c);
    assert_int_equal(c.resets, 2);
    /* A monitor that starts now (or again) sees the same. */
    client_init(&late);
    heartbeat(&second, &late);
    answer(&second, &late);
    assert_same(&second, &late);
    client_fini(&late);
    client_fini(&c);
    history_destroy(&first.history);
    history_destroy(&second.history);
}

static void newer_versions_are_skipped(void **state)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Step step = MP2__STEP__INIT;
    struct client c;
    struct repair_stats stats;
    unsigned char bytes[128];
    (void)state;

    client_init(&c);
    m.version = 2;
    m.body_case = MP2__PROGRESS__BODY_STEP;
    m.step = &step;
    assert_int_equal(repair_take(c.repair, bytes, mp2__progress__pack(&m, bytes)), ST_OK);
    repair_stats(c.repair, &stats);
    assert_int_equal(stats.garbage, 1);
    client_fini(&c);
}

static void memory_is_bounded(void **state)
{
    struct server s;
    struct client c;
    unsigned char bytes[256];
    (void)state;

    server_init(&s, 5);
    client_init(&c);
    answer(&s, &c);
    say(&s, bytes);
    /* Nobody answers any more: 100,000 messages behind a gap. */
    for (int i = 0; i < 100000; i++) {
        size_t n = say(&s, bytes);
        assert_int_equal(repair_take(c.repair, bytes, n), ST_OK);
    }
    assert_true(history_bytes(s.history) < 4 << 20);
    answer(&s, &c);
    assert_same(&s, &c);
    client_fini(&c);
    history_destroy(&s.history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_is_repaired),
        cmocka_unit_test(last_message_lost_is_noticed),
        cmocka_unit_test(old_picture_is_not_complete),
        cmocka_unit_test(old_picture_is_not_complete),
        cmocka_unit_test(restart_and_clock_jump),
        cmocka_unit_test(newer_versions_are_skipped),
        cmocka_unit_test(memory_is_bounded),
    };
    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

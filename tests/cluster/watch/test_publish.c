/* Publisher and followers over real sockets: pictures converge, keys are asked for, crowds of broken subscribers cost
 * neither the poster's time nor unbounded memory, restarts are noticed. */
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "cluster/base/clock.h"
#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/watch/curve.h"
#include "cluster/watch/follow.h"
#include "cluster/watch/publish.h"

static char folder[512];
static const struct watch_config anywhere = {"127.0.0.1:0", "", ""};

static int setup(void **state)
{
    (void)state;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

struct heard {
    uint64_t steps, last_step, resets;
};

static void on_reset(void *arg)
{
    struct heard *h = arg;

    h->resets++;
    h->steps = 0;
}

static void on_message(void *arg, const Mp2__Progress *m, const unsigned char *bytes, size_t size)
{
    struct heard *h = arg;
    (void)bytes;
    (void)size;

    if (m->body_case != MP2__PROGRESS__BODY_STEP) return;
    h->steps++;
    h->last_step = m->step->step;
}

static struct follow *follow_new(struct publisher *p, struct heard *heard, const struct follow_keys *keys)
{
    const struct repair_sink sink = {heard, on_reset, on_message};
    struct address at;
    struct follow *f;

    memset(heard, 0, sizeof *heard);
    assert_int_equal(address_parse("test", publisher_address(p), &at), ST_OK);
    assert_int_equal(follow_open(&at, keys, &sink, &f), ST_OK);
    return f;
}

static void post_step(struct publisher *p, uint64_t step)
{
    Mp2__Progress m = MP2__PROGRESS__INIT;
    Mp2__Step s = MP2__STEP__INIT;

    s.step = step;
    s.loss = 1;
    m.body_case = MP2__PROGRESS__BODY_STEP;
    m.step = &s;
    publisher_post(p, &m);
}

/* Until the follower has heard of a step; 0 when it does not within so many milliseconds. */
static int wait_for(struct follow *f, const struct heard *h, uint64_t step, int milliseconds)
{
    for (int i = 0; i < milliseconds / 20 && h->last_step != step; i++) assert_int_equal(follow_wait(f, 20), ST_OK);
    return h->last_step == step;
}

static void late_joiner_sees_all(void **state)
{
    struct publisher *p;
    struct heard a, b;
    struct follow *early, *late;
    char path[600];
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", folder, &p), ST_OK);
    snprintf(path, sizeof path, "%s/stream", folder);
    assert_true(file_exists(path));
    early = follow_new(p, &a, NULL);
    for (uint64_t i = 1; i <= 500; i++) {
        post_step(p, i);
        if (i % 50 == 0) assert_int_equal(follow_wait(early, 5), ST_OK);
    }
    assert_true(wait_for(early, &a, 500, 10000));
    late = follow_new(p, &b, NULL);
    assert_true(wait_for(late, &b, 500, 10000));
    assert_int_equal(b.steps, 500);
    post_step(p, 501);
    assert_true(wait_for(late, &b, 501, 10000));
    assert_true(wait_for(early, &a, 501, 10000));
    assert_int_equal(b.steps, 501);
    follow_close(&early);
    follow_close(&late);
    publisher_destroy(&p);
    assert_null(p);
    assert_false(file_exists(path));
}

static void restart_is_a_new_picture(void **state)
{
    struct watch_config same = anywhere;
    struct publisher *p;
    struct heard h;
    struct follow *f;
    char listen[64];
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &p), ST_OK);
    snprintf(listen, sizeof listen, "%s", publisher_address(p));
    f = follow_new(p, &h, NULL);
    for (uint64_t i = 1; i <= 20; i++) post_step(p, i);
    assert_true(wait_for(f, &h, 20, 10000));
    publisher_destroy(&p);
    /* The coordinator comes back at the same address, from step 11 on. */
    same.listen = listen;
    assert_int_equal(publisher_new(&same, "run", NULL, &p), ST_OK);
    for (uint64_t i = 11; i <= 15; i++) post_step(p, i);
    assert_true(wait_for(f, &h, 15, 15000));
    assert_int_equal(h.steps, 5);
    assert_true(h.resets >= 2);
    follow_close(&f);
    publisher_destroy(&p);
}

static void taken_port_is_waited_for(void **state)
{
    struct watch_config same = anywhere;
    struct publisher *first, *second;
    struct heard h;
    struct follow *f;
    char listen[64];
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &first), ST_OK);
    snprintf(listen, sizeof listen, "%s", publisher_address(first));
    same.listen = listen;
    assert_int_equal(publisher_new(&same, "run", NULL, &second), ST_OK); /* training goes on without a stream */
    assert_string_equal(publisher_address(second), "");
    post_step(second, 7);
    f = follow_new(first, &h, NULL);
    publisher_destroy(&first);
    assert_true(wait_for(f, &h, 7, 15000));
    follow_close(&f);
    publisher_destroy(&second);
}

/* ---- batches ---- */

static const double REST = 0.2; /* from one batch to the next */

static void wait_ms(int milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}

static uint64_t batches_of(struct publisher *p)
{
    struct publisher_stats stats;

    publisher_stats(p, &stats);
    return stats.batches;
}

static void wait_for_batch(struct publisher *p, uint64_t before)
{
    for (int i = 0; i < 30000 && batches_of(p) == before; i++) wait_ms(1);
    assert_true(batches_of(p) > before);
}

/* How often the publisher's thread went to sleep so far. */
static long sleeps_of_thread(void)
{
    DIR *tasks = opendir("/proc/self/task");
    char path[600], line[200];
    long sleeps = -1;

    assert_non_null(tasks);
    for (struct dirent *d; sleeps < 0 && (d = readdir(tasks));) {
        int ours = 0;
        FILE *f;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", d->d_name);
        if (d->d_name[0] == '.' || !(f = fopen(path, "r"))) continue;
        while (fgets(line, sizeof line, f)) {
            ours |= strcmp(line, "Name:\tmp2-stream\n") == 0;
            if (ours) sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps);
        }
        fclose(f);
    }
    closedir(tasks);
    assert_true(sleeps >= 0);
    return sleeps;
}

/* Steps of two milliseconds: few batches, and the thread sleeps through the rest. The bounds grow with the time that it
 * took, so a slow machine meets them, too. */
static void quick_steps_leave_together(void **state)
{
    enum { STEPS = 400, PACE = 32 };
    struct publisher *p;
    double began, took;
    long sleeps;
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &p), ST_OK);
    began = clock_now();
    sleeps = sleeps_of_thread();
    for (uint64_t i = 1; i <= STEPS; i++) {
        post_step(p, i);
        wait_ms(2);
    }
    sleeps = sleeps_of_thread() - sleeps;
    took = clock_now() - began;
    assert_in_range(batches_of(p), 1, (uint64_t)(took / REST) + 1);
    assert_in_range(sleeps, 1, 2 * batches_of(p) + STEPS / PACE + (uint64_t)took + 5);
    publisher_destroy(&p);
}

/* The least time in which so many messages set off, after a rest or right after a batch; any that is less than the
 * rest between batches will do. */
static double quickest_batch(struct publisher *p, int rested, uint64_t messages)
{
    double least = 1e9;

    for (int try = 0; try < 50 && least >= REST / 2; try++) {
        uint64_t before = batches_of(p);
        double began;
        post_step(p, 1);
        wait_for_batch(p, before);
        if (rested) wait_ms((int)(REST * 1500));
        before = batches_of(p);
        began = clock_now();
        for (uint64_t i = 0; i < messages; i++) post_step(p, 2 + i);
        wait_for_batch(p, before);
        if (clock_now() - began < least) least = clock_now() - began;
    }
    return least;
}

static void after_a_pause_it_leaves_at_once(void **state)
{
    struct publisher *p;
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &p), ST_OK);
    assert_true(quickest_batch(p, 1, 1) < REST / 2);
    publisher_destroy(&p);
}

/* A ring that fills is not left alone until the rest is over: what comes next would push out the oldest. */
static void full_ring_hurries(void **state)
{
    struct publisher *p;
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &p), ST_OK);
    assert_true(quickest_batch(p, 0, 1000) < REST / 2);
    publisher_destroy(&p);
}

/* The second frame of a step's message: its number; 0 when nothing comes. */
static uint64_t receive_step(void *subscriber)
{
    unsigned char bytes[1000];
    Mp2__Progress *m;
    uint64_t step;
    int n;

    if (zmq_recv(subscriber, bytes, sizeof bytes, 0) < 0) return 0;
    n = zmq_recv(subscriber, bytes, sizeof bytes, 0);
    assert_in_range(n, 1, sizeof bytes);
    m = mp2__progress__unpack(NULL, (size_t)n, bytes);
    assert_non_null(m);
    assert_int_equal(m->body_case, MP2__PROGRESS__BODY_STEP);
    step = m->step->step;
    mp2__progress__free_unpacked(m, NULL);
    return step;
}

/* What waits for the next batch when the run ends leaves nevertheless. */
static void the_end_sends_what_waits(void **state)
{
    enum { STEPS = 60, JOINED = 1000 }; /* fewer than a subscriber's queue takes: nothing may be lost */
    void *context = zmq_ctx_new(), *subscriber = zmq_socket(context, ZMQ_SUB);
    int wait = 100, long_wait = 20000;
    struct publisher *p;
    uint64_t heard = 0;
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &p), ST_OK);
    assert_int_equal(zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, "step", 4), 0);
    assert_int_equal(zmq_setsockopt(subscriber, ZMQ_RCVTIMEO, &wait, sizeof wait), 0);
    assert_int_equal(zmq_connect(subscriber, publisher_address(p)), 0);
    for (int i = 0; i < 200 && heard == 0; i++) {
        post_step(p, JOINED);
        heard = receive_step(subscriber);
    }
    assert_int_equal(heard, JOINED);
    for (uint64_t i = 1; i <= STEPS; i++) post_step(p, i);
    publisher_destroy(&p);
    assert_int_equal(zmq_setsockopt(subscriber, ZMQ_RCVTIMEO, &long_wait, sizeof long_wait), 0);
    while (heard == JOINED) heard = receive_step(subscriber);
    for (uint64_t i = 1; i <= STEPS; i++) {
        assert_int_equal(heard, i);
        if (i < STEPS) heard = receive_step(subscriber);
    }
    zmq_close(subscriber);
    zmq_ctx_destroy(context);
}

/* ---- keys ---- */

static void make_keys(const char *name, char *secret, char *public)
{
    char base[600];

    snprintf(base, sizeof base, "%s/%s", folder, name);
    assert_int_equal(curve_generate(base), ST_OK);
    sprintf(secret, "%s.key", base);
    sprintf(public, "%s.pub", base);
}

static void load_client(const char *secret, const char *server, struct follow_keys *out)
{
    assert_int_equal(curve_load(secret, &out->own), ST_OK);
    assert_int_equal(curve_load_public(server, out->server), ST_OK);
}

static void wrong_keys_see_nothing(void **state)
{
    char server[620], server_pub[620], friend[620], friend_pub[620], stranger[620], stranger_pub[620];
    struct watch_config guarded = {"0.0.0.0:0", server, friend_pub};
    struct follow_keys good, unlisted, mistaken;
    struct heard a, b, c, d;
    struct follow *f, *g, *h, *k;
    struct publisher_stats stats;
    struct publisher *p;
    (void)state;

    make_keys("server", server, server_pub);
    make_keys("friend", friend, friend_pub);
    make_keys("stranger", stranger, stranger_pub);
    assert_int_equal(publisher_new(&guarded, "run", NULL, &p), ST_OK);
    load_client(friend, server_pub, &good);
    load_client(stranger, server_pub, &unlisted);
    load_client(friend, stranger_pub, &mistaken); /* another server's key */
    f = follow_new(p, &a, &good);
    g = follow_new(p, &b, &unlisted);
    h = follow_new(p, &c, &mistaken);
    k = follow_new(p, &d, NULL);
    post_step(p, 3);
    assert_true(wait_for(f, &a, 3, 10000));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(follow_wait(g, 50), ST_OK);
        assert_int_equal(follow_wait(h, 50), ST_OK);
        assert_int_equal(follow_wait(k, 50), ST_OK);
    }
    assert_int_equal(b.last_step + c.last_step + d.last_step, 0);
    assert_int_equal(follow_state(g), FOLLOW_CONNECTING);
    assert_int_equal(follow_state(h), FOLLOW_CONNECTING);
    assert_int_equal(follow_state(k), FOLLOW_CONNECTING);
    publisher_stats(p, &stats);
    assert_true(stats.refused > 0);
    follow_close(&f);
    follow_close(&g);
    follow_close(&h);
    follow_close(&k);
    publisher_destroy(&p);
}

static void keys_are_asked_for(void **state)
{
    char server[620], server_pub[620];
    struct watch_config config = {"0.0.0.0:0", "", ""};
    struct publisher *p;
    (void)state;

    assert_int_equal(publisher_new(&config, "run", NULL, &p), ST_INPUT); /* open to the world without keys */
    make_keys("other", server, server_pub);
    config.server_key = server;
    assert_int_equal(publisher_new(&config, "run", NULL, &p), ST_INPUT); /* no list */
    config.allowed = server_pub;
    assert_int_equal(publisher_new(&config, "run", NULL, &p), ST_OK);
    publisher_destroy(&p);
    assert_int_equal(chmod(server, 0640), 0);
    assert_int_equal(publisher_new(&config, "run", NULL, &p), ST_INPUT); /* the group could have read it */
    assert_int_equal(chmod(server, 0604), 0);
    assert_int_equal(publisher_new(&config, "run", NULL, &p), ST_INPUT);
    assert_int_equal(chmod(server, 0600), 0);
    config.allowed = server; /* no list of keys */
    assert_int_equal(publisher_new(&config, "run", NULL, &p), ST_INPUT);
    assert_null(p);
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const bad[] = {"127.0.0.1", "127.0.0.1:", ":5000x",       "127.0.0.1:70000",
                                      "a b:5",     "::1:5000",   "127.0.0.1:-1", "1.2.3.4:5"};
    struct publisher *p;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct watch_config config = {bad[i], "", ""};
        if (publisher_new(&config, "run", NULL, &p) != ST_INPUT) fail_msg("accepted: %s", bad[i]);
    }
}

/* ---- crowds ---- */

static int connect_raw(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void broken_crowd_is_bounded(void **state)
{
    enum { STALLED = 20, SCANS = 20, MESSAGES = 60000 };
    void *context = zmq_ctx_new(), *stalled[STALLED], *beggar = zmq_socket(context, ZMQ_DEALER);
    struct publisher_stats stats;
    struct publisher *p;
    struct heard h;
    struct follow *f;
    long before;
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &p), ST_OK);
    for (int i = 0; i < STALLED; i++) { /* subscribe, then never read: their own queue fills, then ours */
        int one = 1;
        stalled[i] = zmq_socket(context, ZMQ_SUB);
        assert_int_equal(zmq_setsockopt(stalled[i], ZMQ_RCVHWM, &one, sizeof one), 0);
        assert_int_equal(zmq_setsockopt(stalled[i], ZMQ_SUBSCRIBE, "", 0), 0);
        assert_int_equal(zmq_connect(stalled[i], publisher_address(p)), 0);
    }
    for (int i = 0; i < SCANS; i++) {
        int fd = connect_raw(i % 2 ? publisher_address(p) : publisher_snapshot_address(p));
        if (i % 4 < 2)
            assert_true(
                write(fd, "GET / HTTP/1.0\r\n\r\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 46) > 0);
        close(fd);
    }
    assert_int_equal(zmq_connect(beggar, publisher_snapshot_address(p)), 0);
    for (int i = 0; i < 2000; i++) /* no request at all, and requests without end */
        if (zmq_send(beggar, i % 2 ? "\x08\x01" : "garbage", i % 2 ? 2 : 7, ZMQ_DONTWAIT) < 0) break;
    f = follow_new(p, &h, NULL);
    post_step(p, 1);
    assert_true(wait_for(f, &h, 1, 10000));
    before = resident_kib();
    for (uint64_t i = 2; i <= MESSAGES; i++) post_step(p, i); /* hours of steps in a second */
    assert_true(wait_for(f, &h, MESSAGES, 30000));
    publisher_stats(p, &stats);
    assert_int_equal(stats.posted, MESSAGES);
    assert_true(stats.refused > 0);
    assert_true(resident_kib() - before < 64 << 10);
    follow_close(&f);
    publisher_destroy(&p);
    for (int i = 0; i < STALLED; i++) zmq_close(stalled[i]);
    zmq_close(beggar);
    zmq_ctx_destroy(context);
}

/* A peer that says `text` where ZMTP is spoken. */
static int stray_peer(const char *address, const char *text, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {5, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, text, n), n);
    return fd;
}

/* Stray bytes that look like ZMTP 1: a length, flags. Such peers are sent away, get no message, and are counted. */
static void old_protocols_are_refused(void **state)
{
    struct publisher_stats stats = {0};
    struct publisher *p;
    char bytes[4096];
    ssize_t n, got = 0;
    int fd;
    (void)state;

    assert_int_equal(publisher_new(&anywhere, "run", NULL, &p), ST_OK);
    fd = stray_peer(publisher_address(p), "\1\0", 2);
    for (int i = 0; i < 20; i++) post_step(p, (uint64_t)i + 1);
    while ((n = read(fd, bytes, sizeof bytes)) > 0) got += n;
    assert_true(n == 0 || errno == ECONNRESET);
    assert_true(got < 64); /* the greeting */
    close(fd);
    for (int i = 0; i < 100 && stats.refused == 0; i++) {
        wait_ms(20);
        publisher_stats(p, &stats);
    }
    assert_int_equal(stats.refused, 1);
    publisher_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_joiner_sees_all),
        cmocka_unit_test(restart_is_a_new_picture),
        cmocka_unit_test(taken_port_is_waited_for),
        cmocka_unit_test(quick_steps_leave_together),
        cmocka_unit_test(after_a_pause_it_leaves_at_once),
        cmocka_unit_test(full_ring_hurries),
        cmocka_unit_test(the_end_sends_what_waits),
        cmocka_unit_test(wrong_keys_see_nothing),
        cmocka_unit_test(keys_are_asked_for),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(broken_crowd_is_bounded),
        cmocka_unit_test(old_protocols_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* The journal survives being cut at every byte of its last record, tells torn tails from damage, and never keeps half a
 * record when the disk is full. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/store/journal.h"

static const struct journal_options each_step = {0};

static size_t payload_bytes(uint64_t step)
{
    return 10 + (size_t)(step * 37 % 300);
}

static void payload_fill(uint64_t step, unsigned char *out)
{
    for (size_t i = 0; i < payload_bytes(step); i++) out[i] = (unsigned char)(step * 131 + i * 7);
}

static status append(struct journal *j, uint64_t step)
{
    unsigned char payload[512];

    payload_fill(step, payload);
    return journal_append(j, step, 2, payload, payload_bytes(step));
}

/* A journal of steps first … last, each durable before the next, segments rolled before the steps in rolls. */
static void make(const char *folder, uint64_t first, uint64_t last, uint64_t roll)
{
    struct journal *j;

    assert_int_equal(journal_open(folder, first, &each_step, &j), ST_OK);
    for (uint64_t step = first; step <= last; step++) {
        if (step == roll) assert_int_equal(journal_roll(j, step), ST_OK);
        assert_int_equal(append(j, step), ST_OK);
        assert_int_equal(journal_wait_durable(j, step), ST_OK);
        assert_int_equal(journal_durable_step(j), step);
    }
    assert_int_equal(journal_close(&j), ST_OK);
    assert_null(j);
}

/* Steps read from `from` on, checked bit by bit; *end: how the reading ended. */
static uint64_t count_steps(const char *folder, uint64_t from, status *end)
{
    unsigned char expected[512];
    struct journal_record record;
    struct journal_reader *r;
    uint64_t n = 0;

    *end = journal_reader_open(folder, from, &r);
    if (*end != ST_OK) return 0;
    while ((*end = journal_reader_next(r, &record)) == ST_OK) {
        assert_int_equal(record.step, from + n);
        assert_int_equal(record.bytes, payload_bytes(record.step));
        payload_fill(record.step, expected);
        assert_memory_equal(record.payload, expected, record.bytes);
        n++;
    }
    journal_reader_close(&r);
    return n;
}

static void copy_file(const char *from, const char *to, size_t bytes)
{
    char *data;
    size_t size;
    FILE *f;

    assert_int_equal(file_read(from, 1 << 24, &data, &size), ST_OK);
    f = fopen(to, "wb");
    assert_non_null(f);
    assert_true(bytes <= size);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
    free(data);
}

static off_t size_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void test_append_and_read(void **unused)
{
    char folder[256], journal[300];
    struct journal *j;
    status end;

    (void)unused;
    test_folder(folder, sizeof folder);
    snprintf(journal, sizeof journal, "%s/journal", folder);
    assert_int_equal(count_steps(journal, 1, &end), 0);
    assert_int_equal(end, ST_END);
    make(journal, 1, 10, 5);
    assert_int_equal(count_steps(journal, 1, &end), 10);
    assert_int_equal(end, ST_END);
    assert_int_equal(count_steps(journal, 5, &end), 6);
    assert_int_equal(count_steps(journal, 8, &end), 3);
    assert_int_equal(count_steps(journal, 11, &end), 0);
    assert_int_equal(journal_open(journal, 1, &each_step, &j), ST_OK);
    assert_int_equal(journal_last_step(j), 10);
    assert_int_equal(append(j, 11), ST_OK);
    log_init('-', -1, LOG_SILENT);
    assert_int_equal(append(j, 9), ST_SYSTEM);
    assert_int_equal(journal_prune(j, 4), ST_OK);
    assert_int_equal(journal_close(&j), ST_OK);
    assert_int_equal(count_steps(journal, 1, &end), 0);
    assert_int_equal(end, ST_INPUT);
    log_init('-', -1, LOG_WARN);
    assert_int_equal(count_steps(journal, 5, &end), 7);
    assert_int_equal(journal_open(journal, 1, &each_step, &j), ST_OK);
    assert_int_equal(journal_append(j, 12, 1, "filed under the next step", 25), ST_OK);
    assert_int_equal(journal_roll(j, 12), ST_OK);
    assert_int_equal(append(j, 12), ST_OK);
    assert_int_equal(journal_close(&j), ST_OK);
    assert_int_equal(count_steps(journal, 12, &end), 1);
    assert_int_equal(end, ST_END);
    assert_int_equal(journal_cut_after(journal, 7), ST_OK);
    assert_int_equal(count_steps(journal, 5, &end), 3);
    assert_int_equal(journal_open(journal, 1, &each_step, &j), ST_OK);
    assert_int_equal(append(j, 8), ST_OK);
    assert_int_equal(journal_close(&j), ST_OK);
    assert_int_equal(count_steps(journal, 5, &end), 4);
    test_folder_remove(folder);
}

/* The last record is cut at every byte: the steps before it remain, and appending goes on. */
static void test_torn_at_every_byte(void **unused)
{
    char folder[256], whole[300], torn[300], from[400], to[400];
    off_t before, after;
    status end;

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    snprintf(whole, sizeof whole, "%s/whole", folder);
    snprintf(torn, sizeof torn, "%s/torn", folder);
    snprintf(from, sizeof from, "%s/segment-1.bin", whole);
    snprintf(to, sizeof to, "%s/segment-1.bin", torn);
    make(whole, 1, 4, 0);
    before = size_of(from);
    make(whole, 5, 5, 0);
    after = size_of(from);
    assert_int_equal(file_make_folder(torn), ST_OK);
    for (off_t size = before; size <= after; size++) {
        uint64_t left = size == after ? 5 : 4;
        struct journal *j;

        copy_file(from, to, (size_t)size);
        assert_int_equal(count_steps(torn, 1, &end), left);
        assert_int_equal(end, ST_END);
        assert_int_equal(journal_open(torn, 1, &each_step, &j), ST_OK);
        assert_int_equal(journal_last_step(j), left);
        assert_int_equal(size_of(to), left == 5 ? after : before);
        assert_int_equal(append(j, left + 1), ST_OK);
        assert_int_equal(journal_close(&j), ST_OK);
        assert_int_equal(count_steps(torn, 1, &end), left + 1);
    }
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

/* Every byte flipped: never a wrong record; what had been durable (all but the last record) is refused, not
 * forgotten. */
static void test_flipped_bytes(void **unused)
{
    char folder[256], whole[300], bad[300], from[400], to[400];
    off_t last, size;
    status end;

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    snprintf(whole, sizeof whole, "%s/whole", folder);
    snprintf(bad, sizeof bad, "%s/bad", folder);
    snprintf(from, sizeof from, "%s/segment-1.bin", whole);
    snprintf(to, sizeof to, "%s/segment-1.bin", bad);
    make(whole, 1, 3, 0);
    last = size_of(from);
    make(whole, 4, 4, 0);
    size = size_of(from);
    assert_int_equal(file_make_folder(bad), ST_OK);
    for (off_t at = 0; at < size; at++) {
        struct journal *j = NULL;
        struct journal_facts facts;
        unsigned char byte;
        status verified;
        uint64_t n;
        int fd;

        copy_file(from, to, (size_t)size);
        assert_int_equal(journal_verify(bad, &facts), ST_OK);
        assert_int_equal(facts.torn, 0);
        assert_int_equal(facts.records, 4);
        fd = open(to, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= (unsigned char)(1 << (at % 8));
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        verified = journal_verify(bad, &facts);
        assert_true(verified == ST_INPUT || (at >= last && facts.torn > 0)); /* every flipped bit is found */
        n = count_steps(bad, 1, &end);
        if (n == 4) { /* padding of the records: zeros that nobody reads */
            assert_int_equal(end, ST_END);
            continue;
        }
        assert_true(n <= 3);
        assert_int_equal(end, at < last ? ST_INPUT : ST_END);
        assert_int_equal(journal_open(bad, 1, &each_step, &j), at < last ? ST_INPUT : ST_OK);
        assert_int_equal(journal_close(&j), ST_OK);
    }
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

static void write_parts(const char *path, const char *data, const size_t (*parts)[2], int count)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    for (int i = 0; i < count; i++) assert_int_equal(fwrite(data + parts[i][0], 1, parts[i][1], f), parts[i][1]);
    assert_int_equal(fclose(f), 0);
}

/* Reading gives n records, then fails. */
static void expect_damage_after(const char *folder, int n)
{
    struct journal_record record;
    struct journal_reader *r;

    assert_int_equal(journal_reader_open(folder, 1, &r), ST_OK);
    for (int i = 0; i < n; i++) assert_int_equal(journal_reader_next(r, &record), ST_OK);
    assert_int_equal(journal_reader_next(r, &record), ST_INPUT);
    journal_reader_close(&r);
}

/* Two neighbours exchanged, one taken out, a segment missing. */
static void test_order(void **unused)
{
    enum { HEAD = 64, ONE = 72 };
    static const size_t swapped[][2] = {
        {0, HEAD + ONE}, {HEAD + 2 * ONE, ONE}, {HEAD + ONE, ONE}, {HEAD + 3 * ONE, ONE}};
    static const size_t lacking[][2] = {{0, HEAD + ONE}, {HEAD + 2 * ONE, 2 * ONE}}, whole[][2] = {{0, HEAD + 4 * ONE}};
    char folder[256], path[400], *data;
    struct journal *j;
    size_t size;

    (void)unused;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/segment-1.bin", folder);
    assert_int_equal(journal_open(folder, 1, &each_step, &j), ST_OK);
    for (uint64_t step = 1; step <= 6; step++) {
        if (step >= 5) assert_int_equal(journal_roll(j, step), ST_OK);
        assert_int_equal(journal_append(j, step, 2, "12345678", 8), ST_OK);
        assert_int_equal(journal_wait_durable(j, step), ST_OK);
    }
    assert_int_equal(journal_close(&j), ST_OK);
    assert_int_equal(file_read(path, 1 << 20, &data, &size), ST_OK);
    assert_int_equal(size, HEAD + 4 * ONE);
    write_parts(path, data, swapped, 4);
    expect_damage_after(folder, 1);
    write_parts(path, data, lacking, 2);
    expect_damage_after(folder, 1);
    write_parts(path, data, whole, 1);
    free(data);
    snprintf(path, sizeof path, "%s/segment-5.bin", folder);
    assert_int_equal(unlink(path), 0);
    expect_damage_after(folder, 4);
    log_init('-', -1, LOG_WARN);
    test_folder_remove(folder);
}

/* A newer version is refused by name, not called damaged. */
static void test_newer_version(void **unused)
{
    char folder[256], path[400], out[1024];
    uint32_t version = 3;
    int fd, saved, pipes[2];
    struct journal *j;
    ssize_t n;

    (void)unused;
    test_folder(folder, sizeof folder);
    make(folder, 1, 2, 0);
    snprintf(path, sizeof path, "%s/segment-1.bin", folder);
    fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, &version, sizeof version, 8), sizeof version);
    close(fd);
    saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    assert_int_equal(journal_open(folder, 1, &each_step, &j), ST_INPUT);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[1]);
    n = read(pipes[0], out, sizeof out - 1);
    close(pipes[0]);
    assert_true(n > 0);
    out[n] = 0;
    assert_non_null(strstr(out, "journal version 3, this program reads up to 2"));
    test_folder_remove(folder);
}

static struct journal *open_epoch(const char *folder, uint64_t epoch)
{
    struct journal_options o = {.epoch = epoch};
    struct journal *j;

    assert_int_equal(journal_open(folder, 1, &o, &j), ST_OK);
    return j;
}

static uint32_t version_of(const char *folder, uint64_t segment)
{
    char path[400];
    uint32_t version;
    FILE *f;

    snprintf(path, sizeof path, "%s/segment-%llu.bin", folder, (unsigned long long)segment);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 8, SEEK_SET), 0);
    assert_int_equal(fread(&version, sizeof version, 1, f), 1);
    fclose(f);
    return version;
}

/* A newer epoch takes the journal over while an older one still has it open: what that appends is void, and it is told;
 * an epoch that comes too late is refused. */
static void test_epochs(void **unused)
{
    char folder[256];
    struct journal_options late = {.epoch = 2};
    struct journal *old, *new;
    status end;

    (void)unused;
    test_folder(folder, sizeof folder);
    make(folder, 1, 3, 0); /* without an epoch */
    assert_int_equal(version_of(folder, 1), 1);
    assert_int_equal(journal_epoch(folder), 0);
    old = open_epoch(folder, 2);
    assert_int_equal(version_of(folder, 4), 2);
    for (uint64_t step = 4; step <= 6; step++) assert_int_equal(append(old, step), ST_OK);
    assert_int_equal(journal_wait_durable(old, 6), ST_OK);
    assert_int_equal(journal_epoch(folder), 2);
    new = open_epoch(folder, 3);
    assert_int_equal(journal_epoch(folder), 3);
    assert_int_equal(journal_last_step(new), 6);
    assert_int_equal(append(old, 7), ST_OK); /* it does not look every time: void all the same */
    assert_int_equal(append(old, 8), ST_OK);
    assert_int_equal(append(new, 7), ST_OK);
    assert_int_equal(journal_wait_durable(new, 7), ST_OK);
    assert_int_equal(count_steps(folder, 1, &end), 7);
    assert_int_equal(end, ST_END);
    assert_int_equal(count_steps(folder, 5, &end), 3);
    log_init('-', -1, LOG_SILENT);
    usleep(150000);
    assert_int_equal(append(old, 9), ST_PEER);
    assert_int_equal(journal_check_owner(old), ST_PEER);
    {
        struct journal_facts facts;

        assert_int_equal(journal_verify(folder, &facts), ST_OK); /* void records are none */
        assert_int_equal(facts.records, 7);
        assert_int_equal(facts.segments, 3);
        assert_int_equal(facts.epoch, 3);
    }
    assert_int_equal(journal_check_owner(new), ST_OK);
    assert_int_equal(journal_roll(old, 9), ST_PEER);
    assert_int_equal(journal_close(&old), ST_OK);
    assert_int_equal(journal_close(&new), ST_OK);
    assert_int_equal(journal_open(folder, 1, &late, &old), ST_INPUT);
    log_init('-', -1, LOG_WARN);
    new = open_epoch(folder, 0); /* by hand: the epoch that is there */
    assert_int_equal(append(new, 8), ST_OK);
    assert_int_equal(journal_roll(new, 9), ST_OK);
    assert_int_equal(version_of(folder, 9), 2);
    assert_int_equal(journal_close(&new), ST_OK);
    assert_int_equal(count_steps(folder, 1, &end), 8);
    test_folder_remove(folder);
}

/* Epoch after epoch without a step, each with a record of its start under the next one; then a checkpoint of the last
 * step. */
static void test_epochs_without_steps(void **unused)
{
    char folder[256];
    struct journal *before = NULL, *j;
    status end;

    (void)unused;
    test_folder(folder, sizeof folder);
    make(folder, 1, 3, 0);
    for (uint64_t epoch = 1; epoch <= 4; epoch++) {
        j = open_epoch(folder, epoch);
        assert_int_equal(append(j, 4), ST_OK);
        assert_int_equal(journal_wait_durable(j, 4), ST_OK);
        log_init('-', -1, LOG_SILENT);
        if (before) assert_int_equal(journal_check_owner(before), ST_PEER);
        log_init('-', -1, LOG_WARN);
        if (before) assert_int_equal(journal_close(&before), ST_OK);
        before = j;
    }
    assert_int_equal(journal_roll(before, 4), ST_OK);
    assert_int_equal(append(before, 4), ST_OK);
    assert_int_equal(append(before, 5), ST_OK);
    assert_int_equal(journal_prune(before, 3), ST_OK);
    assert_int_equal(journal_close(&before), ST_OK);
    {
        struct journal_reader *r;
        struct journal_record record;
        uint64_t starts = 0, last = 0;

        assert_int_equal(journal_reader_open(folder, 4, &r), ST_OK);
        while ((end = journal_reader_next(r, &record)) == ST_OK) {
            starts += record.step == 4;
            last = record.step;
        }
        assert_int_equal(end, ST_END);
        assert_int_equal(starts, 5);
        assert_int_equal(last, 5);
        journal_reader_close(&r);
    }
    test_folder_remove(folder);
}

/* In interval mode records become durable by themselves, or when somebody waits. */
static void test_interval(void **unused)
{
    struct journal_options slow = {.interval_ms = 3600 * 1000}, fast = {.interval_ms = 5};
    char folder[256];
    struct journal *j;

    (void)unused;
    test_folder(folder, sizeof folder);
    assert_int_equal(journal_open(folder, 1, &slow, &j), ST_OK);
    for (uint64_t step = 1; step <= 100; step++) assert_int_equal(append(j, step), ST_OK);
    assert_int_equal(journal_durable_step(j), 0);
    assert_int_equal(journal_wait_durable(j, 50), ST_OK);
    assert_true(journal_durable_step(j) >= 50);
    assert_int_equal(journal_close(&j), ST_OK);
    assert_int_equal(journal_open(folder, 1, &fast, &j), ST_OK);
    assert_int_equal(append(j, 101), ST_OK);
    for (int i = 0; i < 10000 && journal_durable_step(j) < 101; i++) usleep(1000);
    assert_int_equal(journal_durable_step(j), 101);
    assert_int_equal(journal_close(&j), ST_OK);
    test_folder_remove(folder);
}

/* Append until the disk is full: the failure is reported, whole records remain, and with room again it goes on. */
static void fill_and_go_on(const char *folder, void (*make_room)(void *), void *arg)
{
    static unsigned char big[100000];
    struct journal_reader *r;
    struct journal_record record;
    struct journal *j;
    uint64_t step = 0, n = 0;
    status s;

    log_init('-', -1, LOG_SILENT);
    assert_int_equal(journal_open(folder, 1, &each_step, &j), ST_OK);
    while ((s = journal_append(j, step + 1, 2, big, sizeof big)) == ST_OK) {
        step++;
        assert_int_equal(journal_wait_durable(j, step), ST_OK);
        assert_true(step < 1000);
    }
    assert_int_equal(s, ST_IO);
    assert_true(step > 2);
    assert_int_equal(journal_last_step(j), step);
    make_room(arg);
    assert_int_equal(journal_append(j, step + 1, 2, "small", 5), ST_OK);
    assert_int_equal(journal_close(&j), ST_OK);
    log_init('-', -1, LOG_WARN);
    assert_int_equal(journal_reader_open(folder, 1, &r), ST_OK);
    while (journal_reader_next(r, &record) == ST_OK) n++;
    journal_reader_close(&r);
    assert_int_equal(n, step + 1);
}

static void raise_limit(void *arg)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, arg), 0);
}

static void test_size_limit(void **unused)
{
    struct rlimit before, small;
    char folder[256];

    (void)unused;
    test_folder(folder, sizeof folder);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){777777, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill_and_go_on(folder, raise_limit, &before);
    signal(SIGXFSZ, SIG_DFL);
    test_folder_remove(folder);
}

static void remove_ballast(void *arg)
{
    assert_int_equal(unlink(arg), 0);
}

static void test_disk_full(void **unused)
{
    static const char ballast_data[300000];
    char folder[256], ballast[300], journal[300];

    (void)unused;
    test_folder(folder, sizeof folder);
    if (mount("none", folder, "tmpfs", 0, "size=1m") != 0) {
        test_folder_remove(folder);
        test_skip("a tmpfs cannot be mounted (needs root)");
    }
    test_file(folder, "ballast", ballast_data, sizeof ballast_data, ballast, sizeof ballast);
    snprintf(journal, sizeof journal, "%s/journal", folder);
    fill_and_go_on(journal, remove_ballast, ballast);
    assert_int_equal(umount(folder), 0);
    test_folder_remove(folder);
}

/* A writer is killed at some moment: what it had called durable is there. */
static void test_killed_writer(void **unused)
{
    log_init('-', -1, LOG_SILENT);
    (void)unused;
    for (int round = 0; round < 12; round++) {
        char folder[256];
        uint64_t durable = 0, said;
        struct journal *j;
        int pipes[2], rc;
        status end;
        pid_t pid;

        test_folder(folder, sizeof folder);
        assert_int_equal(pipe(pipes), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            if (journal_open(folder, 1, &each_step, &j) != ST_OK) _exit(1);
            for (uint64_t step = 1;; step++) {
                if (step % 7 == 0 && journal_roll(j, step) != ST_OK) _exit(1);
                if (append(j, step) != ST_OK || journal_wait_durable(j, step) != ST_OK) _exit(1);
                if (write(pipes[1], &step, sizeof step) != sizeof step) _exit(1);
            }
        }
        close(pipes[1]);
        assert_int_equal(read(pipes[0], &said, sizeof said), sizeof said);
        durable = said;
        usleep((useconds_t)(1000 + round * 700));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &rc, 0), pid);
        assert_true(WIFSIGNALED(rc));
        while (read(pipes[0], &said, sizeof said) == sizeof said) durable = said;
        close(pipes[0]);
        assert_int_equal(journal_open(folder, 1, &each_step, &j), ST_OK);
        assert_true(journal_last_step(j) >= durable);
        assert_int_equal(journal_close(&j), ST_OK);
        assert_true(count_steps(folder, 1, &end) >= durable);
        assert_int_equal(end, ST_END);
        test_folder_remove(folder);
    }
    log_init('-', -1, LOG_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_read),      cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_flipped_bytes),        cmocka_unit_test(test_order),
        cmocka_unit_test(test_newer_version),        cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_epochs_without_steps), cmocka_unit_test(test_interval),
        cmocka_unit_test(test_size_limit),           cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_killed_writer)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A journal's mirror holds the same bytes; what it has is put back where the journal is damaged, gone or shorter; and
 * its loss is no loss of the journal. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/journal.h"

static char folder[256], first[300], second[300]; /* the journal, its mirror */

static int setup(void **state)
{
    (void)state;
    test_folder(folder, sizeof folder);
    snprintf(first, sizeof first, "%s/journal", folder);
    snprintf(second, sizeof second, "%s/mirror", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static status open_mirrored(int begun, struct journal **j)
{
    const struct journal_options options = {.mirror = second, .begun = begun};

    return journal_open(first, 1, &options, j);
}

static void append(struct journal *j, uint64_t step)
{
    char payload[100];

    memset(payload, (int)step, sizeof payload);
    assert_int_equal(journal_append(j, step, 2, payload, 50 + step), ST_OK);
}

/* Steps 1 … last, a segment begun before each in rolls (0 at the end). */
static void make(uint64_t last, const uint64_t *rolls)
{
    struct journal *j;

    assert_int_equal(open_mirrored(0, &j), ST_OK);
    for (uint64_t step = 1; step <= last; step++) {
        if (*rolls == step) assert_int_equal(journal_roll(j, *rolls++), ST_OK);
        append(j, step);
    }
    assert_int_equal(journal_close(&j), ST_OK);
}

static const char *path_of(const char *in, uint64_t segment)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/segment-%llu.bin", in, (unsigned long long)segment);
    return path;
}

static void assert_equal(uint64_t segment)
{
    char *a, *b;
    size_t n, m;

    assert_int_equal(file_read(path_of(first, segment), 1 << 20, &a, &n), ST_OK);
    assert_int_equal(file_read(path_of(second, segment), 1 << 20, &b, &m), ST_OK);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    mem_free(a);
    mem_free(b);
}

static uint64_t steps_in(const char *in)
{
    struct journal_facts facts;

    assert_int_equal(journal_verify(in, &facts), ST_OK);
    assert_int_equal(facts.torn, 0);
    return facts.records;
}

static void flip_byte(const char *path, off_t at)
{
    unsigned char byte;
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_same_bytes(void **state)
{
    struct journal *j;

    (void)state;
    make(9, (const uint64_t[]){4, 7, 0});
    for (int i = 0; i < 3; i++) assert_equal((const uint64_t[]){1, 4, 7}[i]);
    assert_int_equal(open_mirrored(1, &j), ST_OK);
    append(j, 10);
    assert_int_equal(journal_roll(j, 11), ST_OK);
    assert_int_equal(journal_prune(j, 6), ST_OK);
    append(j, 11);
    assert_null(journal_mirror_news(j));
    assert_int_equal(journal_close(&j), ST_OK);
    assert_false(file_exists(path_of(second, 1)));
    assert_false(file_exists(path_of(second, 4)));
    assert_equal(7);
    assert_equal(11);
}

/* A byte of a durable record, a segment that is gone, all of it gone, the last records gone: opened again, every step
 * is there. */
static void test_restored(void **state)
{
    (void)state;
    for (int harm = 0; harm < 4; harm++) {
        struct journal *j;

        setup(NULL);
        make(6, (const uint64_t[]){4, 0});
        if (harm == 0) flip_byte(path_of(first, 1), 64 + 64 + 3);
        if (harm == 1) assert_int_equal(unlink(path_of(first, 1)), 0);
        if (harm == 2) assert_int_equal(file_remove_tree(first), ST_OK);
        if (harm == 3) assert_int_equal(truncate(path_of(first, 4), 64), 0);
        assert_int_equal(open_mirrored(1, &j), ST_OK);
        append(j, 7);
        assert_int_equal(journal_close(&j), ST_OK);
        assert_int_equal(steps_in(first), 7);
        assert_equal(4);
        teardown(NULL);
    }
    setup(NULL);
}

/* A damaged mirror is no reason to touch a good journal; it is made good. */
static void test_mirror_is_damaged(void **state)
{
    struct journal *j;

    (void)state;
    make(6, (const uint64_t[]){4, 0});
    flip_byte(path_of(second, 1), 64 + 64 + 3);
    assert_int_equal(open_mirrored(1, &j), ST_OK);
    assert_int_equal(journal_close(&j), ST_OK);
    assert_int_equal(steps_in(second), 6);
    assert_equal(1);
}

static void test_refused(void **state)
{
    struct journal *j;
    char other[300];

    (void)state;
    make(3, (const uint64_t[]){0});
    assert_int_equal(file_remove_tree(first), ST_OK);
    assert_int_equal(open_mirrored(0, &j), ST_INPUT); /* a run that begins knows of no journal */
    snprintf(other, sizeof other, "%s/other", folder);
    memcpy(first, other, sizeof first);
    assert_int_equal(open_mirrored(1, &j), ST_INPUT); /* another one's mirror */
    assert_int_equal(steps_in(second), 3);
}

/* The journal goes on; the mirror comes back with the next segment that finds its folder. */
static void test_lost(void **state)
{
    struct journal *j;

    (void)state;
    assert_int_equal(open_mirrored(0, &j), ST_OK);
    append(j, 1);
    assert_int_equal(file_remove_tree(second), ST_OK);
    append(j, 2);
    assert_int_equal(journal_roll(j, 3), ST_OK);
    append(j, 3);
    assert_non_null(strstr(journal_mirror_news(j), "mirror"));
    assert_null(journal_mirror_news(j));
    assert_int_equal(file_make_folder(second), ST_OK);
    assert_int_equal(journal_roll(j, 4), ST_OK);
    append(j, 4);
    assert_null(journal_mirror_news(j));
    assert_int_equal(journal_close(&j), ST_OK);
    assert_int_equal(steps_in(first), 4);
    assert_int_equal(steps_in(second), 4);
    assert_equal(4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_same_bytes, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_restored, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_mirror_is_damaged, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_lost, setup, teardown)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

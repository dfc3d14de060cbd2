/* Text that is not as it should be: a line of 2 GiB in bounded memory, a file that shrinks while it is read, bytes
 * that are no UTF-8, folders without text; and the order of files, byte order marks, lines in pieces. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/text/corpus.h"
#include "tests/support/support.h"

static char folder[4096];

static int make_folder(void **state)
{
    (void)state;
    test_folder(folder, sizeof folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static const char *put(const char *name, const char *text, size_t n)
{
    static char path[4200];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static status open_one(const char *path, struct corpus *c)
{
    const struct option_list texts = {1, &path};

    return corpus_open(&texts, c);
}

#ifndef __SANITIZE_ADDRESS__
static long resident_kib(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}
#endif

/* A hole in a file reads as zeros, which are valid UTF-8 and no end of a line. */
static void test_long_line(void **state)
{
    enum { LIMIT = 1 << 19 };
    const int64_t size = (int64_t)2 << 30;
    const char *path = put("long.txt", "a", 1);
    struct corpus c;
    int64_t seen = 0;
    int lines = 0, ends;
    char *text;
    size_t n;
    status s;

    (void)state;
    assert_int_equal(truncate(path, size), 0);
    assert_int_equal(open_one(path, &c), ST_OK);
    while ((s = corpus_next(&c, LIMIT, &text, &n, &ends)) == ST_OK) {
        assert_true(n <= LIMIT);
        seen += (int64_t)n;
        lines += ends;
    }
    assert_int_equal(s, ST_END);
    assert_true(seen == size);
    assert_int_equal(lines, 1);
#ifndef __SANITIZE_ADDRESS__ /* whose own memory is large */
    assert_true(resident_kib() < 100 << 10);
#endif
    corpus_close(&c);
    assert_int_equal(unlink(path), 0);
}

static void test_shrinks(void **state)
{
    static char lines[1 << 20];
    const char *path;
    struct corpus c;
    char *text;
    size_t n;
    int ends;
    status s;

    (void)state;
    for (size_t i = 0; i < sizeof lines; i++) lines[i] = i % 64 == 63 ? '\n' : 'x';
    path = put("shrinks.txt", lines, sizeof lines);
    assert_int_equal(open_one(path, &c), ST_OK);
    assert_int_equal(corpus_next(&c, 1000, &text, &n, &ends), ST_OK);
    assert_int_equal(truncate(path, sizeof lines / 2), 0);
    while ((s = corpus_next(&c, 1000, &text, &n, &ends)) == ST_OK) continue;
    assert_int_equal(s, ST_INPUT);
    corpus_close(&c);
    assert_int_equal(unlink(path), 0);
}

static void test_bad(void **state)
{
    struct corpus c;
    char *text;
    size_t n;
    int ends;

    (void)state;
    assert_int_equal(open_one(folder, &c), ST_INPUT); /* no *.txt in it */
    assert_int_equal(open_one("/does/not/exist.txt", &c), ST_INPUT);
    assert_int_equal(open_one(put("bad.txt", "ok\nnot\xff ok\n", 12), &c), ST_OK);
    assert_int_equal(corpus_next(&c, 1000, &text, &n, &ends), ST_OK);
    assert_int_equal(corpus_next(&c, 1000, &text, &n, &ends), ST_INPUT);
    corpus_close(&c);
    assert_int_equal(open_one(put("bad.txt", "\x1f\x8b\x08 cut", 7), &c), ST_OK); /* gzip that ends early */
    assert_int_equal(corpus_next(&c, 1000, &text, &n, &ends), ST_INPUT);
    corpus_close(&c);
}

/* Files of a folder by their names' bytes; other files are none of its; a mark at a file's start is no text. */
static void test_order(void **state)
{
    static const char *const expected[] = {"second", "", "line", "first"};
    struct corpus c;

    (void)state;
    put("b.txt", "first", 5);
    put("B.txt", "\xef\xbb\xbfsecond\n\nline\n", 16);
    put("bad.txt.old", "no\n", 3);
    put("bad.txt", "", 0);
    assert_int_equal(open_one(folder, &c), ST_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            char *text;
            size_t n;
            int ends;

            assert_int_equal(corpus_next(&c, 1000, &text, &n, &ends), ST_OK);
            assert_string_equal(text, expected[i]);
            assert_int_equal(ends, 1);
            assert_int_equal(corpus_file_starts(&c), i == 0 || i == 3);
        }
        corpus_rewind(&c);
    }
    corpus_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_long_line), cmocka_unit_test(test_shrinks),
                                       cmocka_unit_test(test_bad), cmocka_unit_test(test_order)};

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* The stream reader: the same lines from plain, gzip and xz; pieces; damage, truncation and shrinking are reported. */
#include "tests/support/support.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cluster/base/log.h"
#include "cluster/base/stream.h"

enum { LINES = 40000, ROOM = 1 << 22 };

struct fixture {
    char folder[256], plain[512], gz[512], xz[512];
    char *text;
    size_t size;
};

static size_t xz_of(const char *text, size_t n, unsigned char *out)
{
    size_t at = 0;

    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text, n, out, &at, ROOM),
                     LZMA_OK);
    return at;
}

static size_t gz_of(const char *text, size_t n, unsigned char *out)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = ROOM;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = z.total_out;
    deflateEnd(&z);
    return n;
}

/* Line i: its number, then i % 97 letters, no \n after the last. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    unsigned char *packed = malloc(ROOM);

    assert_true(f && packed);
    f->text = malloc(ROOM);
    for (int i = 0; i < LINES; i++)
        f->size += (size_t)sprintf(f->text + f->size, "%s%d%.*s", i ? "\n" : "", i, i % 97,
                                   "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
                                   "abcdefghijklmnopqrstuvwxyz");
    test_folder(f->folder, sizeof f->folder);
    test_file(f->folder, "plain", f->text, f->size, f->plain, sizeof f->plain);
    test_file(f->folder, "gz", packed, gz_of(f->text, f->size, packed), f->gz, sizeof f->gz);
    test_file(f->folder, "xz", packed, xz_of(f->text, f->size, packed), f->xz, sizeof f->xz);
    free(packed);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    test_folder_remove(f->folder);
    free(f->text);
    free(f);
    return 0;
}

/* Read all of path by lines; the joined text must be want (NULL: anything). Returns the status that ended it. */
static status read_lines(const char *path, const char *want, size_t size)
{
    struct stream *s;
    char *text;
    size_t n, at = 0;
    status st;
    int64_t line = 0;

    assert_int_equal(stream_open(path, &s), ST_OK);
    while ((st = stream_line(s, 1000, &text, &n)) == ST_OK) {
        if (want) {
            assert_true(at + n <= size);
            assert_memory_equal(text, want + at, n);
        }
        assert_int_equal(text[n], 0);
        at += n + 1;
        assert_int_equal(stream_line_number(s), ++line);
    }
    if (st == ST_END) {
        assert_int_equal(at, size + 1);
        assert_int_equal(stream_file_offset(s), stream_file_size(s));
        assert_int_equal(stream_line(s, 1000, &text, &n), ST_END);
    }
    stream_close(&s);
    assert_null(s);
    return st;
}

static void test_same_lines(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_lines(f->plain, f->text, f->size), ST_END);
    assert_int_equal(read_lines(f->gz, f->text, f->size), ST_END);
    assert_int_equal(read_lines(f->xz, f->text, f->size), ST_END);
}

static void test_bytes_and_lines_mix(void **state)
{
    struct fixture *f = *state;
    struct stream *s;
    char part[7], *text;
    size_t n, at = 0;

    assert_int_equal(stream_open(f->gz, &s), ST_OK);
    for (int i = 0; at < f->size; i++) {
        if (i % 3 == 0) {
            assert_int_equal(stream_line(s, 1000, &text, &n), ST_OK);
            assert_memory_equal(text, f->text + at, n);
            at += n + 1;
        } else {
            assert_int_equal(stream_read(s, part, sizeof part, &n), ST_OK);
            assert_memory_equal(part, f->text + at, n);
            at += n;
        }
    }
    stream_close(&s);
}

/* Members and streams one after the other are one text; anything else after them is damage. */
static void test_concatenated(void **state)
{
    struct fixture *f = *state;
    unsigned char *packed = malloc(ROOM);
    char path[512];
    size_t n;

    n = gz_of("one\ntw", 6, packed);
    n += gz_of("", 0, packed + n);
    n += gz_of("o\nthree", 7, packed + n);
    test_file(f->folder, "two.gz", packed, n, path, sizeof path);
    assert_int_equal(read_lines(path, "one\ntwo\nthree", 13), ST_END);
    memcpy(packed + n, "garbage", 7);
    test_file(f->folder, "tail.gz", packed, n + 7, path, sizeof path);
    assert_int_equal(read_lines(path, "one\ntwo\nthree", 13), ST_INPUT);
    n = xz_of("one\ntw", 6, packed);
    n += xz_of("o\nthree", 7, packed + n);
    test_file(f->folder, "two.xz", packed, n, path, sizeof path);
    assert_int_equal(read_lines(path, "one\ntwo\nthree", 13), ST_END);
    free(packed);
}

/* Cut at many places: never a crash, never taken for a complete file. */
static void cut_everywhere(struct fixture *f, const char *whole)
{
    unsigned char *data = malloc(ROOM);
    FILE *in = fopen(whole, "rb");
    size_t size = fread(data, 1, ROOM, in);
    char path[512];

    fclose(in);
    for (size_t cut = 7; cut < size; cut += 1 + size / 40) {
        test_file(f->folder, "cut", data, cut, path, sizeof path);
        assert_int_equal(read_lines(path, f->text, f->size), ST_INPUT);
    }
    data[size / 2] ^= 0x55;
    test_file(f->folder, "flipped", data, size, path, sizeof path);
    assert_int_equal(read_lines(path, NULL, 0), ST_INPUT);
    free(data);
}

static void test_damage(void **state)
{
    struct fixture *f = *state;

    cut_everywhere(f, f->gz);
    cut_everywhere(f, f->xz);
}

static void test_limit(void **state)
{
    struct fixture *f = *state;
    char path[512], *line;
    struct stream *s;
    size_t n;

    test_file(f->folder, "long", "a\nb\nccccccc\n", 12, path, sizeof path);
    assert_int_equal(stream_open(path, &s), ST_OK);
    assert_int_equal(stream_line(s, 5, &line, &n), ST_OK);
    assert_int_equal(stream_line(s, 5, &line, &n), ST_OK);
    assert_int_equal(stream_line(s, 5, &line, &n), ST_INPUT);
    stream_close(&s);
}

static void test_pieces(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "一二三四\n\nabcdef\nab\xff\xff\xff\xff\xff\nzz";
    static const struct {
        const char *piece;
        int ends;
        int line;
    } want[] = {{"一", 0, 1},       {"二", 0, 1},    {"三", 0, 1}, {"四", 1, 1},
                {"", 1, 2},         {"abcde", 0, 3}, {"f", 1, 3},  {"ab\xff\xff\xff", 0, 4},
                {"\xff\xff", 1, 4}, {"zz", 1, 5}};
    char path[512], *piece;
    struct stream *s;
    size_t n;
    int ends;

    test_file(f->folder, "pieces", text, sizeof text - 1, path, sizeof path);
    assert_int_equal(stream_open(path, &s), ST_OK);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(stream_piece(s, 5, &piece, &n, &ends), ST_OK);
        assert_string_equal(piece, want[i].piece);
        assert_int_equal(n, strlen(want[i].piece));
        assert_int_equal(ends, want[i].ends);
        assert_int_equal(stream_line_number(s), want[i].line);
    }
    assert_int_equal(stream_piece(s, 5, &piece, &n, &ends), ST_END);
    stream_close(&s);
}

/* Lines far longer than the buffer, and content that looks like an end. */
static void test_long_line(void **state)
{
    struct fixture *f = *state;
    size_t size = 3 << 20;
    char *big = malloc(size), path[512], *text;
    struct stream *s;
    size_t n;

    memset(big, 'x', size);
    big[5] = 0;
    big[6] = '\r';
    big[size - 3] = '\n';
    test_file(f->folder, "big", big, size, path, sizeof path);
    assert_int_equal(stream_open(path, &s), ST_OK);
    assert_int_equal(stream_line(s, size, &text, &n), ST_OK);
    assert_int_equal(n, size - 3);
    assert_memory_equal(text, big, n);
    assert_int_equal(stream_line(s, 2, &text, &n), ST_OK);
    assert_string_equal(text, "xx");
    assert_int_equal(stream_line(s, 2, &text, &n), ST_END);
    stream_close(&s);
    free(big);
}

static void test_shrinks(void **state)
{
    struct fixture *f = *state;
    char path[512], *text;
    struct stream *s;
    size_t n;
    status st;

    test_file(f->folder, "shrinks", f->text, f->size, path, sizeof path);
    assert_int_equal(stream_open(path, &s), ST_OK);
    assert_int_equal(truncate(path, (off_t)f->size / 2), 0);
    while ((st = stream_line(s, 1000, &text, &n)) == ST_OK) continue;
    assert_int_equal(st, ST_INPUT);
    stream_close(&s);
}

static void test_cannot_open(void **state)
{
    struct fixture *f = *state;
    struct stream *s;
    char path[512];

    assert_int_equal(stream_open("/no/such/file", &s), ST_INPUT);
    assert_null(s);
    assert_int_equal(stream_open(f->folder, &s), ST_INPUT);
    assert_null(s);
    test_file(f->folder, "empty", "", 0, path, sizeof path);
    assert_int_equal(read_lines(path, "", (size_t)-1), ST_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_lines),   cmocka_unit_test(test_bytes_and_lines_mix),
                                       cmocka_unit_test(test_concatenated), cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_limit),        cmocka_unit_test(test_pieces),
                                       cmocka_unit_test(test_long_line),    cmocka_unit_test(test_shrinks),
                                       cmocka_unit_test(test_cannot_open)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests_name("stream", tests, setup, teardown);
}

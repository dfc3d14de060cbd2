/* WordPiece by hand: what each rule does, and mp2 tokenize to the letter. The reference's own results are in
 * test_wordpiece_reference.c. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/text/wordpiece.h"

enum {
    UNK = 1,
    CLS = 2,
    MASK = 4,
    ZHONG = 5,
    WEN,
    UN,
    AFF,
    ABLE,
    A,
    E,
    LIKE,
    HAN_H,
    HAN_A,
    HAN_N,
    LEFT,
    RIGHT,
    COMMA,
    LONG_X
};
#define PIECES                             \
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" \
    "中\n文\nun\n##aff\n##able\na\ne\n豈\n\u1112\n##\u1161\n##\u11ab\n[\n]\n，\n##x\n"

static int setup(void **state)
{
    struct vocabulary *v;

    if (vocabulary_parse("vocab.txt", PIECES, strlen(PIECES), &v) != ST_OK) return -1;
    *state = v;
    return 0;
}

static int teardown(void **state)
{
    struct vocabulary *v = *state;

    vocabulary_destroy(&v);
    return 0;
}

struct want {
    int32_t id;
    uint32_t start, end;
};

static void check(void **state, const char *text, size_t n, const struct want *want, size_t count)
{
    struct token_list list = {0};

    assert_int_equal(wordpiece_encode(*state, text, n, &list), ST_OK);
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(list.items[i].id, want[i].id);
        assert_int_equal(list.items[i].start, want[i].start);
        assert_int_equal(list.items[i].end, want[i].end);
    }
    token_list_fini(&list);
}

#define CHECK(text, ...)                                                           \
    do {                                                                           \
        const struct want want_[] = {__VA_ARGS__};                                 \
        check(state, text, sizeof(text) - 1, want_, sizeof want_ / sizeof *want_); \
    } while (0)

static void test_words(void **state)
{
    CHECK("unaffable", {UN, 0, 2}, {AFF, 2, 5}, {ABLE, 5, 9});
    CHECK("UNaffABLE a", {UN, 0, 2}, {AFF, 2, 5}, {ABLE, 5, 9}, {A, 10, 11});
    CHECK("unaffect", {UNK, 0, 8});
    CHECK("  a\t\r\xe3\x80\x80"
          "a  ",
          {A, 2, 3}, {A, 8, 9});
    CHECK("a，a", {A, 0, 1}, {COMMA, 1, 4}, {A, 4, 5});
    CHECK("中文a中", {ZHONG, 0, 3}, {WEN, 3, 6}, {A, 6, 7}, {ZHONG, 7, 10});
    check(state, "", 0, NULL, 0);
    check(state, " \t\r\n", 4, NULL, 0);
}

static void test_characters(void **state)
{
    CHECK("\u00c9e\u0301", {UNK, 0, 3}); /* "ee" is no piece */
    CHECK("\u00c9", {E, 0, 2});
    CHECK("e\u0301 a", {E, 0, 1}, {A, 4, 5}); /* the mark belongs to nobody */
    CHECK("\ud55c", {HAN_H, 0, 3}, {HAN_A, 0, 3}, {HAN_N, 0, 3});
    CHECK("\uf900", {LIKE, 0, 3}); /* compatibility form of 豈 */
    CHECK("u\0n", {UN, 0, 3});
    CHECK("u\u200bn\ufffd", {UN, 0, 5});
    CHECK("中\xff\xe4\xb8文\xe4", {ZHONG, 0, 3}, {WEN, 6, 9});
    CHECK("u\xf0\x9f\x92n", {UN, 0, 5});
}

static void test_special_tokens(void **state)
{
    CHECK("[MASK]", {MASK, 0, 6});
    CHECK("a[MASK]a[CLS]", {A, 0, 1}, {MASK, 1, 7}, {A, 7, 8}, {CLS, 8, 13});
    CHECK("[[MASK]", {LEFT, 0, 1}, {MASK, 1, 7});
    CHECK("[mask]", {LEFT, 0, 1}, {UNK, 1, 5}, {RIGHT, 5, 6});
    CHECK("[MASK", {LEFT, 0, 1}, {UNK, 1, 5});
    CHECK("[unused1]", {LEFT, 0, 1}, {UNK, 1, 8}, {RIGHT, 8, 9});
}

/* 100 characters are a word, 101 are [UNK]; counted in characters after clean-up. */
static void test_long_words(void **state)
{
    char text[512];
    size_t n;
    struct token_list list = {0};

    n = (size_t)sprintf(text, "a");
    for (int i = 0; i < 99; i++) n += (size_t)sprintf(text + n, "%s", i % 2 ? "X" : "\u200bx");
    assert_int_equal(wordpiece_encode(*state, text, n, &list), ST_OK);
    assert_int_equal(list.count, 100);
    assert_int_equal(list.items[99].id, LONG_X);
    list.count = 0;
    n += (size_t)sprintf(text + n, "x 中");
    assert_int_equal(wordpiece_encode(*state, text, n, &list), ST_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.items[0].id, UNK);
    assert_int_equal(list.items[0].end, n - 4);
    token_list_fini(&list);
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

static void run(const char *folder, const char *options, const void *in, size_t n, const char *want)
{
    char path[512], vocab[512], out[4096];

    test_file(folder, "vocab.txt", PIECES, strlen(PIECES), vocab, sizeof vocab);
    test_file(folder, "in", in, n, path, sizeof path);
    assert_int_equal(test_run(out, sizeof out, "%s tokenize --vocab %s %s < %s", TEST_MP2, vocab, options, path), 0);
    assert_string_equal(out, want);
}

static void test_command(void **state)
{
    static const char lines[] = "中\n\na\0a\r\n\xff\na\xe2\x80\xa8"
                                "a";
    char folder[256], out[1024];

    (void)state;
    test_folder(folder, sizeof folder);
    run(folder, "", lines, sizeof lines - 1, "[5]\n[]\n[1]\n[]\n[10,10]\n");
    run(folder, "--offsets", lines, sizeof lines - 1,
        "{\"ids\":[5],\"offsets\":[[0,3]]}\n{\"ids\":[],\"offsets\":[]}\n{\"ids\":[1],\"offsets\":[[0,3]]}\n"
        "{\"ids\":[],\"offsets\":[]}\n{\"ids\":[10,10],\"offsets\":[[0,1],[4,5]]}\n");
    run(folder, "", "", 0, "");
    run(folder, "", "\n", 1, "[]\n");
    assert_int_equal(test_run(out, sizeof out, "%s tokenize < /dev/null", TEST_MP2), 2);
    assert_int_equal(test_run(out, sizeof out, "%s tokenize --vocab /no/file < /dev/null", TEST_MP2), 2);
    assert_int_equal(test_run(out, sizeof out, "%s tokenize --vocab %s/vocab.txt --cut < /dev/null", TEST_MP2, folder),
                     2);
    assert_int_equal(
        test_run(out, sizeof out, "echo a | %s tokenize --vocab %s/vocab.txt > /dev/full", TEST_MP2, folder), 1);
    test_folder_remove(folder);
}

/* Through pipes, line by line: an answer comes before the next line is sent. */
static void test_answers_at_once(void **state)
{
    char folder[256], vocab[512], out[256];

    (void)state;
    test_folder(folder, sizeof folder);
    test_file(folder, "vocab.txt", PIECES, strlen(PIECES), vocab, sizeof vocab);
    assert_int_equal(test_run(out, sizeof out,
                              "cd %s && mkfifo in out && "
                              "(timeout 60 %s tokenize --vocab vocab.txt < in > out & exec 3> in 4< out; echo a >&3; "
                              "read -r x <&4; echo 中$x >&3; read -r y <&4; echo \"$x $y\"; exec 3>&-; wait)",
                              folder, TEST_MP2),
                     0);
    assert_string_equal(out, "[10] [5,16,1,17]\n");
    test_folder_remove(folder);
}

/* A line encoded in parts gives what it gives in one piece: Chinese and spaced text, offsets past a part. */
static void test_long_line(void **state)
{
    enum { REPEATS = 30000 };
    static const char part[] = "[MASK]unaffable \u00c9中文a，";
    struct token_list list = {0};
    char folder[256], path[512], *line = malloc(sizeof part * REPEATS), *out = malloc(1 << 24), *p;
    size_t n = 0, used;

    assert_true(line && out);
    for (int i = 0; i < REPEATS; i++) n += (size_t)sprintf(line + n, "%s", part);
    assert_int_equal(wordpiece_encode(*state, line, n, &list), ST_OK);
    test_folder(folder, sizeof folder);
    test_file(folder, "vocab.txt", PIECES, strlen(PIECES), path, sizeof path);
    test_file(folder, "in", line, n, path, sizeof path);
    assert_int_equal(test_run(out, 1 << 24, "%s tokenize --offsets --vocab %s/vocab.txt < %s", TEST_MP2, folder, path),
                     0);
    assert_memory_equal(out, "{\"ids\":[", 8);
    p = out + 8;
    for (size_t i = 0; i < list.count; i++) assert_int_equal(strtol(p + (i > 0), &p, 10), list.items[i].id);
    assert_memory_equal(p, "],\"offsets\":[", 13);
    p += 13;
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(strtol(p + (i > 0) + 1, &p, 10), list.items[i].start);
        assert_int_equal(strtol(p + 1, &p, 10), list.items[i].end);
        p++;
    }
    used = (size_t)(p - out);
    assert_string_equal(out + used, "]}\n");
    test_folder_remove(folder);
    token_list_fini(&list);
    free(line);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words),          cmocka_unit_test(test_characters),
                                       cmocka_unit_test(test_special_tokens), cmocka_unit_test(test_long_words),
                                       cmocka_unit_test(test_command),        cmocka_unit_test(test_answers_at_once),
                                       cmocka_unit_test(test_long_line)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests_name("wordpiece", tests, setup, teardown);
}

/* WordPiece against Hugging Face, with each clean-up and with added tokens: the lines of
 * tests/reference/make_tokenize.py, whose checksums stand in tests/reference/tokenize.txt. The real lines need
 * ../shared/data and are skipped without it. */
#include "tests/support/support.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "cluster/base/file.h"
#include "cluster/base/memory.h"
#include "cluster/base/stream.h"
#include "cluster/base/utf8.h"
#include "coordinator/text/unicode.h"
#include "coordinator/text/wordpiece.h"

#define SHARED TEST_SOURCE_DIR "/../shared/data"
enum { REAL_LINES = 1900, MIXED_LINES = 100000, CONTINUED = 0x2000, LAST = 0x30000, LINE_ROOM = 4096 };

struct sums {
    unsigned long lines, tokens, ids, offsets;
};

static void add_line(struct sums *sums, const struct vocabulary *v, struct token_list *list, const char *text, size_t n)
{
    uint32_t head;

    list->count = 0;
    assert_int_equal(wordpiece_encode(v, text, n, list), ST_OK);
    head = (uint32_t)list->count;
    sums->ids = crc32(sums->ids, (const unsigned char *)&head, sizeof head);
    for (size_t i = 0; i < list->count; i++) {
        const struct token *t = &list->items[i];
        uint32_t span[2] = {t->start, t->end};

        sums->ids = crc32(sums->ids, (const unsigned char *)&t->id, sizeof t->id);
        sums->offsets = crc32(sums->offsets, (const unsigned char *)span, sizeof span);
    }
    sums->lines++;
    sums->tokens += list->count;
}

/* The row of tokenize.txt with that name. */
static void check(const char *name, const struct sums *got)
{
    FILE *in = fopen(TEST_SOURCE_DIR "/tests/reference/tokenize.txt", "r");
    struct sums want = {0};
    char row[32] = "";

    assert_non_null(in);
    while (fscanf(in, "%31s %lu %lu %lx %lx", row, &want.lines, &want.tokens, &want.ids, &want.offsets) == 5)
        if (strcmp(row, name) == 0) break;
    fclose(in);
    assert_string_equal(row, name);
    assert_int_equal(got->lines, want.lines);
    assert_int_equal(got->tokens, want.tokens);
    assert_int_equal(got->ids, want.ids);
    assert_int_equal(got->offsets, want.offsets);
}

static struct vocabulary *made_vocabulary(const struct clean_up *clean, const struct added_tokens *added)
{
    size_t room = (size_t)LAST * 5 + CONTINUED * 6 + 64, n;
    struct vocabulary_parts parts = {.path = "made", .clean = clean, .added = added};
    char *text, *p;
    struct vocabulary *v;

    assert_int_equal(mem_alloc(room, 1, &text), ST_OK);
    p = text;
    p += sprintf(p, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (int within = 0; within < 2; within++)
        for (uint32_t c = 0x21; c < (within ? CONTINUED : LAST); c++) {
            if ((c >= 0xd800 && c < 0xe000) || unicode_is_space(c)) continue;
            if (within) p += sprintf(p, "##");
            p += utf8_encode(c, p);
            *p++ = '\n';
        }
    n = (size_t)(p - text);
    assert_true(n < room);
    parts.lines = text;
    parts.bytes = n;
    assert_int_equal(vocabulary_build(&parts, &v), ST_OK);
    return v;
}

static int setup(void **state)
{
    *state = made_vocabulary(&clean_up_standard, NULL);
    return 0;
}

static int teardown(void **state)
{
    struct vocabulary *v = *state;

    vocabulary_destroy(&v);
    return 0;
}

static void check_points(const struct vocabulary *v, const char *name)
{
    static const struct {
        const char *before, *between, *behind;
    } patterns[] = {{"", NULL, ""}, {"a", NULL, "b"}, {"\u00c9", "\u0316\U0001d165", "x"}};
    struct token_list list = {0};
    struct sums sums = {0};

    for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++)
        for (uint32_t c = 0; c < 0x110000; c++) {
            char text[64], one[5] = {0};
            size_t n, m = utf8_encode(c, one);

            if (c == '\n' || (c >= 0xd800 && c < 0xe000)) continue;
            n = (size_t)sprintf(text, "%s", patterns[k].before);
            memcpy(text + n, one, m);
            n += m;
            if (patterns[k].between) {
                n += (size_t)sprintf(text + n, "%s", patterns[k].between);
                memcpy(text + n, one, m);
                n += m;
            }
            n += (size_t)sprintf(text + n, "%s", patterns[k].behind);
            add_line(&sums, v, &list, text, n);
        }
    check(name, &sums);
    token_list_fini(&list);
}

static uint32_t pick(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 32) % n;
}

static size_t mixed_part(uint64_t *seed, char *out)
{
    static const uint32_t ranges[][2] = {{0x300, 0x70}, {0x1D157, 0x1C}, {0x1100, 0x100}, {0xAC00, 11172},
                                         {0x61, 26},    {0x41, 26},      {0x4E00, 0x100}, {0xC0, 0x180},
                                         {0x302A, 6},   {0x3099, 2},     {0x1DC0, 0x40},  {0x20, 16},
                                         {0x1, 0x20},   {0x2000, 0x70},  {0xFB1D, 0x33},  {0x10000, 0x20000}};
    static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    enum { RANGES = sizeof ranges / sizeof *ranges };
    uint32_t kind = pick(seed, RANGES + 3), n;

    if (kind < RANGES) return utf8_encode(ranges[kind][0] + pick(seed, ranges[kind][1]), out);
    if (kind == RANGES) return (size_t)sprintf(out, "%s", specials[pick(seed, 5)]);
    if (kind == RANGES + 1) return *out = (char)(128 + pick(seed, 128)), 1;
    n = 95 + pick(seed, 10);
    memset(out, 'x', n);
    return n;
}

static void check_mixed(const struct vocabulary *v, const char *name)
{
    struct token_list list = {0};
    struct sums sums = {0};
    uint64_t seed = 1;

    for (int i = 0; i < MIXED_LINES; i++) {
        char line[LINE_ROOM];
        size_t n = 0;

        for (uint32_t parts = 1 + pick(&seed, 12); parts > 0; parts--) {
            size_t m = mixed_part(&seed, line + n);
            if (m != 1 || line[n] != '\n') n += m;
        }
        add_line(&sums, v, &list, line, n);
    }
    check(name, &sums);
    token_list_fini(&list);
}

static void test_points(void **state)
{
    check_points(*state, "points");
}

static void test_mixed(void **state)
{
    check_mixed(*state, "mixed");
}

static void test_forms(void **state)
{
    static const struct {
        const char *points, *mixed;
        struct clean_up clean;
    } forms[] = {{"points-cased", "mixed-cased", {0, 0, 1}},
                 {"points-accents", "mixed-accents", {1, 0, 1}},
                 {"points-cased-strip", "mixed-cased-strip", {0, 1, 1}},
                 {"points-joined", "mixed-joined", {1, 1, 0}}};

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct vocabulary *v = made_vocabulary(&forms[i].clean, NULL);

        check_points(v, forms[i].points);
        check_mixed(v, forms[i].mixed);
        vocabulary_destroy(&v);
    }
}

static void test_added(void **state)
{
    static const char *const raw[] = {"K", "[MASK]x", "\u4e07", "xxxxxxxx"};
    static const char *const cleaned[] = {"ab", "Q", "\u4e01", "\u4e02\u4e03", "z\u4e0f", "\u00c0c", "w v"};
    enum { RAW = sizeof raw / sizeof *raw, CLEANED = sizeof cleaned / sizeof *cleaned };
    struct added_tokens added = {0};

    (void)state;
    for (int i = 0; i < RAW + CLEANED; i++) {
        struct added_token t = {
            .text = i < RAW ? raw[i] : cleaned[i - RAW], .id = -1, .cleaned = i >= RAW, .file = "made"};

        t.n = strlen(t.text);
        assert_int_equal(added_tokens_put(&added, &t), ST_OK);
    }
    for (int cased = 0; cased < 2; cased++) {
        const struct clean_up clean = {!cased, !cased, 1};
        struct vocabulary *v = made_vocabulary(&clean, &added);

        check_mixed(v, cased ? "mixed-added-cased" : "mixed-added");
        vocabulary_destroy(&v);
    }
    added_tokens_fini(&added);
}

static void add_file(struct sums *sums, const struct vocabulary *v, struct token_list *list, const char *path)
{
    struct stream *s;
    char *line;
    size_t n;

    assert_int_equal(stream_open(path, &s), ST_OK);
    for (int i = 0; i < REAL_LINES && stream_line(s, 1 << 20, &line, &n) == ST_OK; i++)
        add_line(sums, v, list, line, n);
    stream_close(&s);
}

static void test_real(void **state)
{
    struct token_list list = {0};
    struct sums sums = {0};
    struct vocabulary *v;
    glob_t files;

    (void)state;
    if (!file_exists(SHARED "/vocab/vocab.txt") || !file_is_folder(SHARED "/corpus"))
        test_skip("../shared/data is not there");
    assert_int_equal(vocabulary_load(SHARED "/vocab/vocab.txt", &v), ST_OK);
    assert_int_equal(glob(SHARED "/corpus/*.txt.xz", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) add_file(&sums, v, &list, files.gl_pathv[i]);
    check("real", &sums);
    globfree(&files);
    token_list_fini(&list);
    vocabulary_destroy(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_points), cmocka_unit_test(test_mixed),
                                       cmocka_unit_test(test_forms), cmocka_unit_test(test_added),
                                       cmocka_unit_test(test_real)};

    return cmocka_run_group_tests_name("wordpiece against the reference", tests, setup, teardown);
}

/* Vocabularies: lines as Hugging Face reads them, look-up, digest, bad files. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/random.h"
#include "coordinator/text/wordpiece.h"

#define HEAD "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

static struct vocabulary *parse(const char *text)
{
    struct vocabulary *v;

    assert_int_equal(vocabulary_parse("vocab.txt", text, strlen(text), &v), ST_OK);
    return v;
}

static int32_t id_of(const struct vocabulary *v, const char *text)
{
    return vocabulary_id(v, text, strlen(text));
}

static void test_look_up(void **state)
{
    struct vocabulary *v = parse(HEAD "中\n##ing\na b");
    size_t n;
    int32_t id;

    (void)state;
    assert_int_equal(vocabulary_size(v), 8);
    assert_int_equal(id_of(v, "[PAD]"), 0);
    assert_int_equal(id_of(v, "中"), 5);
    assert_int_equal(id_of(v, "##ing"), 6);
    assert_int_equal(id_of(v, "a b"), 7);
    assert_int_equal(id_of(v, "ing"), -1);
    assert_int_equal(id_of(v, ""), -1);
    assert_string_equal(vocabulary_text(v, 5, &n), "中");
    assert_int_equal(n, 3);
    assert_null(vocabulary_text(v, 8, NULL));
    assert_null(vocabulary_text(v, -1, NULL));
    assert_int_equal(vocabulary_need(v, "[SEP]", &id), ST_OK);
    assert_int_equal(id, 3);
    assert_int_equal(vocabulary_need(v, "[OTHER]", &id), ST_INPUT);
    vocabulary_destroy(&v);
    assert_null(v);
}

/* White space at the end of a line, empty lines, equal lines (the last id counts): as the reference loads them. */
static void test_lines(void **state)
{
    struct vocabulary *v = parse(HEAD "a \r\n\nb\u3000\t\na\n c\n");

    (void)state;
    assert_int_equal(vocabulary_size(v), 10);
    assert_int_equal(id_of(v, "a"), 8);
    assert_string_equal(vocabulary_text(v, 5, NULL), "a");
    assert_int_equal(id_of(v, ""), 6);
    assert_int_equal(id_of(v, "b"), 7);
    assert_int_equal(id_of(v, " c"), 9);
    assert_int_equal(id_of(v, "c"), -1);
    vocabulary_destroy(&v);
}

static void test_digest(void **state)
{
    struct vocabulary *a = parse(HEAD "x\ny\n"), *b = parse("[PAD]\r\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nx \ny");
    struct vocabulary *c = parse(HEAD "xy\n");

    (void)state;
    assert_int_equal(strlen(vocabulary_digest(a)), 32);
    assert_string_equal(vocabulary_digest(a), vocabulary_digest(b));
    assert_string_not_equal(vocabulary_digest(a), vocabulary_digest(c));
    vocabulary_destroy(&a);
    vocabulary_destroy(&b);
    vocabulary_destroy(&c);
}

static void test_bad_files(void **state)
{
    static const char *const bad[] = {"", "[PAD]\n[CLS]\n[SEP]\n",
                                      HEAD "ok\nb\xff"
                                           "ad\n",
                                      HEAD "\xe4\xb8\n", HEAD "\xed\xa0\x80\n"};
    struct vocabulary *v;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vocabulary_parse("vocab.txt", bad[i], strlen(bad[i]), &v), ST_INPUT);
        assert_null(v);
    }
    assert_int_equal(vocabulary_load("/no/such/vocab.txt", &v), ST_INPUT);
    assert_null(v);
    assert_int_equal(vocabulary_load("/tmp", &v), ST_INPUT);
    assert_null(v);
}

/* Enough pieces that the tables grow several times. */
static void test_many(void **state)
{
    static char text[1 << 20];
    size_t n = (size_t)sprintf(text, HEAD);
    struct vocabulary *v;
    char piece[32];

    (void)state;
    for (int i = 0; i < 50000; i++) n += (size_t)sprintf(text + n, "%s%d\n", i % 2 ? "##" : "w", i);
    v = parse(text);
    assert_int_equal(vocabulary_size(v), 50005);
    for (int i = 0; i < 50000; i++) {
        sprintf(piece, "%s%d", i % 2 ? "##" : "w", i);
        assert_int_equal(id_of(v, piece), i + 5);
    }
    vocabulary_destroy(&v);
}

/* Random bytes after a good head: read or refused, and text encodes with what was read. */
static void test_random_bytes(void **state)
{
    struct random_key key = random_seed(1, RANDOM_DEMO);
    struct token_list list = {0};

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        char text[128] = HEAD;
        size_t n = strlen(text), more = 1 + random_word(key, 1000 * i) % 60;
        struct vocabulary *v;

        for (size_t k = 0; k < more; k++) {
            uint32_t word = random_word(key, 1000 * i + 1 + k);
            text[n++] = (char)(word % 4 == 0 ? '\n' : word % 4 == 1 ? '#' : word >> 8 & (i % 2 ? 0x7f : 0xff));
        }
        if (vocabulary_parse("vocab.txt", text, n, &v) != ST_OK) continue;
        list.count = 0;
        assert_int_equal(wordpiece_encode(v, text, n, &list), ST_OK);
        for (size_t k = 0; k < list.count; k++) assert_non_null(vocabulary_text(v, list.items[k].id, NULL));
        vocabulary_destroy(&v);
    }
    token_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_look_up), cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_digest),  cmocka_unit_test(test_bad_files),
                                       cmocka_unit_test(test_many),    cmocka_unit_test(test_random_bytes)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests_name("vocabulary", tests, NULL, NULL);
}

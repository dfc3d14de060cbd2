/* Forward maximum matching over pieces: the longest word from the left, never a part of a piece's word. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "worker/train/masking.h"
#include "coordinator/text/wordpiece.h"
#include "coordinator/mlm/word_list.h"
#include "tests/support/support.h"

static struct vocabulary *vocabulary(void)
{
    static const char text[] =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n\u4e2d\n\u56fd\n\u4eba\n\u6c11\n\u94f6\n\u884c\nplay\n##ing\n##s\nok\n";
    struct vocabulary *v;

    assert_int_equal(vocabulary_parse("test", text, sizeof text - 1, &v), ST_OK);
    return v;
}

static status load(const char *text, size_t n, const struct vocabulary *v, struct word_list **out)
{
    char folder[4096], path[4200];
    status s;
    FILE *f;

    test_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/words.txt", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    s = word_list_load(path, v, out);
    test_folder_remove(folder);
    return s;
}

/* Marked text as digits: 1 where a piece is joined. */
static void check(const struct word_list *w, const struct vocabulary *v, const char *text, const char *expected)
{
    struct token_list tokens = {0};
    int32_t marked[64];
    char found[64];

    assert_int_equal(wordpiece_encode(v, text, strlen(text), &tokens), ST_OK);
    assert_int_equal(tokens.count, strlen(expected));
    for (size_t i = 0; i < tokens.count; i++)
        marked[i] = tokens.items[i].id | (vocabulary_text(v, tokens.items[i].id, NULL)[0] == '#' ? TOKEN_JOINED : 0);
    word_list_mark(w, marked, (int64_t)tokens.count);
    for (size_t i = 0; i <= tokens.count; i++) {
        found[i] = (char)(i == tokens.count ? 0 : marked[i] & TOKEN_JOINED ? '1' : '0');
        if (i < tokens.count) assert_int_equal(token_id(marked[i]), tokens.items[i].id);
    }
    assert_string_equal(found, expected);
    token_list_fini(&tokens);
}

static void test_matching(void **state)
{
    static const char words[] = "\u4e2d\u56fd 8000 "
                                "ns\n\u4e2d\u56fd\u4eba\t12\n\u56fd\u4eba\n\u4eba\u6c11\n\u94f6\u884c\n\u4eba\u6c11"
                                "\u94f6\u884c\r\n\u4e2d\n\u5929\u5730\n\nok play\nok\n";
    struct vocabulary *v = vocabulary();
    struct word_list *w;

    (void)state;
    assert_int_equal(load(words, sizeof words - 1, v, &w), ST_OK);
    assert_int_equal(word_list_count(w),
                     6); /* single pieces, and words with a piece the vocabulary lacks, are left out */
    assert_int_equal(strlen(word_list_digest(w)), 32);
    check(w, v, "\u4e2d\u56fd\u4eba\u6c11\u94f6\u884c", "011001"); /* from the left: three, one, two */
    check(w, v, "\u4e2d\u56fd\u6c11", "010");
    check(w, v, "\u4eba\u6c11\u94f6\u884c\u4e2d", "01110");
    check(w, v, "\u4eba\u6c11\u94f6", "010"); /* a longer word that does not end */
    check(w, v, "playing ok plays", "01001");
    word_list_destroy(&w);
    vocabulary_destroy(&v);
}

static void test_bad(void **state)
{
    struct vocabulary *v = vocabulary();
    struct word_list *w;

    (void)state;
    assert_int_equal(load("", 0, v, &w), ST_INPUT);
    assert_int_equal(load("\u4e2d\n\u5929\u5730\n", 11, v, &w), ST_INPUT);
    assert_int_equal(load("\xff\n", 2, v, &w), ST_INPUT);
    assert_int_equal(word_list_load("/does/not/exist", v, &w), ST_INPUT);
    assert_null(w);
    vocabulary_destroy(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matching), cmocka_unit_test(test_bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

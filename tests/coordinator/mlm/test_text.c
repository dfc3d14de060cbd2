/* Text to a stream of tokens: the split by content, documents, damage. */
#include <stdio.h>
#include <string.h>

#include "coordinator/mlm/text.h"
#include "tests/support/support.h"

enum { LENGTH = 32, DOCUMENTS = 400 };

static const char digest[] = "0123456789abcdef0123456789abcdef";

static struct vocabulary *vocabulary(void)
{
    static const char text[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\n";
    struct vocabulary *v;

    assert_int_equal(vocabulary_parse("test", text, sizeof text - 1, &v), ST_OK);
    return v;
}

static void write_text(const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    for (int i = 0; i < DOCUMENTS; i++) {
        for (int j = 0; j < 12; j++) fprintf(f, "%c ", 'a' + (i >> j % 9 & 1) * 3 + (i * (j + 3)) % 5);
        fputs(i % 3 ? "\n" : "\n\n", f);
    }
    assert_int_equal(fclose(f), 0);
}

static void make(const char *folder, const struct vocabulary *v, enum documents documents, const char *tag,
                 struct token_text out[2])
{
    char path[4200];
    const char *paths[] = {path};
    struct option_list texts = {1, paths};
    struct mlm_source source = {&texts, documents, 0.25, v, NULL, tag, NULL};

    snprintf(path, sizeof path, "%s/text.txt", folder);
    write_text(path);
    assert_int_equal(mlm_text_make(&source, folder), ST_OK);
    assert_int_equal(token_text_open(folder, "train.ids", tag, &out[0]), ST_OK);
    assert_int_equal(token_text_open(folder, "heldout.ids", tag, &out[1]), ST_OK);
}

static int64_t separators(const struct token_text *t)
{
    int64_t n = 0;

    for (int64_t i = 0; i < t->count; i++) n += t->tokens[i] == 3;
    return n;
}

static void test_files(void **state)
{
    struct vocabulary *v = vocabulary();
    struct token_text lines[2], blocks[2], other;
    char folder[4096];

    (void)state;
    test_folder(folder, sizeof folder);
    make(folder, v, DOCUMENTS_LINE, digest, lines);
    assert_int_equal(separators(&lines[0]) + separators(&lines[1]), DOCUMENTS);
    assert_int_equal(lines[0].count + lines[1].count, DOCUMENTS * 13);
    assert_in_range(separators(&lines[1]), DOCUMENTS / 8, DOCUMENTS / 2);
    assert_int_equal(token_text_open(folder, "train.ids", "another", &other), ST_INPUT);
    make(folder, v, DOCUMENTS_BLOCK, "another", blocks);
    assert_int_equal(separators(&blocks[0]) + separators(&blocks[1]), (DOCUMENTS + 2) / 3);
    for (int i = 0; i < 2; i++) {
        token_text_close(&lines[i]);
        token_text_close(&blocks[i]);
    }
    vocabulary_destroy(&v);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A vocabulary from a small corpus: the layout, what is learned, determinism, and bad input. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/text/corpus.h"
#include "coordinator/text/merges.h"
#include "coordinator/text/vocabulary.h"
#include "coordinator/text/vocabulary_make.h"

struct fixture {
    char folder[256], a[512], b[512], out[512];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char text[20000];
    size_t n = (size_t)sprintf(text, "\xef\xbb\xbf");

    assert_non_null(f);
    test_folder(f->folder, sizeof f->folder);
    for (int i = 0; i < 50; i++) n += (size_t)sprintf(text + n, "中文，中文。Lower LOWEST newer wider 龘\n");
    test_file(f->folder, "b.txt", text, n, f->b, sizeof f->b);
    n = 0;
    for (int i = 0; i < 20; i++) n += (size_t)sprintf(text + n, "中国 newest é\n");
    test_file(f->folder, "a.txt", text, n, f->a, sizeof f->a);
    test_file(f->folder, "notes.md", "\xff", 1, text, sizeof text);
    assert_int_equal(file_join(f->out, sizeof f->out, f->folder, "vocab"), ST_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    test_folder_remove(f->folder);
    free(f);
    return 0;
}

static struct vocabulary_plan plan_of(const struct fixture *f, const char *const *texts)
{
    return (struct vocabulary_plan){.texts = {1, texts},
                                    .vocab = f->out,
                                    .size = 400,
                                    .least = 5,
                                    .characters = 100,
                                    .unused = 9,
                                    .placeholder = {100, 8},
                                    .always = "：",
                                    .words = 1000};
}

static int32_t id_of(const struct vocabulary *v, const char *text)
{
    return vocabulary_id(v, text, strlen(text));
}

static void test_layout(void **state)
{
    const struct fixture *f = *state;
    const char *texts[] = {f->folder};
    struct vocabulary_plan plan = plan_of(f, texts);
    struct vocabulary_made made;
    struct vocabulary *v;

    assert_int_equal(vocabulary_make(&plan, &made), ST_OK);
    assert_int_equal(vocabulary_load(f->out, &v), ST_OK);
    assert_int_equal(vocabulary_size(v), made.rows);
    assert_int_equal(id_of(v, "[PAD]"), 0);
    assert_int_equal(id_of(v, "[unused9]"), 9);
    assert_int_equal(id_of(v, "[UNK]"), 10);
    assert_int_equal(id_of(v, "[MASK]"), 13);
    assert_int_equal(id_of(v, "[unused10]"), 100);
    assert_int_equal(id_of(v, "[unused17]"), 107);
    assert_int_equal(id_of(v, "!"), 14);
    assert_true(id_of(v, "中") < id_of(v, "文")); /* 120 and 100 times */
    assert_true(id_of(v, "文") < id_of(v, "国"));
    assert_true(id_of(v, "：") > 0 && id_of(v, "，") > 0 && id_of(v, "[") > 0 && id_of(v, "##z") > 0);
    assert_true(id_of(v, "龘") > 0);
    assert_int_equal(id_of(v, "##中"), -1);
    assert_int_equal(id_of(v, "L"), -1);
    assert_true(id_of(v, "lower") > 0 && id_of(v, "newest") > 0);
    assert_int_equal(made.covered, made.seen);
    assert_int_equal(made.lines, 70);
    vocabulary_destroy(&v);
}

/* Folder or list, once or twice: the same bytes. A small memory of words forgets, and still ends. */
static void test_same_bytes(void **state)
{
    const struct fixture *f = *state;
    const char *folder[] = {f->folder}, *files[] = {f->a, f->b};
    struct vocabulary_plan plan = plan_of(f, folder);
    struct vocabulary_made made;
    char *first, *second;
    size_t n, m;

    assert_int_equal(vocabulary_make(&plan, &made), ST_OK);
    assert_int_equal(file_read(f->out, 1 << 20, &first, &n), ST_OK);
    plan.texts = (struct option_list){2, files};
    assert_int_equal(vocabulary_make(&plan, &made), ST_OK);
    assert_int_equal(file_read(f->out, 1 << 20, &second, &m), ST_OK);
    assert_int_equal(n, m);
    assert_memory_equal(first, second, n);
    plan.words = 2;
    assert_int_equal(vocabulary_make(&plan, &made), ST_OK);
    mem_free(first);
    mem_free(second);
}

static void test_limits(void **state)
{
    const struct fixture *f = *state;
    const char *texts[] = {f->b};
    struct vocabulary_plan plan = plan_of(f, texts);
    struct vocabulary_made made;

    plan.least = 50;
    plan.characters = 2;
    assert_int_equal(vocabulary_make(&plan, &made), ST_OK);
    assert_true(made.covered < made.seen);
    plan = plan_of(f, texts);
    plan.size = 600;
    plan.placeholder.first = 200; /* past what the text fills: rows are made up */
    plan.placeholder.count = 300;
    plan.least = 1000000;
    assert_int_equal(vocabulary_make(&plan, &made), ST_OK);
    assert_int_equal(made.rows, 500);
    assert_int_equal(made.pieces, 0);
}

static void test_bad_input(void **state)
{
    const struct fixture *f = *state;
    char bad[512], empty[512];
    const char *texts[] = {f->a};
    struct vocabulary_plan plan = plan_of(f, texts);
    struct vocabulary_made made;

    test_file(f->folder, "bad", "中\n\xe4\xb8", 6, bad, sizeof bad);
    test_file(f->folder, "empty", "\n\n", 2, empty, sizeof empty);
    remove(f->out);
    texts[0] = bad;
    assert_int_equal(vocabulary_make(&plan, &made), ST_INPUT);
    texts[0] = empty;
    assert_int_equal(vocabulary_make(&plan, &made), ST_INPUT);
    texts[0] = "/no/such/text";
    assert_int_equal(vocabulary_make(&plan, &made), ST_INPUT);
    texts[0] = f->a;
    plan.placeholder.first = 5;
    assert_int_equal(vocabulary_make(&plan, &made), ST_INPUT);
    plan = plan_of(f, texts);
    plan.size = 107;
    assert_int_equal(vocabulary_make(&plan, &made), ST_INPUT);
    plan = plan_of(f, texts);
    plan.texts.count = 0;
    assert_int_equal(vocabulary_make(&plan, &made), ST_INPUT);
    assert_int_equal(file_exists(f->out), 0);
    remove(bad);
    remove(empty);
}

/* Counts by hand: "low" 5, "lower" 2, "newest" 6, "widest" 3 (the example of Sennrich et al.). */
static void test_merges(void **state)
{
    static const struct {
        const char *word;
        int64_t count;
    } words[] = {{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}};
    static const char *const letters[] = {"l", "n", "w", "##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w"};
    static const char *const want[] = {"##es", "##est", "lo", "low", "ne", "##west", "newest"};
    struct text_count counted, pieces;
    size_t item;

    (void)state;
    assert_int_equal(text_count_init(&counted), ST_OK);
    assert_int_equal(text_count_init(&pieces), ST_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(text_count_item(&counted, words[i].word, strlen(words[i].word), &item), ST_OK);
        counted.items[item].count = words[i].count;
    }
    for (size_t i = 0; i < 11; i++)
        assert_int_equal(text_count_item(&pieces, letters[i], strlen(letters[i]), &item), ST_OK);
    assert_int_equal(merges_learn(&counted, &pieces, 11 + 7, 1, NULL, NULL), ST_OK);
    assert_int_equal(pieces.item_count, 18);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(pieces.items[11 + i].n, strlen(want[i]));
        assert_memory_equal(text_count_text(&pieces, 11 + i), want[i], strlen(want[i]));
    }
    text_count_fini(&counted);
    text_count_fini(&pieces);
}

static void test_corpus(void **state)
{
    const struct fixture *f = *state;
    const char *texts[] = {f->folder};
    const struct option_list list = {1, texts};
    struct corpus c;
    char *text;
    size_t n;
    int ends, starts = 0, lines = 0;

    assert_int_equal(corpus_open(&list, &c), ST_OK);
    assert_int_equal(c.count, 2);
    for (int pass = 0; pass < 2; pass++) {
        while (corpus_next(&c, 1000, &text, &n, &ends) == ST_OK) {
            if (corpus_file_starts(&c)) {
                starts++;
                assert_memory_equal(text, "中", 3); /* no byte order mark */
            }
            lines += ends;
        }
        assert_int_equal(corpus_bytes_read(&c), c.bytes);
        corpus_rewind(&c);
    }
    assert_int_equal(starts, 4);
    assert_int_equal(lines, 140);
    corpus_close(&c);
}

static void test_command(void **state)
{
    const struct fixture *f = *state;
    struct vocabulary_plan plan;
    struct options options;
    char out[2048];

    assert_int_equal(options_load(vocabulary_plan_options, vocabulary_plan_option_count, &plan,
                                  TEST_SOURCE_DIR "/configs/vocab.yaml", NULL, 0, &options),
                     ST_OK);
    options_fini(&options);
    assert_int_equal(test_run(out, sizeof out, "%s vocab %s --set texts=%s --set vocab=%s --set size=1200", TEST_MP2,
                              TEST_SOURCE_DIR "/configs/vocab.yaml", f->folder, f->out),
                     0);
    assert_non_null(strstr(out, "1100 rows"));
    assert_int_equal(test_run(out, sizeof out, "%s vocab --set texts=%s", TEST_MP2, f->folder), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout), cmocka_unit_test(test_same_bytes),
                                       cmocka_unit_test(test_limits), cmocka_unit_test(test_bad_input),
                                       cmocka_unit_test(test_merges), cmocka_unit_test(test_corpus),
                                       cmocka_unit_test(test_command)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests_name("vocabulary from a corpus", tests, setup, teardown);
}

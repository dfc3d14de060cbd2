/* Shards: what is written is read; a changed, cut, foreign or mixed file is refused. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "tests/support/tasks.h"

static const char entry[] =
    "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”？'\nlabels: [是, 否]\nsplit: {dev: 0}\nsources:\n"
    "  - folder: x\n    format: table\n    files: {train: f}\n    columns: [a, y]\n    fields: {a: a}\n    label: y\n";
static const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};

static void setup(struct tasks *t)
{
    tasks_open(t);
    tasks_entry(t, "x", entry);
    tasks_raw(t, "f", "甲\t是\n乙丙\t否\n");
    assert_int_equal(tasks_import(t, 0, NULL), ST_OK);
}

static void test_damage(void **state)
{
    struct dataset *d;
    struct tasks t;
    char path[800], *bytes;
    size_t n;

    (void)state;
    setup(&t);
    snprintf(path, sizeof path, "%s/x/train.shard", t.shards);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &n), ST_OK);
    for (size_t i = 0; i < n; i++) { /* every byte counts */
        bytes[i] ^= 0x10;
        test_file(t.shards, "x/train.shard", bytes, n, path, sizeof path);
        assert_int_equal(tasks_dataset(&t, "x", &form, &d), ST_INPUT);
        bytes[i] ^= 0x10;
    }
    for (size_t i = 0; i < n; i += 7) {
        test_file(t.shards, "x/train.shard", bytes, i, path, sizeof path);
        assert_int_equal(tasks_dataset(&t, "x", &form, &d), ST_INPUT);
    }
    assert_int_equal(file_replace(path, bytes, n), ST_OK);
    assert_int_equal(tasks_dataset(&t, "x", &form, &d), ST_OK);
    dataset_close(&d);
    mem_free(bytes);
    tasks_close(&t);
}

/* Texts by which answers are scored: every byte counts, they are not left out, and are those of their shard. */
static void test_texts(void **state)
{
    static const char find[] =
        "name: Y\nkind: extractive\nupstream: 1\ntemplate: '：“{context}”问“{question}'\nsplit: {dev: 0}\nsources:\n"
        "  - folder: x\n    format: table\n    files: {train: g}\n    columns: [c, q, a]\n"
        "    fields: {context: c, question: q}\n    answers: a\n";
    struct dataset *d;
    struct tasks t;
    char path[800], *bytes;
    double f1;
    size_t n;

    (void)state;
    setup(&t);
    tasks_entry(&t, "y", find);
    tasks_raw(&t, "g", "甲䦗丙\t问\t䦗\n甲丁丙\t问\t丁丙\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
    assert_int_equal(tasks_dataset(&t, "y", &form, &d), ST_OK);
    assert_int_equal(dataset_answer_f1(d, 0, SPLIT_TRAIN, 0, 1, 1, &f1), ST_OK);
    assert_float_equal(f1, 1, 1e-15);
    assert_int_equal(dataset_answer_f1(d, 0, SPLIT_TRAIN, 1, 0, 1, &f1), ST_OK);
    assert_float_equal(f1, 0.5, 1e-15);
    dataset_close(&d);
    snprintf(path, sizeof path, "%s/y/train.texts", t.shards);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &n), ST_OK);
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x10;
        test_file(t.shards, "y/train.texts", bytes, n, path, sizeof path);
        assert_int_equal(tasks_dataset(&t, "y", &form, &d), ST_INPUT);
        bytes[i] ^= 0x10;
    }
    assert_int_equal(remove(path), 0);
    assert_int_equal(tasks_dataset(&t, "y", &form, &d), ST_INPUT);
    tasks_raw(&t, "g", "甲䦗丙丁\t问\t䦗\n甲丁丙\t问\t丁丙\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
    test_file(t.shards, "y/train.texts", bytes, n, path, sizeof path);
    assert_int_equal(tasks_dataset(&t, "y", &form, &d), ST_INPUT);
    mem_free(bytes);
    tasks_close(&t);
}

/* A shard of one import beside those of another, of another split, of another task. */
static void test_mixed(void **state)
{
    struct dataset *d;
    struct tasks t;
    char train[800], dev[800], *old, *other;
    size_t n, m;

    (void)state;
    setup(&t);
    snprintf(train, sizeof train, "%s/x/train.shard", t.shards);
    snprintf(dev, sizeof dev, "%s/x/dev.shard", t.shards);
    assert_int_equal(file_read(train, 1 << 20, &old, &n), ST_OK);
    assert_int_equal(file_read(dev, 1 << 20, &other, &m), ST_OK);
    assert_int_equal(file_replace(train, other, m), ST_OK);
    assert_int_equal(tasks_dataset(&t, "x", &form, &d), ST_INPUT);
    tasks_raw(&t, "f", "甲\t是\n乙丁\t否\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
    assert_int_equal(tasks_dataset(&t, "x", &form, &d), ST_OK);
    dataset_close(&d);
    assert_int_equal(file_replace(train, old, n), ST_OK);
    assert_int_equal(tasks_dataset(&t, "x", &form, &d), ST_INPUT);
    mem_free(old);
    mem_free(other);
    tasks_close(&t);
}

/* A vocabulary in which two labels cannot be told apart, or a special token is missing. */
static void test_vocabulary(void **state)
{
    static const char poor[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n，\n甲\n",
                      none[] = "[PAD]\n[UNK]\n[CLS]\n[MASK]\n，\n是\n否\n";
    struct tasks t;
    char path[800];

    (void)state;
    setup(&t);
    test_file(t.folder, "vocab.txt", poor, sizeof poor - 1, path, sizeof path);
    assert_int_equal(tasks_import(&t, 0, NULL), ST_INPUT);
    test_file(t.folder, "vocab.txt", none, sizeof none - 1, path, sizeof path);
    assert_int_equal(tasks_import(&t, 0, NULL), ST_INPUT);
    tasks_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage), cmocka_unit_test(test_texts),
                                       cmocka_unit_test(test_mixed), cmocka_unit_test(test_vocabulary)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

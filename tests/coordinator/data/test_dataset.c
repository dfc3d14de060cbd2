/* Rows as inputs: every token of every kind, what is cut and where, windows, and the reference's ways. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "tests/support/tasks.h"

#define TABLE "    format: table\n    files: {train: f}\n"
static const char labels[] =
    "name: X\nkind: labels\nupstream: 2\ntemplate: '：“{a}”？{b}。'\nlabels: [是, 否无]\nsplit: {dev: 0}\n"
    "variants:\n  head: {labels: [对, 否], template: '“{b}”{a}。'}\n"
    "sources:\n  - folder: x\n" TABLE "    columns: [a, b, y]\n    fields: {a: a, b: b}\n    label: y\n";
static const char choices[] =
    "name: X\nkind: choices\nupstream: 1\ntemplate: '“{a}”问{b}：'\nshorten: [a]\nsplit: {dev: 0}\n"
    "sources:\n  - folder: x\n" TABLE "    columns: [a, b, o, p, y]\n    fields: {a: a, b: b}\n"
    "    options: [o, p]\n    answer: y\n";
static const char find[] = "name: X\nkind: extractive\nno_answer: 无问\nupstream: 0\ntemplate: "
                           "'：无问“{context}”问{question}'\nsplit: {dev: 0}\n"
                           "sources:\n  - folder: x\n    format: jsonl\n    files: {train: f}\n"
                           "    fields: {context: c, question: q}\n    answers: a\n    impossible: n\n";

struct opened {
    struct tasks t;
    struct dataset *d;
    struct example_buffer buffer;
    struct example e;
};

static void setup(struct opened *o, const char *entry, const char *text, int prompt, int max_length, int reference)
{
    const struct input_form form = {prompt, TASKS_PLACEHOLDER, max_length, reference};

    memset(o, 0, sizeof *o);
    tasks_open(&o->t);
    tasks_entry(&o->t, "x", entry);
    tasks_raw(&o->t, "f", text);
    assert_int_equal(tasks_import(&o->t, 0, NULL), ST_OK);
    assert_int_equal(tasks_dataset(&o->t, "x", &form, &o->d), ST_OK);
}

static void teardown(struct opened *o)
{
    example_buffer_fini(&o->buffer);
    dataset_close(&o->d);
    tasks_close(&o->t);
}

static void take(struct opened *o, int64_t row)
{
    assert_int_equal(dataset_example(o->d, 0, SPLIT_TRAIN, row, &o->buffer, &o->e), ST_OK);
    assert_int_equal(o->e.length, dataset_length(o->d, 0, SPLIT_TRAIN, row));
}

/* The ids are [CLS], the prompt, text, and [SEP] where sep. */
static void assert_text(const struct example *e, int prompt, const char *text, int sep)
{
    int32_t want[600] = {TASKS_CLS};
    int n = 1;

    for (int i = 0; i < prompt; i++) want[n++] = TASKS_PLACEHOLDER + i;
    n += tasks_ids(text, want + n);
    if (sep) want[n++] = TASKS_SEP;
    assert_int_equal(e->length, n);
    assert_memory_equal(e->ids, want, (size_t)n * sizeof *want);
}

static void assert_span(const int32_t *span, int first, int last)
{
    assert_int_equal(span[0], first);
    assert_int_equal(span[1], last);
}

static void test_labels(void **state)
{
    struct opened o;

    (void)state;
    setup(&o, labels, "甲乙\t丙\t否无\n", 2, 64, FORM_RIGHT);
    take(&o, 0);
    assert_text(&o.e, 2, "：“甲乙”？丙。是，否无，", 0);
    assert_int_equal(o.e.options, 2);
    assert_span(o.e.option[0], 11, 11);
    assert_span(o.e.option[1], 13, 14);
    assert_int_equal(o.e.label, 1);
    assert_int_equal(o.e.start, 13);
    assert_int_equal(o.e.end, 14);
    assert_string_equal(dataset_task(o.d, 0)->words[1], "否无");
    assert_string_equal(dataset_task(o.d, 0)->label_set, "x/1");
    assert_float_equal(dataset_majority(o.d, 0, SPLIT_TRAIN), 1, 0);
    teardown(&o);
    setup(&o, labels, "甲乙\t丙\t否无\n", 2, 64, FORM_REFERENCE_HEAD);
    take(&o, 0);
    assert_text(&o.e, 2, "“丙”甲乙。对，否，", 0);
    assert_int_equal(o.e.start, 11);
    teardown(&o);
}

static void test_labels_cut(void **state)
{
    struct opened o;
    int64_t rows;

    (void)state;
    /* 24 tokens in all: 3 + 5 + 5 are fixed, so 11 are left for the fields */
    setup(&o, labels,
          "甲甲甲甲甲甲甲甲甲甲甲甲\t丙丙丙\t是\n甲甲甲甲甲甲甲甲\t丙丙丙丙丙丙丙\t是\n甲\t丙丙丙丙丙丙丙丙丙\t否无\n",
          2, 24, FORM_RIGHT);
    rows = dataset_rows(o.d, 0, SPLIT_TRAIN);
    assert_int_equal(rows, 3);
    assert_int_equal(dataset_shortened(o.d, 0, SPLIT_TRAIN), 2);
    take(&o, 0);
    assert_text(&o.e, 2, "：“甲甲甲甲甲甲甲甲”？丙丙丙。是，否无，", 0);
    take(&o, 1);
    assert_text(&o.e, 2, "：“甲甲甲甲甲甲”？丙丙丙丙丙。是，否无，", 0);
    take(&o, 2);
    assert_int_equal(o.e.length, 23);
    teardown(&o);
    /* the reference cuts the template's end: field, mark and all */
    setup(&o, labels, "甲甲甲甲甲甲甲甲甲甲甲甲\t丙丙丙\t是\n", 2, 24, FORM_REFERENCE_RUN);
    take(&o, 0);
    assert_text(&o.e, 2, "：“甲甲甲甲甲甲甲甲甲甲甲甲”？是，否无，", 0);
    teardown(&o);
}

static void test_choices(void **state)
{
    struct opened o;

    (void)state;
    setup(&o, choices, "甲乙\t丙\t丁戊\t己\t0\n甲甲甲甲甲甲甲甲甲甲\t丙丙丙\t丁\t己\t1\n", 2, 20, FORM_RIGHT);
    take(&o, 0);
    assert_text(&o.e, 2, "“甲乙”问丙：丁戊，己", 1);
    assert_span(o.e.option[0], 10, 11);
    assert_span(o.e.option[1], 13, 13);
    assert_int_equal(o.e.start, 10);
    assert_int_equal(o.e.end, 11);
    take(&o, 1);
    assert_text(&o.e, 2, "“甲甲甲甲甲甲”问丙丙丙：丁，己", 1); /* the document alone is cut */
    assert_int_equal(o.e.label, 1);
    teardown(&o);
    setup(&o, choices, "甲甲甲甲甲甲甲甲甲甲\t丙丙丙\t丁\t己\t1\n", 2, 20, FORM_REFERENCE_RUN);
    take(&o, 0);
    assert_text(&o.e, 2, "“甲甲甲甲甲甲甲甲丁，己", 1); /* 20 - 2 - 2 - 4 with [CLS] and prompt */
    teardown(&o);
}

/* Fields that may not be cut and do not fit: the row is no row. */
static void test_too_long(void **state)
{
    struct opened o;

    (void)state;
    setup(&o, choices, "甲\t丙丙丙丙丙丙丙丙丙丙丙丙丙\t丁\t己\t0\n甲\t丙\t丁\t己\t1\n", 2, 20, FORM_RIGHT);
    assert_int_equal(dataset_rows(o.d, 0, SPLIT_TRAIN), 1);
    assert_int_equal(dataset_dropped(o.d, 0, SPLIT_TRAIN), 1);
    take(&o, 0);
    assert_int_equal(o.e.label, 1);
    assert_int_equal(dataset_label(o.d, 0, SPLIT_TRAIN, 0), 1);
    teardown(&o);
}

static void test_find(void **state)
{
    struct opened o;

    (void)state;
    setup(&o, find, "{\"c\":\"甲乙丙丁\",\"q\":\"戊\",\"a\":\"乙丙\"}\n{\"c\":\"甲\",\"q\":\"己\",\"n\":true}\n", 2, 64,
          FORM_RIGHT);
    take(&o, 0);
    assert_text(&o.e, 2, "：无问“甲乙丙丁”问戊", 1);
    assert_int_equal(o.e.options, 0);
    assert_int_equal(o.e.label, -1);
    assert_int_equal(o.e.start, 8);
    assert_int_equal(o.e.end, 9);
    assert_int_equal(o.e.context_first, 7);
    assert_int_equal(o.e.context_last, 10);
    assert_int_equal(o.e.gold_count, 1);
    assert_int_equal(o.e.gold[0].count, 2);
    assert_int_equal(o.e.gold[0].ids[1], tasks_id("丙"));
    assert_int_equal(o.e.none_first, 4);
    assert_int_equal(o.e.none_last, 5);
    take(&o, 1);
    assert_int_equal(o.e.gold_count, 0);
    assert_int_equal(o.e.start, 4);
    assert_int_equal(o.e.end, 5);
    teardown(&o);
}

/* A context of 100 tokens, 40 in all: training shows the answer, evaluation shows every token, the answer whole
 * somewhere. */
static void test_windows(void **state)
{
    char text[8192];
    size_t n = 0;
    struct opened o;
    int places[64] = {0}, distinct = 0;

    (void)state;
    for (int row = 0; row < 32; row++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"q\":\"%s%s\",\"a\":\"乙丙\",\"c\":\"",
                              tasks_characters[6 + row % 10], tasks_characters[6 + row / 10]);
        for (int i = 0; i < 49; i++) n += (size_t)snprintf(text + n, sizeof text - n, "%s", i == 30 ? "乙丙" : "丁");
        n += (size_t)snprintf(text + n, sizeof text - n, "\"}\n");
    }
    setup(&o, find, text, 2, 40, FORM_RIGHT);
    assert_int_equal(dataset_rows(o.d, 0, SPLIT_TRAIN), 32);
    assert_int_equal(dataset_shortened(o.d, 0, SPLIT_TRAIN), 32);
    for (int row = 0; row < 32; row++) {
        int windows = dataset_windows(o.d, 0, SPLIT_TRAIN, row), whole = 0, covered = 0;
        take(&o, row);
        assert_int_equal(o.e.length, 40);
        assert_int_equal(o.e.ids[o.e.start], tasks_id("乙"));
        assert_int_equal(o.e.end, o.e.start + 1);
        assert_in_range(o.e.start, o.e.context_first, o.e.context_last - 1);
        places[o.e.start]++;
        assert_true(windows > 1);
        for (int w = 0; w < windows; w++) {
            assert_int_equal(dataset_window(o.d, 0, SPLIT_TRAIN, row, w, &o.buffer, &o.e), ST_OK);
            assert_int_equal(o.e.length, 40);
            covered += o.e.context_last - o.e.context_first + 1;
            if (o.e.start < 0) continue;
            assert_int_equal(o.e.ids[o.e.start], tasks_id("乙"));
            assert_int_equal(o.e.ids[o.e.end], tasks_id("丙"));
            whole++;
        }
        assert_true(whole > 0);
        assert_true(covered >= 50);
    }
    for (int i = 0; i < 64; i++) distinct += places[i] > 0;
    assert_true(distinct > 4); /* the answer's place in the window tells nothing */
    teardown(&o);
    setup(&o, find,
          "{\"c\":\"乙\",\"q\":\"戊\",\"a\":\"乙\"}\n{\"c\":\"丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁丁乙\","
          "\"q\":\"戊\",\"a\":\"乙\"}\n",
          2, 30, FORM_REFERENCE_RUN);
    assert_int_equal(dataset_rows(o.d, 0, SPLIT_TRAIN), 1); /* Q7: too long is dropped */
    assert_int_equal(dataset_dropped(o.d, 0, SPLIT_TRAIN), 1);
    teardown(&o);
}

static void test_refused(void **state)
{
    const struct input_form forms[] = {{2, 1 << 20, 64, 0}, {2, -1, 64, 0}, {2, 5, 16, 0},
                                       {60, 5, 64, 0},      {2, 5, 64, 3},  {-1, 5, 64, 0}};
    const char *unknown = "y", *up = "../x";
    struct dataset *d;
    struct opened o;

    (void)state;
    setup(&o, labels, "甲乙\t丙\t否无\n", 2, 64, FORM_RIGHT);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_int_equal(tasks_dataset(&o.t, "x", &forms[i], &d), ST_INPUT);
    assert_int_equal(
        dataset_open(o.t.shards, &(struct option_list){1, &unknown}, &(struct input_form){2, 5, 64, 0}, &d), ST_INPUT);
    assert_int_equal(dataset_open(o.t.shards, &(struct option_list){1, &up}, &(struct input_form){2, 5, 64, 0}, &d),
                     ST_INPUT);
    assert_int_equal(dataset_open(o.t.shards, &(struct option_list){2, (const char *[]){"x", "x"}},
                                  &(struct input_form){2, 5, 64, 0}, &d),
                     ST_INPUT);
    assert_int_equal(dataset_open(o.t.folder, &(struct option_list){0, NULL}, &(struct input_form){2, 5, 64, 0}, &d),
                     ST_INPUT);
    teardown(&o);
}

/* The order is the reference's, and the digest knows rows, order and form. */
static void test_order_and_digest(void **state)
{
    const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0}, longer = {3, TASKS_PLACEHOLDER, 64, 0};
    const struct option_list all = {0, NULL}, order = {2, (const char *[]){"c", "b"}};
    struct dataset *d;
    struct tasks t;
    char digests[5][33];

    (void)state;
    tasks_open(&t);
    tasks_entry(&t, "a", labels);
    tasks_entry(&t, "b", choices);
    tasks_entry(&t, "c", find);
    tasks_raw(&t, "f", "{\"c\":\"甲乙\",\"q\":\"戊\",\"a\":\"乙\"}\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_INPUT); /* a and b cannot read it */
    test_folder_remove(t.shards);
    tasks_entry(&t, "a",
                "name: A\nkind: labels\nupstream: 2\ntemplate: '{c}。'\nlabels: [戊, 否]\nsplit: {dev: 0}\nsources:\n  "
                "- folder: x\n"
                "    format: jsonl\n    files: {train: f}\n    fields: {c: c}\n    label: q\n");
    tasks_entry(&t, "b",
                "name: B\nkind: labels\nupstream: 1\ntemplate: '{c}。'\nlabels: [戊, 否]\nsplit: {dev: 0}\nsources:\n  "
                "- folder: x\n"
                "    format: jsonl\n    files: {train: f}\n    fields: {c: c}\n    label: q\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
    assert_int_equal(dataset_open(t.shards, &all, &form, &d), ST_OK);
    assert_int_equal(dataset_tasks(d), 3);
    assert_string_equal(dataset_task(d, 0)->id, "c");
    assert_string_equal(dataset_task(d, 1)->id, "b");
    assert_string_equal(dataset_task(d, 2)->id, "a");
    dataset_close(&d);
    assert_int_equal(dataset_open(t.shards, NULL, &form, &d), ST_OK); /* every task: here all are upstream */
    assert_int_equal(dataset_tasks(d), 3);
    dataset_close(&d);
    assert_int_equal(dataset_open(t.shards, &all, &form, &d), ST_OK);
    snprintf(digests[0], 33, "%s", dataset_digest(d));
    dataset_close(&d);
    assert_int_equal(dataset_open(t.shards, &order, &form, &d), ST_OK);
    assert_int_equal(dataset_tasks(d), 2);
    snprintf(digests[1], 33, "%s", dataset_digest(d));
    dataset_close(&d);
    assert_int_equal(dataset_open(t.shards, &all, &longer, &d), ST_OK);
    snprintf(digests[2], 33, "%s", dataset_digest(d));
    dataset_close(&d);
    tasks_raw(&t, "f", "{\"c\":\"甲丙\",\"q\":\"戊\",\"a\":\"丙\"}\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
    assert_int_equal(dataset_open(t.shards, &all, &form, &d), ST_OK);
    snprintf(digests[3], 33, "%s", dataset_digest(d));
    dataset_close(&d);
    tasks_raw(&t, "f", "{\"c\":\"甲乙\",\"q\":\"戊\",\"a\":\"乙\"}\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
    assert_int_equal(dataset_open(t.shards, &all, &form, &d), ST_OK);
    snprintf(digests[4], 33, "%s", dataset_digest(d));
    dataset_close(&d);
    assert_string_equal(digests[0], digests[4]);
    for (int i = 1; i < 4; i++) assert_string_not_equal(digests[0], digests[i]);
    tasks_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels),  cmocka_unit_test(test_labels_cut),
                                       cmocka_unit_test(test_choices), cmocka_unit_test(test_too_long),
                                       cmocka_unit_test(test_find),    cmocka_unit_test(test_windows),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_order_and_digest)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

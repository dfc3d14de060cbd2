/* Rows of the same input with different labels, counted by hand, and the accuracy that they leave. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/ceiling.h"
#include "tests/support/tasks.h"

static const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};

static struct ceiling ceiling_of(const struct tasks *t, enum split split)
{
    struct dataset *d;
    struct ceiling c;

    assert_int_equal(tasks_dataset(t, "x", &form, &d), ST_OK);
    assert_int_equal(ceiling_find(d, 0, split, &c), ST_OK);
    dataset_close(&d);
    return c;
}

static void test_labels(void **state)
{
    static const char entry[] = "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”“{b}”？'\nlabels: [是, 否, "
                                "对]\nsplit: {dev: 0}\nsources:\n"
                                "  - folder: x\n    format: table\n    files: {train: f, dev: g}\n    columns: [a, b, "
                                "y]\n    fields: {a: a, b: b}\n"
                                "    label: y\n";
    struct ceiling c;
    struct tasks t;

    (void)state;
    tasks_open(&t);
    tasks_entry(&t, "x", entry);
    /* 甲 乙: 是 是 否, 甲乙 丙 and 甲 乙丙: one field is not the other's end, 丁 丁: 对 twice, 䦗 and 䦘 look alike: 是
     * 否 对 */
    tasks_raw(&t, "f",
              "甲\t乙\t是\n甲乙\t丙\t是\n丁\t丁\t对\n甲\t乙\t否\n甲\t乙丙\t否\n甲\t乙\t是\n丁\t丁\t对\n䦗\t乙\t是\n䦘\t"
              "乙\t否\n䦗\t乙\t对\n");
    tasks_raw(&t, "g", "戊\t己\t是\n己\t戊\t否\n");
    assert_int_equal(tasks_import(&t, 0, NULL), ST_OK);
    c = ceiling_of(&t, SPLIT_TRAIN);
    assert_int_equal(c.rows, 6);
    assert_float_equal(c.accuracy, 7.0 / 10, 1e-15);
    c = ceiling_of(&t, SPLIT_DEV);
    assert_int_equal(c.rows, 0);
    assert_float_equal(c.accuracy, 1, 1e-15);
    c = ceiling_of(&t, SPLIT_TEST);
    assert_int_equal(c.rows, 0);
    assert_true(isnan(c.accuracy));
    tasks_close(&t);
}

static void test_choices(void **state)
{
    static const char entry[] =
        "name: X\nkind: choices\nupstream: 0\ntemplate: '“{a}”？'\nshorten: [a]\nsplit: {dev: 0}\nsources:\n"
        "  - folder: x\n    format: jsonl\n    files: {train: f}\n    fields: {a: q}\n    options: o\n    answer: y\n";
    struct import_report r;
    struct ceiling c;
    struct tasks t;

    (void)state;
    tasks_open(&t);
    tasks_entry(&t, "x", entry);
    tasks_raw(
        &t, "f",
        "{\"q\":\"甲\",\"o\":[\"乙\",\"丙\"],\"y\":0}\n{\"q\":\"甲\",\"o\":[\"丙\",\"乙\"],\"y\":1}\n{\"q\":\"甲\","
        "\"o\":[\"乙\",\"丙\"],\"y\":1}\n"
        "{\"q\":\"甲\",\"o\":[\"䦗\",\"䦘\",\"乙\"],\"y\":0}\n{\"q\":\"丁\",\"o\":[\"乙\",\"䦗丙\",\"䦘丙\"],\"y\":0}\n"
        "{\"q\":\"丁\",\"o\":[\"乙\",\"乙\",\"䦘\"],\"y\":0}\n");
    assert_int_equal(tasks_import(&t, 0, &r), ST_OK);
    c = ceiling_of(&t, SPLIT_TRAIN);
    assert_int_equal(c.rows, 2);
    assert_float_equal(c.accuracy, 5.0 / 6, 1e-15);
    /* options that the vocabulary cannot tell apart, and what it does not know at all */
    assert_int_equal(r.tally.lines, 3); /* and the repeated input */
    assert_string_equal(r.tally.line[0].what, "two options have the same tokens in this vocabulary");
    assert_int_equal(r.tally.line[0].count, 2);
    assert_string_equal(r.tally.line[1].what, "two options are equal");
    assert_int_equal(r.count[SPLIT_TRAIN].tokens, 6 + 15 + 2);
    assert_int_equal(r.count[SPLIT_TRAIN].unknown, 5);
    assert_int_equal(r.count[SPLIT_TRAIN].items, 15);
    assert_int_equal(r.count[SPLIT_TRAIN].unknown_items, 5);
    tasks_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels), cmocka_unit_test(test_choices)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

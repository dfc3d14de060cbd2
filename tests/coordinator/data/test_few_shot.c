/* Few-shot draws: k per label in order, disjoint, the same for the same seed, and a message when a label is short. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/few_shot.h"
#include "tests/support/tasks.h"

static const char entry[] =
    "name: X\nkind: labels\nupstream: 0\ntemplate: '“{a}”？'\nlabels: [是, 否]\nsplit: {dev: 0}\nsources:\n"
    "  - folder: x\n    format: table\n    files: {train: f}\n    columns: [a, y]\n    fields: {a: a}\n    label: y\n";
static const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};

static void setup(struct tasks *t, struct dataset **d, int yes, int no)
{
    static char text[16384];
    size_t n = 0;

    tasks_open(t);
    tasks_entry(t, "x", entry);
    for (int i = 0; i < yes + no; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s\t%s\n", tasks_characters[6 + i / 10],
                              tasks_characters[6 + i % 10], i < yes ? "是" : "否");
    tasks_raw(t, "f", text);
    assert_int_equal(tasks_import(t, 0, NULL), ST_OK);
    assert_int_equal(tasks_dataset(t, "x", &form, d), ST_OK);
}

static void test_draw(void **state)
{
    struct few_shot a, b, c;
    struct dataset *d;
    struct tasks t;
    int used[100] = {0};

    (void)state;
    setup(&t, &d, 60, 40);
    assert_int_equal(few_shot_draw(d, 0, 16, 42, &a), ST_OK);
    assert_int_equal(few_shot_draw(d, 0, 16, 42, &b), ST_OK);
    assert_int_equal(few_shot_draw(d, 0, 16, 43, &c), ST_OK);
    assert_int_equal(a.split, SPLIT_TRAIN);
    assert_int_equal(a.train_count, 32);
    assert_int_equal(a.dev_count, 32);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(dataset_label(d, 0, a.split, a.train[i]), i / 16);
        assert_int_equal(dataset_label(d, 0, a.split, a.dev[i]), i / 16);
        used[a.train[i]]++;
        used[a.dev[i]]++;
    }
    for (int i = 0; i < 100; i++) assert_true(used[i] <= 1);
    assert_memory_equal(a.train, b.train, 32 * sizeof *a.train);
    assert_memory_equal(a.dev, b.dev, 32 * sizeof *a.dev);
    assert_memory_not_equal(a.train, c.train, 32 * sizeof *a.train);
    few_shot_fini(&a);
    few_shot_fini(&b);
    few_shot_fini(&c);
    assert_int_equal(few_shot_draw(d, 0, 20, 42, &a), ST_OK);
    few_shot_fini(&a);
    assert_int_equal(few_shot_draw(d, 0, 21, 42, &a), ST_INPUT); /* 否 has 40 */
    assert_int_equal(few_shot_draw(d, 0, 0, 42, &a), ST_INPUT);
    dataset_close(&d);
    tasks_close(&t);
}

static void test_standard(void **state)
{
    const struct task pair = {.kind = TASK_LABELS, .classes = 2, .few_shot = 16},
                      nli = {.kind = TASK_LABELS, .classes = 3, .few_shot = 11},
                      star = {.kind = TASK_LABELS, .classes = 5, .few_shot = 7},
                      topic = {.kind = TASK_LABELS, .classes = 15}, find = {.kind = TASK_EXTRACTIVE, .few_shot = 32};

    (void)state;
    assert_int_equal(few_shot_standard(&pair, 0), 16);
    assert_int_equal(few_shot_standard(&nli, 0), 11);
    assert_int_equal(few_shot_standard(&nli, 1), 10);
    assert_int_equal(few_shot_standard(&star, 0), 7);
    assert_int_equal(few_shot_standard(&star, 1), 6);
    assert_int_equal(few_shot_standard(&topic, 0), 8);
    assert_int_equal(few_shot_standard(&topic, 1), 8);
    assert_int_equal(few_shot_standard(&find, 1), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draw), cmocka_unit_test(test_standard)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

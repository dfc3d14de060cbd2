/* The table of scores: a line a task, the means of every group, however many there are, and of both kinds; and what
 * goes into the record of an evaluation. */
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/pretrain/scores.h"
#include "tests/support/tasks.h"

enum { TASKS = 20 }; /* each a group of its own, but the last two, which are in one; the first has no rows */

static const char entry[] =
    "name: X\nkind: labels\nupstream: %d\ntemplate: '“{a}”？'\nlabels: [是, 否]\nsplit: {dev: 0}\nsources:\n"
    "  - folder: x\n    format: table\n    files: {train: f}\n    columns: [a, y]\n    fields: {a: a}\n    label: y\n";

static void make(struct tasks *t, struct dataset **data)
{
    const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};
    const struct option_list all = {0};
    char groups[2048], yaml[1024], id[8], path[700];
    size_t n = 0;

    tasks_open(t);
    for (int i = 0; i < TASKS; i++) {
        snprintf(id, sizeof id, "t%02d", i);
        snprintf(yaml, sizeof yaml, entry, i);
        tasks_entry(t, id, yaml);
        n += (size_t)snprintf(groups + n, sizeof groups - n, "%s\tgroup-%02d\n", id, i < TASKS - 1 ? i : TASKS - 2);
    }
    test_file(t->raw, "groups.tsv", groups, n, path, sizeof path);
    tasks_raw(t, "f", "甲\t是\n乙\t否\n丙\t是\n");
    assert_int_equal(tasks_import(t, 0, NULL), ST_OK);
    assert_int_equal(dataset_open(t->shards, &all, &form, data), ST_OK);
    assert_int_equal(dataset_tasks(*data), TASKS);
}

static int lines_with(FILE *f, const char *text)
{
    char line[512];
    int n = 0;

    rewind(f);
    while (fgets(line, sizeof line, f)) n += strstr(line, text) != NULL;
    return n;
}

static void test_table(void **state)
{
    struct pretrain_shape shape = {
        .layers = 1, .tokens = 2, .hidden = 4, .modules = 2, .intrinsic = 3, .tasks = TASKS, .groups = 1, .batch = 1};
    struct state_task first[TASKS] = {{0}};
    struct task_scores *s;
    struct job_eval e = {0};
    struct dataset *data;
    struct tasks t;
    FILE *f = tmpfile();

    (void)state;
    assert_non_null(f);
    make(&t, &data);
    pretrain_shape_complete(&shape);
    assert_int_equal(task_scores_new(data, &shape, &s), ST_OK);
    assert_false(s->complete);
    task_scores_begin(s, SPLIT_TRAIN);
    for (int i = 0; i < TASKS; i++)
        task_scores_add(s, i, SPLIT_TRAIN, &(struct eval_result){.rows = i > 0 ? 3 : 0, .score = i / 100.0, .loss = 1});
    task_scores_end(s, 1, 2.5, &e);
    assert_int_equal(e.record.task_count, TASKS - 1);
    assert_int_equal(e.record.tasks[0].task, 1);
    assert_true(e.record.mean > .0999 && e.record.mean < .1001); /* of .01 … .19 */
    assert_int_equal(e.message->n_scores, TASKS - 1);
    assert_true(e.record.subset && s->complete);

    task_scores_print(s, first, SPLIT_TRAIN, f);
    assert_int_equal(lines_with(f, "labels and choices            19 tasks  mean 0.100"), 1);
    assert_int_equal(lines_with(f, "group-00"), 0);
    for (int i = 1; i < TASKS - 1; i++) {
        char group[16], text[64];
        int last = i == TASKS - 2;

        snprintf(group, sizeof group, "group-%02d", i);
        snprintf(text, sizeof text, "%-28s %3d tasks  mean %.3f", group, 1 + last, last ? (.18 + .19) / 2 : i / 100.0);
        assert_int_equal(lines_with(f, text), 1);
    }
    fclose(f);
    task_scores_destroy(&s);
    dataset_close(&data);
    tasks_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

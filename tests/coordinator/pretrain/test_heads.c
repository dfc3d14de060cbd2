/* Which head a task uses, and the means that new tasks start from. */
#include "coordinator/pretrain/heads.h"
#include "tests/support/support.h"
#include "tests/support/tasks.h"

#include "cluster/base/log.h"

#define LABELS(order)                                                                                       \
    "name: A\nkind: labels\nupstream: " order "\ntemplate: '{c}。'\nlabels: [戊, 否]\nsplit: {dev: 0}\n" \
    "sources:\n  - folder: x\n    format: jsonl\n    files: {train: f}\n    fields: {c: c}\n    label: q\n"
#define SPANS                                                                                                        \
    "name: B\nkind: extractive\nno_answer: 无问\nupstream: 2\ntemplate: '：无问“{context}”问{question}'\n" \
    "split: {dev: 0}\nsources:\n  - folder: x\n    format: jsonl\n    files: {train: g}\n"                           \
    "    fields: {context: c, question: q}\n    answers: a\n"

static const struct input_form form = {2, TASKS_PLACEHOLDER, 64, 0};

/* Tasks 0 and 2 have options; 1, unless all have, looks for spans. */
static struct dataset *open_three(struct tasks *t, int spans)
{
    const struct option_list all = {0, NULL};
    struct dataset *d;

    tasks_open(t);
    tasks_entry(t, "a", LABELS("1"));
    tasks_entry(t, "b", spans ? SPANS : LABELS("2"));
    tasks_entry(t, "c", LABELS("3"));
    tasks_raw(t, "f", "{\"c\":\"甲乙\",\"q\":\"戊\"}\n");
    tasks_raw(t, "g", "{\"c\":\"甲乙\",\"q\":\"丙\",\"a\":[{\"text\":\"乙\"}]}\n");
    assert_int_equal(tasks_import(t, 0, NULL), ST_OK);
    assert_int_equal(dataset_open(t->shards, &all, &form, &d), ST_OK);
    assert_int_equal(dataset_tasks(d), 3);
    return d;
}

static void test_which(void **state)
{
    static const int expected[3][3] = {[HEADS_ONE] = {0, 0, 0}, [HEADS_KINDS] = {0, 1, 0}, [HEADS_TASKS] = {0, 1, 2}};
    struct tasks t;
    struct dataset *d = open_three(&t, 1);

    (void)state;
    for (int heads = 0; heads < 3; heads++)
        for (int task = 0; task < 3; task++)
            assert_int_equal(heads_of_task((enum heads)heads, d, task), expected[heads][task]);
    assert_int_equal(heads_count(HEADS_ONE, 3), 1);
    assert_int_equal(heads_count(HEADS_KINDS, 3), 2);
    assert_int_equal(heads_count(HEADS_TASKS, 3), 3);
    dataset_close(&d);
    tasks_close(&t);
}

static void test_means(void **state)
{
    const float heads[3][2] = {{1, -2}, {10, 20}, {4, 8}};
    float out[2][2];
    struct tasks t;
    struct dataset *d = open_three(&t, 1);

    (void)state;
    heads_means(d, 2, heads[0], out[0]);
    assert_true(out[0][0] == 2.5f && out[0][1] == 3 && out[1][0] == 10 && out[1][1] == 20);
    dataset_close(&d);
    tasks_close(&t);
    d = open_three(&t, 0); /* no spans: theirs is the mean of all */
    heads_means(d, 2, heads[0], out[0]);
    assert_true(out[0][0] == 5 && out[1][0] == 5);
    assert_true(out[0][1] == (float)(26 / 3.0) && out[1][1] == out[0][1]);
    dataset_close(&d);
    tasks_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_which), cmocka_unit_test(test_means)};

    log_init('-', -1, LOG_SILENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Raw text asked about becomes the same input as the row that was imported from it: ids, options, windows. */
#include "tests/support/support.h"

#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/data/question.h"
#include "tests/support/tasks.h"

#define JSONL "    format: jsonl\n    files: {train: f}\n"
static const char labels[] = "name: X\nkind: labels\ntemplate: '：“{a}”？{b}。'\nlabels: [是, 否无]\n"
                             "sources:\n  - folder: x\n" JSONL "    fields: {a: a, b: b}\n    label: y\n";
static const char choices[] = "name: X\nkind: choices\ntemplate: '“{a}”问{b}：'\nshorten: [a]\n"
                              "sources:\n  - folder: x\n" JSONL "    fields: {a: a, b: b}\n"
                              "    options: options\n    answer: y\n";
static const char find[] = "name: X\nkind: extractive\nno_answer: 无问\ntemplate: '：无问“{context}”问{question}'\n"
                           "sources:\n  - folder: x\n" JSONL
                           "    fields: {context: context, question: question}\n    answers: y\n    impossible: n\n";

static const char *const label_rows[] = {
    "{\"a\": \"甲乙\", \"b\": \"丙\", \"y\": \"是\"}", "{\"a\": \" 甲 0 \", \"b\": 12, \"y\": \"否无\"}",
    "{\"a\": \"子丑寅卯子丑寅卯子丑寅卯子丑寅卯子丑寅卯\", \"b\": \"庚辛壬癸庚辛壬癸庚辛壬癸庚辛壬癸\", \"y\": \"是\"}",
    "{\"a\": \"丁\", \"b\": \"戊\", \"y\": \"否无\"}", NULL};
static const char *const choice_rows[] = {
    "{\"a\": \"甲乙\", \"b\": \"丙\", \"options\": [\"子\", \"丑寅\", \"卯0\"], \"y\": 1}",
    "{\"a\": \"甲\", \"b\": \"丙丁\", \"options\": [\"子丑\", \"1\"], \"y\": 0}",
    "{\"a\": \"子丑寅卯子丑寅卯子丑寅卯子丑寅卯子丑寅卯\", \"b\": \"庚\", \"options\": [\"子\", \"丑寅\"], \"y\": 0}",
    "{\"a\": \"戊\", \"b\": \"己\", \"options\": [\"2\", \"3\"], \"y\": 0}", NULL};
static const char *const find_rows[] = {
    "{\"context\": \"甲乙丙丁\", \"question\": \"子\", \"y\": \"乙丙\"}",
    "{\"context\": \"甲乙丙丁\", \"question\": \"丑\", \"y\": [], \"n\": true}",
    "{\"context\": \"子丑寅卯甲乙丙丁戊己庚辛壬癸子丑寅卯甲乙丙丁戊己庚辛壬癸子丑寅卯甲乙丙丁戊己庚辛壬癸012345\", "
    "\"question\": \"寅\", \"y\": \"己庚\"}",
    "{\"context\": \"庚 辛壬\", \"question\": \"丑\", \"y\": \"辛\"}", NULL};

/* The dataset's example e is that of some split: every row is looked for in all of them by its ids. */
static int found(const struct dataset *d, const struct example *x, int windows, int window)
{
    struct example_buffer buffer = {0};
    int yes = 0;

    for (int s = 0; s < SPLIT_COUNT && !yes; s++)
        for (int64_t row = 0; row < dataset_rows(d, 0, (enum split)s) && !yes; row++) {
            struct example e;

            if (dataset_windows(d, 0, (enum split)s, row) != windows) continue;
            assert_int_equal(dataset_window(d, 0, (enum split)s, row, window, &buffer, &e), ST_OK);
            yes = e.length == x->length && memcmp(e.ids, x->ids, (size_t)e.length * sizeof *e.ids) == 0 &&
                  e.options == x->options && e.context_first == x->context_first && e.context_last == x->context_last &&
                  e.context_skip == x->context_skip && e.none_first == x->none_first && e.none_last == x->none_last &&
                  (e.options == 0 || memcmp(e.option, x->option, (size_t)e.options * sizeof *e.option) == 0);
        }
    example_buffer_fini(&buffer);
    return yes;
}

static void compare(const char *entry, const char *const *rows, int most_windows)
{
    const struct input_form form = {3, TASKS_PLACEHOLDER, 48, FORM_RIGHT};
    struct example_buffer buffer = {0};
    struct vocabulary *vocabulary;
    struct question *question;
    struct input_rule rule;
    struct dataset *d;
    struct meta meta;
    char text[4096] = "";
    const char *description;
    struct tasks t;
    int widest = 0;
    size_t n;

    tasks_open(&t);
    tasks_entry(&t, "x", entry);
    for (int i = 0; rows[i]; i++) strcat(strcat(text, rows[i]), "\n");
    tasks_raw(&t, "f", text);
    assert_int_equal(tasks_import(&t, 1, NULL), ST_OK);
    assert_int_equal(tasks_dataset(&t, "x", &form, &d), ST_OK);
    description = dataset_description(d, 0, &n);
    assert_int_equal(meta_parse("x", description, n, &meta), ST_OK);
    assert_int_equal(input_rule_init(&meta, &form, &rule), ST_OK);
    assert_int_equal(vocabulary_load(t.vocab, &vocabulary), ST_OK);
    assert_int_equal(question_new(&rule, vocabulary, &question), ST_OK);
    for (int i = 0; rows[i]; i++) {
        json_t *row = json_loads(rows[i], 0, NULL);
        const char *why, *detail;

        assert_int_equal(question_take(question, row, &why, &detail), ST_OK);
        assert_null(why);
        if (question_windows(question) > widest) widest = question_windows(question);
        for (int w = 0; w < question_windows(question); w++) {
            struct example x;

            assert_int_equal(question_window(question, w, &buffer, &x), ST_OK);
            assert_int_equal(x.start, -1);
            assert_int_equal(x.end, -1);
            assert_true(found(d, &x, question_windows(question), w));
        }
        json_decref(row);
    }
    assert_int_equal(widest, most_windows);
    question_destroy(&question);
    vocabulary_destroy(&vocabulary);
    example_buffer_fini(&buffer);
    meta_fini(&meta);
    dataset_close(&d);
    tasks_close(&t);
}

static void same_inputs(void **state)
{
    (void)state;
    compare(labels, label_rows, 1);
    compare(choices, choice_rows, 1);
    compare(find, find_rows, 2);
}

/* What cannot be asked comes back with its reason. */
static void reasons(void **state)
{
    static const struct {
        const char *row, *why;
    } cases[] = {{"{\"a\": \"甲\", \"options\": [\"子\", \"丑\"]}", "a field is missing or no text"},
                 {"{\"a\": \" \", \"b\": \"甲\", \"options\": [\"子\", \"丑\"]}", "a field is empty"},
                 {"{\"a\": \"甲\", \"b\": [], \"options\": [\"子\", \"丑\"]}", "a field is missing or no text"},
                 {"{\"a\": \"甲\", \"b\": \"甲\"}", "fewer than two options, or none"},
                 {"{\"a\": \"甲\", \"b\": \"甲\", \"options\": [\"子\", \"\"]}", "empty option"},
                 {"{\"a\": \"甲\", \"b\": \"子丑寅卯子丑寅卯子丑寅卯子丑寅卯子丑寅卯子丑寅卯子丑寅卯子丑寅卯\", "
                  "\"options\": [\"子\", \"丑\"]}",
                  "the row cannot be cut to fit"}};
    const struct input_form form = {3, TASKS_PLACEHOLDER, 40, FORM_RIGHT};
    struct vocabulary *vocabulary;
    struct question *question;
    struct input_rule rule;
    struct catalogue c;
    struct meta meta;
    struct tasks t;
    char *text;
    size_t n;

    (void)state;
    tasks_open(&t);
    assert_int_equal(vocabulary_load(t.vocab, &vocabulary), ST_OK);
    assert_int_equal(catalogue_parse("x.yaml", choices, strlen(choices), &c), ST_OK);
    assert_int_equal(meta_make(&c.entry[0], &c.entry[0].source[0], "", vocabulary, &text, &n), ST_OK);
    assert_int_equal(meta_parse("x", text, n, &meta), ST_OK);
    assert_int_equal(input_rule_init(&meta, &form, &rule), ST_OK);
    assert_int_equal(question_new(&rule, vocabulary, &question), ST_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *row = json_loads(cases[i].row, 0, NULL);
        const char *why, *detail;

        assert_int_equal(question_take(question, row, &why, &detail), ST_OK);
        assert_non_null(why);
        assert_string_equal(why, cases[i].why);
        json_decref(row);
    }
    question_destroy(&question);
    meta_fini(&meta);
    mem_free(text);
    catalogue_free(&c);
    vocabulary_destroy(&vocabulary);
    tasks_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_inputs), cmocka_unit_test(reasons)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

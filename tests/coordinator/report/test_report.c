/* Reports: what the numbers are, that missing cells show, that hostile names stay text, that damaged cells are
 * refused. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/report/html.h"

static const enum method methods[] = {METHOD_GRADIENT, METHOD_PROMPT};
static const int64_t seeds[] = {8, 13, 21};
static const char *const names[] = {"one", "two"};
static const struct option_list tasks = {2, names};

/* Scores by task, method, seed; NAN: the cell is not there. */
static const double scores[2][2][3] = {{{0.5, 0.6, 0.7}, {0.4, 0.4, 0.4}}, {{0.8, 0.9, 1.0}, {0.9, 0.7, NAN}}};

static void write_cell(const char *run, const char *task, enum method method, int64_t seed, double test,
                       const char *metric)
{
    char folder[900], text[2048], path[1000];
    int n;

    assert_int_equal(cell_folder(run, task, method, seed, folder, sizeof folder), ST_OK);
    assert_int_equal(file_make_folder(folder), ST_OK);
    n = snprintf(text, sizeof text,
                 "{\"version\": 1, \"task\": \"%s\", \"method\": \"%s\", \"seed\": %d, \"k\": 4, \"metric\": \"%s\", "
                 "\"dev\": 0.5,"
                 "\"dev_loss\": 1, \"test\": %.17g, \"test_loss\": null, \"test_split\": \"test\", \"test_rows\": 10, "
                 "\"majority\": 0.5,"
                 "\"untuned_dev\": 0.25, \"train_loss\": 1, \"steps\": 20, \"evaluations\": 0, \"parameters\": %d,"
                 "\"best_stage\": \"router\", \"best_at\": 5, \"seconds\": 2, \"ranks\": 1, \"config_digest\": \"%s\","
                 "\"layers\": %d, \"modules\": %d, \"router\": %s}",
                 task, method_text(method), (int)seed, metric, test, method == METHOD_GRADIENT ? 64 : 8,
                 seed == 21 && method == METHOD_GRADIENT && strcmp(task, "one") == 0 ? "b" : "a",
                 method == METHOD_GRADIENT ? 2 : 0, method == METHOD_GRADIENT ? 2 : 0,
                 method == METHOD_GRADIENT ? "[[0.9, 0.1], [0.7, 0.3]]" : "[]");
    test_file(folder, "result.json", text, (size_t)n, path, sizeof path);
    n = snprintf(text, sizeof text,
                 "{\"stage\": \"start\", \"step\": 0, \"evaluations\": 0, \"loss\": 2, \"dev\": 0.25}\n"
                 "{\"stage\": \"router\", \"step\": 20, \"evaluations\": 0, \"loss\": 1, \"dev\": 0.5}\n");
    test_file(folder, "curve.jsonl", text, (size_t)n, path, sizeof path);
}

static void write_run(const char *run)
{
    for (int t = 0; t < 2; t++)
        for (int m = 0; m < 2; m++)
            for (int s = 0; s < 3; s++)
                if (isfinite(scores[t][m][s]))
                    write_cell(run, names[t], methods[m], seeds[s], scores[t][m][s], "accuracy");
}

static void near(double found, double expected)
{
    if (fabs(found - expected) > 1e-12) fail_msg("found %.15g, expected %.15g", found, expected);
}

static void test_numbers(void **state)
{
    struct method_stat gradient, prompt;
    struct paired paired;
    struct report r;
    struct stat s;
    char folder[256], rows[64];

    (void)state;
    test_folder(folder, sizeof folder);
    write_run(folder);
    assert_int_equal(report_collect(folder, &tasks, methods, 2, seeds, 3, &r), ST_OK);
    assert_int_equal(r.found, 11);
    s = report_task_stat(&r, 0, 0);
    assert_int_equal(s.n, 3);
    near(s.mean, 0.6);
    near(s.sd, 0.1);
    s = report_task_stat(&r, 1, 1);
    assert_int_equal(s.n, 2);
    near(s.mean, 0.8);
    near(s.sd, sqrt(0.02));
    gradient = report_method_stat(&r, 0); /* seed means .65 .75 .85 */
    assert_int_equal(gradient.tasks, 2);
    assert_int_equal(gradient.cells, 6);
    near(gradient.score.mean, 0.75);
    near(gradient.score.sd, 0.1);
    assert_int_equal(gradient.most_parameters, 64);
    prompt = report_method_stat(&r, 1); /* task two lacks a seed */
    assert_int_equal(prompt.tasks, 1);
    assert_int_equal(prompt.cells, 5);
    near(prompt.score.mean, 0.4);
    paired = report_paired(&r, 0, 1); /* .1 .2 .3 -.1 .2 */
    assert_int_equal(paired.difference.n, 5);
    near(paired.difference.mean, 0.14);
    near(paired.difference.sd, sqrt(0.092 / 4));
    assert_int_equal(paired.wins, 4);
    assert_int_equal(paired.losses, 1);
    assert_int_equal(report_is_mixed(&r, 0, 0), 1);
    assert_int_equal(report_is_mixed(&r, 1, 0), 0);
    assert_int_equal(report_cell(&r, 0, 0, 0)->count, 2);
    assert_string_equal(report_rows(&r, 1, rows, sizeof rows), "10");
    strcpy(r.cells[6].result.test_split, "dev");
    assert_string_equal(report_rows(&r, 1, rows, sizeof rows), "10 (dev)");
    r.cells[6].result.test_split[0] = 0;
    assert_string_equal(report_rows(&r, 1, rows, sizeof rows), "–");
    report_fini(&r);
    s = stat_of((const double[]){1, NAN, 3}, 3);
    assert_int_equal(s.n, 2);
    near(s.mean, 2);
    near(s.sd, sqrt(2));
    test_folder_remove(folder);
}

static void write_read(const struct report *r, const char *folder, const char *name,
                       status (*write)(const struct report *r, const char *path), char **text)
{
    char path[700];
    size_t n;

    assert_int_equal(file_join(path, sizeof path, folder, name), ST_OK);
    assert_int_equal(write(r, path), ST_OK);
    assert_int_equal(file_read(path, 4 << 20, text, &n), ST_OK);
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *p = strstr(text, part); p; p = strstr(p + 1, part)) n++;
    return n;
}

/* Closed as it was opened; a panel of means and one a task, a bar a method in each; no mean where a task has not every
 * seed. */
static void assert_svg(const char *text)
{
    assert_int_equal(strncmp(text, "<svg ", 5), 0);
    assert_string_equal(text + strlen(text) - 7, "</svg>\n");
    assert_int_equal(count_of(text, "<text "), count_of(text, "</text>"));
    assert_int_equal(count_of(text, "<g "), 3);
    assert_int_equal(count_of(text, "</g>"), 3);
    assert_int_equal(count_of(text, "class=\"track\""), 6);
    assert_non_null(strstr(text, ">60.0 ± 10.0</text>"));
    assert_non_null(strstr(text, ">accuracy, 10 rows, dashed: majority 50.0</text>"));
    assert_non_null(strstr(text, ">–</text>"));
}

static void test_files(void **state)
{
    char folder[256], run[400], *text;
    struct report r;

    (void)state;
    test_folder(folder, sizeof folder);
    snprintf(run, sizeof run, "%s/<script>alert(1)<&script>\"'", folder);
    write_run(run);
    assert_int_equal(report_collect(run, &tasks, methods, 2, seeds, 3, &r), ST_OK);
    write_read(&r, folder, "r.md", report_write_markdown, &text);
    assert_non_null(strstr(text, "| one | accuracy | 10 | 50.0 | 60.0 ± 10.0 (n 3) * | 40.0 ± 0.0 (n 3) |"));
    assert_non_null(strstr(text, "| two | accuracy | 10 | 50.0 | 90.0 ± 10.0 (n 3) | 80.0 ± 14.1 (n 2) |"));
    assert_non_null(strstr(text, "| MP2, two-stage gradient | +14.0 | 15.2 | 5 | 4 | 1 |"));
    mem_free(text);
    write_read(&r, folder, "r.csv", report_write_csv, &text);
    assert_non_null(strstr(text, "\ntwo,prompt,accuracy,2,"));
    mem_free(text);
    write_read(&r, folder, "c.csv", report_write_cells_csv, &text);
    assert_non_null(strstr(text, "\none,gradient,8,4,accuracy,0.25,0.5,1,0.5,,test,10,0.5,20,0,64,router,5,2,1,a\n"));
    mem_free(text);
    write_read(&r, folder, "r.html", report_write_html, &text);
    assert_null(strstr(text, "<script>alert"));
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;&amp;script&gt;&quot;&#39;"));
    assert_non_null(strstr(text, "\"routers\":[[{\"id\":\"one\",\"gates\":[[0.9,0.1],[0.7,0.3]]}"));
    assert_non_null(strstr(text, "60.0 ± 10.0"));
    assert_non_null(strstr(text, "<th scope=\"col\">test rows</th>"));
    assert_non_null(strstr(text, "<tr><th scope=\"row\">one</th><td>10</td><td>"));
    assert_null(strstr(text, "http-equiv=\"refresh"));
    assert_null(strstr(text, "src=\"http"));
    mem_free(text);
    write_read(&r, folder, "r.svg", report_write_figure, &text);
    assert_svg(text);
    mem_free(text);
    report_fini(&r);
    test_folder_remove(folder);
}

static void test_refused(void **state)
{
    char folder[256], place[700], path[800];
    struct report r;

    (void)state;
    log_init('-', -1, LOG_SILENT);
    test_folder(folder, sizeof folder);
    assert_int_equal(report_collect(folder, &tasks, methods, 2, seeds, 3, &r), ST_OK);
    assert_int_equal(r.found, 0);
    report_fini(&r);
    write_cell(folder, "one", METHOD_PROMPT, 8, 0.5, "<b>");
    assert_int_equal(report_collect(folder, &tasks, methods, 2, seeds, 3, &r), ST_INPUT);
    write_cell(folder, "one", METHOD_PROMPT, 8, 0.5, "accuracy");
    assert_int_equal(report_collect(folder, &tasks, methods, 2, seeds, 3, &r), ST_OK);
    report_fini(&r);
    assert_int_equal(cell_folder(folder, "one", METHOD_PROMPT, 8, place, sizeof place), ST_OK);
    test_file(place, "curve.jsonl", "{\"step\": 1}\n{\"st", 16, path, sizeof path);
    assert_int_equal(report_collect(folder, &tasks, methods, 2, seeds, 3, &r), ST_INPUT);
    test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

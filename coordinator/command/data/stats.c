/* mp2 data stats: a row a task and split: rows kept, shortened, too long; lengths; labels; then what no model can see
 * (unknown tokens) or tell apart (rows of the same input with different labels); and what the import dropped. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"
#include "coordinator/data/ceiling.h"

enum { REPORT_LIMIT = 1 << 20 };

static int length_order(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return x < y ? -1 : x > y;
}

static status show_split(const struct dataset *d, int task, enum split split)
{
    const struct task *t = dataset_task(d, task);
    int64_t rows = dataset_rows(d, task, split), sum = 0;
    int32_t *length;

    if (rows == 0 && dataset_dropped(d, task, split) == 0) return ST_OK;
    TRY(mem_alloc((size_t)rows + 1, sizeof *length, &length));
    for (int64_t i = 0; i < rows; i++) sum += length[i] = dataset_length(d, task, split, i);
    qsort(length, (size_t)rows, sizeof *length, length_order);
    printf("%-20s %-10s %-5s %8" PRId64 " %9" PRId64 " %8" PRId64 " %6.1f %5" PRId32 " %5" PRId32, t->id,
           task_kind_text(t->kind), split_text(split), rows, dataset_shortened(d, task, split),
           dataset_dropped(d, task, split), rows ? (double)sum / (double)rows : 0.0, rows ? length[rows / 2] : 0,
           rows ? length[rows - 1] : 0);
    if (t->labels) printf(" %6d", t->labels);
    else printf("      -");
    if (t->kind == TASK_EXTRACTIVE) printf("        -\n");
    else printf("   %5.1f%%\n", 100 * dataset_majority(d, task, split));
    mem_free(length);
    return ST_OK;
}

/* ---- what cannot be seen or told apart ---- */

static void show_share(const json_t *part, const json_t *whole)
{
    if (json_integer_value(whole) > 0) printf(" %9.2f%%", 100 * json_number_value(part) / json_number_value(whole));
    else printf(" %10s", "-");
}

/* report: import.json's, or NULL. */
static status show_limits(const struct dataset *d, int task, enum split split, const json_t *report)
{
    const struct task *t = dataset_task(d, task);
    const json_t *count = json_object_get(json_object_get(report, "unknown"), split_text(split));
    struct ceiling c;

    if (dataset_rows(d, task, split) == 0) return ST_OK;
    printf("%-20s %-10s %-5s", t->id, task_kind_text(t->kind), split_text(split));
    show_share(json_object_get(count, "unknown"), json_object_get(count, "tokens"));
    show_share(json_object_get(count, "unknown_answers"), json_object_get(count, "answers"));
    if (t->kind == TASK_EXTRACTIVE) return printf(" %12s %8s\n", "-", "-"), ST_OK;
    TRY(ceiling_find(d, task, split, &c));
    printf(" %12" PRId64 " %8.3f\n", c.rows, c.accuracy);
    return ST_OK;
}

/* ---- of the import ---- */

/* A folder without import.json (copied shards) has nothing to show: *report NULL. */
static status load_report(const char *folder, const char *id, json_t **report)
{
    char path[4096], name[128], *text;
    size_t n;

    *report = NULL;
    snprintf(name, sizeof name, "%.64s/import.json", id);
    TRY(file_join(path, sizeof path, folder, name));
    if (!file_exists(path)) return ST_OK;
    TRY(file_read(path, REPORT_LIMIT, &text, &n));
    *report = json_loadb(text, n, 0, NULL);
    mem_free(text);
    return *report ? ST_OK : fault(ST_INPUT, "%s: is no JSON", path);
}

/* What was dropped and why. */
static void show_reasons(const char *id, const json_t *report)
{
    json_t *line;
    size_t i;

    json_array_foreach(json_object_get(report, "tally"), i, line)
    {
        const char *kind = json_string_value(json_object_get(line, "kind"));
        const char *what = json_string_value(json_object_get(line, "what"));
        printf("%-20s %-9s %8" JSON_INTEGER_FORMAT "  %s\n", id, kind ? kind : "",
               json_integer_value(json_object_get(line, "count")), what ? what : "");
    }
}

static status show_tables(const struct dataset *d, json_t *const *report)
{
    printf("%-20s %-10s %-5s %8s %9s %8s %6s %5s %5s %6s %8s\n", "task", "kind", "split", "rows", "shortened",
           "too long", "mean", "50%", "max", "labels", "majority");
    for (int t = 0; t < dataset_tasks(d); t++)
        for (int s = 0; s < SPLIT_COUNT; s++) TRY(show_split(d, t, (enum split)s));
    printf("\n%-20s %-10s %-5s %10s %10s %12s %8s\n", "task", "kind", "split", "[UNK]", "in answers", "labels vary",
           "at most");
    for (int t = 0; t < dataset_tasks(d); t++)
        for (int s = 0; s < SPLIT_COUNT; s++) TRY(show_limits(d, t, (enum split)s, report[t]));
    printf("[UNK]: share of tokens; in answers: share of options or accepted answers that have one; labels vary: rows "
           "whose\n"
           "input stands there with another label, too; at most: the accuracy that these leave\n");
    printf("\nof the import:\n");
    for (int t = 0; t < dataset_tasks(d); t++) show_reasons(dataset_task(d, t)->id, report[t]);
    return ST_OK;
}

static status show_stats(const struct data_view *v)
{
    int tasks = dataset_tasks(v->dataset);
    json_t **report;
    status s;

    TRY(mem_alloc((size_t)tasks, sizeof *report, &report));
    s = ST_OK;
    for (int t = 0; t < tasks && s == ST_OK; t++)
        s = load_report(v->run.data, dataset_task(v->dataset, t)->id, &report[t]);
    if (s == ST_OK) s = show_tables(v->dataset, report);
    for (int t = 0; t < tasks; t++) json_decref(report[t]);
    mem_free(report);
    return s;
}

status cmd_data_stats(int argc, char **argv)
{
    return data_view_run(argc, argv, VIEW_EVERY, show_stats);
}

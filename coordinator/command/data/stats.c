/* mp2 data stats: a row a task and split: rows kept, shortened, too long; lengths; labels; and what the import
 * dropped. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"

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
           task_kind_text(t->kind),
           split_text(split), rows, dataset_shortened(d, task, split), dataset_dropped(d, task, split),
           rows ? (double)sum / (double)rows : 0.0, rows ? length[rows / 2] : 0, rows ? length[rows - 1] : 0);
    if (t->labels) printf(" %6d", t->labels);
    else printf("      -");
    if (t->kind == TASK_EXTRACTIVE) printf("        -\n");
    else printf("   %5.1f%%\n", 100 * dataset_majority(d, task, split));
    mem_free(length);
    return ST_OK;
}

/* Of import.json: what was dropped and why. A folder without it (copied shards) has no reasons to show. */
static status show_reasons(const char *folder, const char *id)
{
    char path[4096], name[128], *text;
    json_t *root, *line;
    size_t n, i;

    snprintf(name, sizeof name, "%.64s/import.json", id);
    TRY(file_join(path, sizeof path, folder, name));
    if (!file_exists(path)) return ST_OK;
    TRY(file_read(path, REPORT_LIMIT, &text, &n));
    root = json_loadb(text, n, 0, NULL);
    mem_free(text);
    if (!root) return fault(ST_INPUT, "%s: is no JSON", path);
    json_array_foreach(json_object_get(root, "tally"), i, line) {
        const char *kind = json_string_value(json_object_get(line, "kind"));
        const char *what = json_string_value(json_object_get(line, "what"));
        printf("%-20s %-9s %8" JSON_INTEGER_FORMAT "  %s\n", id, kind ? kind : "",
               json_integer_value(json_object_get(line, "count")),
               what ? what : "");
    }
    json_decref(root);
    return ST_OK;
}

static status show(const struct data_view *v)
{
    printf("%-20s %-10s %-5s %8s %9s %8s %6s %5s %5s %6s %8s\n", "task", "kind", "split", "rows", "shortened",
           "too long", "mean",
           "50%", "max", "labels", "majority");
    for (int t = 0; t < dataset_tasks(v->dataset); t++)
        for (int s = 0; s < SPLIT_COUNT; s++) TRY(show_split(v->dataset, t, (enum split)s));
    printf("\nof the import:\n");
    for (int t = 0; t < dataset_tasks(v->dataset); t++) TRY(show_reasons(v->run.data, dataset_task(v->dataset, t)->id));
    return ST_OK;
}

status cmd_data_stats(int argc, char **argv)
{
    return data_view_run(argc, argv, VIEW_EVERY, show);
}

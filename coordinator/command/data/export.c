/* mp2 data export CONFIG --task ID --split SPLIT: the rows of a split as training sees them, a JSON object a line:
 * ids, the answer's first and last token, and where answers may lie (the options of labels and choices, else the
 * context). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/data/commands.h"
#include "coordinator/command/data/view.h"

static void print_row(FILE *to, int64_t row, const struct example *e)
{
    fprintf(to, "{\"row\":%" PRId64 ",\"ids\":[", row);
    for (int32_t i = 0; i < e->length; i++) fprintf(to, "%s%" PRId32, i ? "," : "", e->ids[i]);
    fprintf(to, "],\"start\":%" PRId32 ",\"end\":%" PRId32, e->start, e->end);
    for (int i = 0; i < e->options; i++)
        fprintf(to, "%s[%" PRId32 ",%" PRId32 "]", i ? "," : ",\"options\":[", e->option[i][0], e->option[i][1]);
    if (e->options > 0) fprintf(to, "],\"label\":%d", e->label);
    else fprintf(to, ",\"context\":[%" PRId32 ",%" PRId32 "]", e->context_first, e->context_last);
    if (e->none_first >= 0) fprintf(to, ",\"no_answer\":[%" PRId32 ",%" PRId32 "]", e->none_first, e->none_last);
    fputs("}\n", to);
}

static status export_rows(const struct data_view *view)
{
    const struct dataset *d = view->dataset;
    enum split split;
    int64_t rows;
    struct example_buffer buffer = {0};
    struct example example;
    status s = ST_OK;

    if (!view->own.task[0]) return fault(ST_USAGE, "mp2 data export: expected --task ID");
    TRY(data_view_split(view, &split));
    rows = dataset_rows(d, 0, split);
    for (int64_t i = 0; i < rows && s == ST_OK; i++) {
        s = dataset_example(d, 0, split, i, &buffer, &example);
        if (s != ST_OK) break;
        print_row(stdout, i, &example);
        if (ferror(stdout)) s = fault(ST_IO, "standard output cannot be written: %s", strerror(errno));
    }
    example_buffer_fini(&buffer);
    return s;
}

status cmd_data_export(int argc, char **argv)
{
    return data_view_run(argc, argv, VIEW_UPSTREAM, export_rows);
}

/* report.html: one file that needs nothing else. Tables and bars are plain HTML and CSS, so that they can be read,
 * printed and walked through without a script; learning curves are dygraphs' (as on the monitor's page), router maps a
 * table that the script colours. Style, script and library are built into the program. */
#include "coordinator/report/html.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "coordinator/report/assets.h"
#include "coordinator/report/html_text.h"

static void put_asset(FILE *to, const char *name)
{
    for (size_t i = 0; i < report_asset_count; i++)
        if (strcmp(report_assets[i].name, name) == 0) fwrite(report_assets[i].data, 1, report_assets[i].size, to);
}

/* JSON inside of <script>: with no "<" in it, nothing can end or change the script. */
static status put_json(FILE *to, const char *id, json_t *data)
{
    char *text = data ? json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;

    json_decref(data);
    if (!text) return fault(ST_MEMORY, "out of memory: the report's data");
    fprintf(to, "<script type=\"application/json\" id=\"%s\">", id);
    for (const char *p = text; *p; p++) {
        if (*p == '<') fputs("\\u003c", to);
        else fputc(*p, to);
    }
    fputs("</script>\n", to);
    free(text);
    return ST_OK;
}

static void put_head(const struct report *r, FILE *to)
{
    size_t cells = r->tasks * r->methods * r->seeds;

    fputs("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
          "style-src 'unsafe-inline'; img-src data:\">\n<title>mp2 report</title>\n<style>\n",
          to);
    put_asset(to, "dygraph.min.css");
    fputc('\n', to);
    put_asset(to, "report.css");
    fputs("</style>\n<body>\n<a class=\"skip\" href=\"#methods\">to the results</a>\n<header><h1>Few-shot tuning "
          "compared</h1>\n<p>",
          to);
    html_text(to, r->run);
    fprintf(to, "</p>\n<p>%zu of %zu cells: %zu task%s × %zu method%s × %zu seed%s (", r->found, cells, r->tasks,
            r->tasks == 1 ? "" : "s", r->methods, r->methods == 1 ? "" : "s", r->seeds, r->seeds == 1 ? "" : "s");
    for (size_t i = 0; i < r->seeds; i++) fprintf(to, "%s%lld", i ? ", " : "", (long long)r->seed[i]);
    fputs("). Scores are in percent (accuracy, or F1 for extraction) on the tasks' evaluation rows; ± is the sample "
          "standard "
          "deviation over seeds.</p></header>\n<main>\n",
          to);
}

static int has_router(const struct report *r)
{
    for (size_t i = 0; i < r->tasks * r->methods * r->seeds; i++)
        if (r->cells[i].there && r->cells[i].result.router) return 1;
    return 0;
}

static void put_curves(FILE *to)
{
    fputs("<section id=\"curves\"><h2>Learning curves</h2>\n<div class=\"tools\"><label>task <select "
          "id=\"curve-task\"></select></label>\n"
          "<label>of <select id=\"curve-what\"><option value=\"dev\">dev score, %</option><option "
          "value=\"loss\">training loss</option></select></label></div>\n"
          "<div class=\"chart\" id=\"chart\"></div><p class=\"legend\" id=\"legend\"></p>\n"
          "<p class=\"soft\">Means over seeds. Along the axis: share of the cell's own steps or losses, so that "
          "methods of different length stand "
          "beside each other. Zero-shot has no course.</p><noscript>The curves need a script; every point is in the "
          "cells' curve.jsonl.</noscript></section>\n",
          to);
}

static void put_heat(FILE *to)
{
    fputs("<section id=\"routers\"><h2>Routers</h2>\n<div class=\"tools\"><label>method <select "
          "id=\"heat-method\"></select></label>\n"
          "<label>layer <select id=\"heat-layer\"></select></label></div>\n"
          "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"router gates\"><table "
          "id=\"heat\"></table></div>\n"
          "<p class=\"scale\">0 <i></i> <span id=\"heat-most\">1</span></p>"
          "<p class=\"soft\">Each task's normalised gates (they add up to 1 over the modules), means over "
          "seeds.</p></section>\n",
          to);
}

static status put_page(const struct report *r, FILE *to)
{
    put_head(r, to);
    html_methods(r, to);
    html_bars(r, to);
    put_curves(to);
    if (has_router(r)) {
        put_heat(to);
        html_modules(r, to);
    }
    html_tasks(r, to);
    html_cells(r, to);
    fputs("</main>\n", to);
    TRY(put_json(to, "data", html_data(r)));
    fputs("<script>", to);
    put_asset(to, "dygraph.min.js");
    fputs("</script>\n<script>\n", to);
    put_asset(to, "report.js");
    fputs("</script>\n</body>\n</html>\n", to);
    return ST_OK;
}

status report_write_html(const struct report *r, const char *path)
{
    struct file_out out;
    status s;

    TRY(file_out_open(path, &out));
    s = put_page(r, out.stream);
    if (s == ST_OK) return file_out_commit(&out);
    file_out_abandon(&out);
    return s;
}

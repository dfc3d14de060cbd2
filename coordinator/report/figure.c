/* report.svg: the scores as a picture for a page or a paper, one panel for the means over tasks and one a task. Colours
 * and order are report.html's; light and dark as the reader's system has it. */
#include <math.h>
#include <stdio.h>

#include "cluster/base/file.h"
#include "coordinator/report/html_text.h"
#include "coordinator/report/report.h"

enum {
    PANELS_A_ROW = 3,
    PANEL = 384, /* width with its margin; all in units of the picture, about a pixel */
    NAME = 196,  /* where bars begin: method names stand to the left, ending here */
    BAR = 110,   /* 100 percent */
    LINE = 17,   /* a method */
    HEAD = 44,   /* a panel's two lines of title */
    MARGIN = 16
};

static const char style[] =
    "<style>\n"
    "svg { font: 12px system-ui, \"Noto Sans\", sans-serif; background: #ffffff; color: #1b2430; }\n"
    "text { fill: #1b2430; } .soft { fill: #566273; font-size: 11px; } .title { font-weight: 600; font-size: 13px; }\n"
    ".track { fill: #e6eaef; } .most { stroke: #566273; stroke-dasharray: 2 2; } .sd { stroke: #1b2430; }\n"
    ".m0 { fill: #0072b2; } .m1 { fill: #d55e00; } .m2 { fill: #009e73; } .m3 { fill: #b07800; }\n"
    ".m4 { fill: #b3598d; } .m5 { fill: #3d9bd1; } .m6 { fill: #6b6b6b; } .m7 { fill: #2f2f2f; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "svg { background: #19212b; } text { fill: #e6ebf1; } .soft { fill: #9dabbb; } .track { fill: #28323e; }\n"
    ".most { stroke: #9dabbb; } .sd { stroke: #e6ebf1; }\n"
    ".m0 { fill: #3d9be0; } .m1 { fill: #f0803c; } .m2 { fill: #2fc39a; } .m3 { fill: #e6b033; }\n"
    ".m4 { fill: #dc8cbb; } .m5 { fill: #8accf0; } .m6 { fill: #9a9a9a; } .m7 { fill: #d0d0d0; }\n"
    "}\n</style>\n";

static double place(double score)
{
    double inside = score < 0 ? 0 : score > 1 ? 1 : score;

    return NAME + BAR * inside;
}

/* The bar of a method, its deviation as a thin line, its value in percent. */
static void put_bar(FILE *to, enum method method, const struct stat *s, double y)
{
    double middle = y + LINE / 2.0 - 1;

    fprintf(to, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", NAME - 6, middle + 4);
    html_text(to, method_title(method));
    fprintf(to, "</text><rect class=\"track\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%d\"/>", NAME, y, BAR,
            LINE - 4);
    if (s->n > 0)
        fprintf(to, "<rect class=\"m%d\" x=\"%d\" y=\"%.1f\" width=\"%.2f\" height=\"%d\"/>", (int)method, NAME, y,
                place(s->mean) - NAME, LINE - 4);
    if (s->n > 1)
        fprintf(to, "<line class=\"sd\" x1=\"%.2f\" x2=\"%.2f\" y1=\"%.1f\" y2=\"%.1f\"/>", place(s->mean - s->sd),
                place(s->mean + s->sd), middle, middle);
    fprintf(to, "<text class=\"soft\" x=\"%d\" y=\"%.1f\">", NAME + BAR + 6, middle + 4);
    html_stat(to, s);
    fputs("</text>\n", to);
}

static void put_title(FILE *to, const char *title)
{
    fprintf(to, "<text class=\"title\" x=\"%d\" y=\"14\">", 0);
    html_text(to, title);
    fputs("</text><text class=\"soft\" x=\"0\" y=\"30\">", to);
}

static void put_means(const struct report *r, FILE *to)
{
    size_t most = 0;

    for (size_t m = 0; m < r->methods; m++) {
        struct method_stat s = report_method_stat(r, m);

        if (s.tasks > most) most = s.tasks;
    }
    put_title(to, "mean over tasks");
    fprintf(to, "%zu task%s, %zu seed%s</text>\n", most, most == 1 ? "" : "s", r->seeds, r->seeds == 1 ? "" : "s");
    for (size_t m = 0; m < r->methods; m++) {
        struct method_stat s = report_method_stat(r, m);

        /* A mean over fewer tasks does not stand beside the others. */
        if (s.tasks < most) s.score = (struct stat){0, NAN, NAN};
        put_bar(to, r->method[m], &s.score, HEAD + LINE * (double)m);
    }
}

static void put_task(const struct report *r, size_t task, FILE *to)
{
    const struct cell_result *any = report_any(r, task);
    char rows[64];

    put_title(to, r->task[task]);
    if (any) fprintf(to, "%s, %s rows", any->metric, report_rows(r, task, rows, sizeof rows));
    if (any && any->majority > 0) fprintf(to, ", dashed: majority %.1f", 100 * any->majority);
    fputs("</text>\n", to);
    for (size_t m = 0; m < r->methods; m++) {
        struct stat s = report_task_stat(r, task, m);

        put_bar(to, r->method[m], &s, HEAD + LINE * (double)m);
    }
    if (any && any->majority > 0)
        fprintf(to, "<line class=\"most\" x1=\"%.2f\" x2=\"%.2f\" y1=\"%d\" y2=\"%.1f\"/>\n", place(any->majority),
                place(any->majority), HEAD - 2, HEAD + LINE * (double)r->methods - 2);
}

static void put_figure(const struct report *r, FILE *to)
{
    size_t panels = r->tasks + 1, rows = (panels + PANELS_A_ROW - 1) / PANELS_A_ROW;
    double height = HEAD + LINE * (double)r->methods + MARGIN;

    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" role=\"img\">\n"
            "<title>Few-shot test scores in percent by method: means over tasks, then each task; the line is one "
            "sample standard deviation over seeds to either side</title>\n%s",
            PANELS_A_ROW * PANEL + 2 * MARGIN, height * (double)rows + MARGIN, style);
    for (size_t i = 0; i < panels; i++) {
        fprintf(to, "<g transform=\"translate(%d %.0f)\">\n", MARGIN + PANEL * (int)(i % PANELS_A_ROW),
                MARGIN + height * (double)(i / PANELS_A_ROW));
        if (i == 0) put_means(r, to);
        else put_task(r, i - 1, to);
        fputs("</g>\n", to);
    }
    fputs("</svg>\n", to);
}

status report_write_figure(const struct report *r, const char *path)
{
    struct file_out out;

    TRY(file_out_open(path, &out));
    put_figure(r, out.stream);
    return file_out_commit(&out);
}

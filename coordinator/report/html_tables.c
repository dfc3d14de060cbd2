/* Bars and tables. A method has one colour (--m0 …, by its place in enum method) and always its name beside it. */
#include <math.h>
#include <stdlib.h>

#include "coordinator/report/html.h"
#include "coordinator/report/html_text.h"

static void put_swatch(FILE *to, enum method method)
{
    fprintf(to, "<i class=\"swatch m%d\"></i> ", (int)method);
}

void html_head(const struct report *r, int (*wanted)(const struct report *r, size_t method), const char *kind,
               const char *second, FILE *to)
{
    fputs("<thead><tr><th class=\"text\" scope=\"col\">task</th>", to);
    if (second) fprintf(to, "<th scope=\"col\">%s</th>", second);
    for (size_t m = 0; m < r->methods; m++) {
        if (wanted && !wanted(r, m)) continue;
        fprintf(to, "<th class=\"%s\" scope=\"col\">", kind);
        html_text(to, method_title(r->method[m]));
        fputs("</th>", to);
    }
    fputs("</tr></thead><tbody>\n", to);
}

/* ---- methods ---- */

static void put_method(const struct report *r, size_t m, int other, FILE *to)
{
    struct method_stat s = report_method_stat(r, m);

    fputs("<tr><th scope=\"row\">", to);
    put_swatch(to, r->method[m]);
    html_text(to, method_title(r->method[m]));
    fputs("</th><td>", to);
    html_stat(to, &s.score);
    fprintf(to, "</td><td>%zu</td><td>%zu</td><td>", s.tasks, s.cells);
    if (other >= 0 && (int)m != other && report_paired(r, m, (size_t)other).difference.n > 0) {
        struct paired p = report_paired(r, m, (size_t)other);

        fprintf(to, "%+.1f", 100 * p.difference.mean);
        if (p.difference.n > 1) fprintf(to, " ± %.1f", 100 * p.difference.sd);
        fprintf(to, " (n&nbsp;%zu; %zu better, %zu worse)", p.difference.n, p.wins, p.losses);
    } else {
        fputs("–", to);
    }
    if (s.cells == 0) {
        fputs("</td><td>–</td><td>–</td><td>–</td><td>–</td></tr>\n", to);
        return;
    }
    fputs("</td><td>", to);
    if (s.least_parameters != s.most_parameters) html_count(to, (double)s.least_parameters), fputs(" to ", to);
    html_count(to, (double)s.most_parameters);
    fprintf(to, "</td><td>%.0f</td><td>%.0f</td><td>%.1f</td></tr>\n", s.steps, s.evaluations, s.seconds.mean);
}

void html_methods(const struct report *r, FILE *to)
{
    int other = report_method(r, METHOD_PROMPT);

    fputs("<section id=\"methods\"><h2>Methods</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
          "aria-label=\"methods\"><table>\n"
          "<thead><tr><th class=\"text\" scope=\"col\">method</th><th scope=\"col\">mean score</th><th "
          "scope=\"col\">tasks</th>"
          "<th scope=\"col\">cells</th><th scope=\"col\">difference from prompt tuning</th><th scope=\"col\">tuned "
          "numbers</th>"
          "<th scope=\"col\">steps</th><th scope=\"col\">losses</th><th scope=\"col\">seconds a "
          "cell</th></tr></thead><tbody>\n",
          to);
    for (size_t m = 0; m < r->methods; m++) put_method(r, m, other, to);
    fputs("</tbody></table></div>\n<p class=\"soft\">Mean over the tasks that have a cell for every seed (their number "
          "stands beside it), ± over "
          "seeds. Differences are cell by cell: the same task and seed, ± over the n pairs. Steps: of gradient; "
          "losses: evaluated by "
          "the black box.</p></section>\n",
          to);
}

/* ---- bars ---- */

static double inside(double percent)
{
    return percent < 0 ? 0 : percent > 100 ? 100 : percent;
}

static void put_bar(const struct report *r, size_t task, size_t m, FILE *to)
{
    struct stat s = report_task_stat(r, task, m);
    double low, high;

    if (s.n == 0) return;
    fputs("<tr><th scope=\"row\">", to);
    html_text(to, method_title(r->method[m]));
    fprintf(to, "</th><td class=\"bar\"><span class=\"track\"><i class=\"m%d\" style=\"width:%.2f%%\"></i>",
            (int)r->method[m], inside(100 * s.mean));
    if (s.n > 1) {
        low = inside(100 * (s.mean - s.sd));
        high = inside(100 * (s.mean + s.sd));
        fprintf(to, "<b style=\"left:%.2f%%;width:%.2f%%\"></b>", low, high - low);
    }
    fputs("</span></td><td>", to);
    html_stat(to, &s);
    fprintf(to, "</td><td class=\"n\">n&nbsp;%zu</td></tr>\n", s.n);
}

static void put_majority(const struct cell_result *any, FILE *to)
{
    if (!(any->majority > 0)) return;
    fprintf(to,
            "<tr class=\"soft\"><th scope=\"row\">most frequent label</th><td class=\"bar\"><span class=\"track\">"
            "<i class=\"none\" style=\"width:%.2f%%\"></i></span></td><td>%.1f</td><td class=\"n\"></td></tr>\n",
            inside(100 * any->majority), 100 * any->majority);
}

void html_bars(const struct report *r, FILE *to)
{
    fputs("<section id=\"bars\"><h2>Scores by task</h2>\n<div class=\"multiples\">\n", to);
    for (size_t t = 0; t < r->tasks; t++) {
        const struct cell_result *any = report_any(r, t);

        if (!any) continue;
        fputs("<table class=\"bars\"><caption>", to);
        html_text(to, r->task[t]);
        fputs(" <span class=\"soft\">", to);
        html_text(to, any->metric);
        fprintf(to, ", %lld rows</span></caption><tbody>\n", (long long)any->test_rows);
        for (size_t m = 0; m < r->methods; m++) put_bar(r, t, m, to);
        put_majority(any, to);
        fputs("</tbody></table>\n", to);
    }
    fputs("</div><p class=\"soft\">Bars go from 0 to 100 percent; the thin line is one sample standard deviation to "
          "either side.</p></section>\n",
          to);
}

/* ---- the plain tables ---- */

static int mixed(const struct report *r)
{
    for (size_t t = 0; t < r->tasks; t++)
        for (size_t m = 0; m < r->methods; m++)
            if (report_is_mixed(r, t, m)) return 1;
    return 0;
}

void html_tasks(const struct report *r, FILE *to)
{
    char rows[64];

    fputs("<section id=\"tasks\"><h2>All scores</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
          "aria-label=\"all scores\"><table>\n",
          to);
    html_head(r, NULL, "", "test rows", to);
    for (size_t t = 0; t < r->tasks; t++) {
        fputs("<tr><th scope=\"row\">", to);
        html_text(to, r->task[t]);
        fprintf(to, "</th><td>%s</td>", report_rows(r, t, rows, sizeof rows));
        for (size_t m = 0; m < r->methods; m++) {
            struct stat s = report_task_stat(r, t, m);

            fputs("<td>", to);
            html_stat(to, &s);
            if (s.n > 0) fprintf(to, " <span class=\"soft\">(%zu)</span>", s.n);
            fputs(report_is_mixed(r, t, m) ? " *</td>" : "</td>", to);
        }
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
    if (mixed(r))
        fputs("<p class=\"warn\">* seeds of different configurations: run the report again to make them alike.</p>",
              to);
    fputs("</section>\n", to);
}

static void put_real(FILE *to, double x, double scale, int digits)
{
    if (isfinite(x)) fprintf(to, "<td>%.*f</td>", digits, scale * x);
    else fputs("<td>–</td>", to);
}

void html_cells(const struct report *r, FILE *to)
{
    fputs("<section id=\"cells\"><h2>Cells</h2><details><summary>every cell</summary>\n"
          "<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"every cell\"><table>\n<thead><tr>",
          to);
    for (const char *const *name =
             (const char *const[]){"task", "method", "seed", "k", "dev before", "dev", "test", "rows", "steps",
                                   "losses", "tuned numbers", "best at", "seconds", NULL};
         *name; name++)
        fprintf(to, "<th scope=\"col\">%s</th>", *name);
    fputs("</tr></thead><tbody>\n", to);
    for (size_t i = 0; i < r->tasks * r->methods * r->seeds; i++) {
        const struct cell_result *c = &r->cells[i].result;

        if (!r->cells[i].there) continue;
        fputs("<tr><th scope=\"row\">", to);
        html_text(to, c->task);
        fputs("</th><td class=\"text\">", to);
        html_text(to, c->method);
        fprintf(to, "</td><td>%lld</td><td>%d</td>", (long long)c->seed, c->k);
        put_real(to, c->untuned_dev, 100, 1);
        put_real(to, c->dev, 100, 1);
        put_real(to, c->test, 100, 1);
        fprintf(to, "<td>%lld</td><td>%lld</td><td>%lld</td><td>%lld</td><td>", (long long)c->test_rows,
                (long long)c->steps, (long long)c->evaluations, (long long)c->parameters);
        html_text(to, c->best_stage);
        fprintf(to, " %lld</td>", (long long)c->best_at);
        put_real(to, c->seconds, 1, 1);
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div></details></section>\n", to);
}

/* report.md and the CSV files: scores in percent, mean ± sample standard deviation over seeds. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "coordinator/report/report.h"

/* ---- Markdown ---- */

static void put_stat(FILE *to, const struct stat *s)
{
    if (s->n == 0) fputs("–", to);
    else if (s->n == 1) fprintf(to, "%.1f (n 1)", 100 * s->mean);
    else fprintf(to, "%.1f ± %.1f (n %zu)", 100 * s->mean, 100 * s->sd, s->n);
}

static void put_row_end(FILE *to, size_t columns)
{
    fputs("|---|", to);
    for (size_t i = 0; i < columns; i++) fputs("---:|", to);
    fputc('\n', to);
}

static void put_methods(const struct report *r, FILE *to)
{
    fputs("\n## Methods\n\nScores are means over the tasks that have a cell for every seed, the deviation is that of "
          "these means over seeds; "
          "compare methods with equal numbers of tasks.\n\n| method | mean score, % | tasks | cells | tuned numbers | "
          "steps | "
          "losses evaluated | seconds a cell |\n",
          to);
    put_row_end(to, 7);
    for (size_t m = 0; m < r->methods; m++) {
        struct method_stat s = report_method_stat(r, m);

        fprintf(to, "| %s | ", method_title(r->method[m]));
        put_stat(to, &s.score);
        fprintf(to, " | %zu | %zu | ", s.tasks, s.cells);
        if (s.cells == 0) fputs("– | – | – | – |\n", to);
        else
            fprintf(to, "%lld | %.0f | %.0f | %.1f |\n", (long long)s.most_parameters, s.steps, s.evaluations,
                    s.seconds.mean);
    }
}

static void put_tasks(const struct report *r, FILE *to)
{
    fputs("\n## Tasks\n\nTest score in percent, mean ± sample standard deviation (n seeds); majority: always the most "
          "frequent label.\n\n"
          "| task | metric | test rows | majority |",
          to);
    for (size_t m = 0; m < r->methods; m++) fprintf(to, " %s |", method_title(r->method[m]));
    fputc('\n', to);
    put_row_end(to, r->methods + 3);
    for (size_t t = 0; t < r->tasks; t++) {
        const struct cell_result *any = report_any(r, t);
        char rows[64];

        fprintf(to, "| %s | %s | %s | ", r->task[t], any ? any->metric : "–", report_rows(r, t, rows, sizeof rows));
        if (any && any->majority > 0) fprintf(to, "%.1f |", 100 * any->majority);
        else fputs("– |", to);
        for (size_t m = 0; m < r->methods; m++) {
            struct stat s = report_task_stat(r, t, m);

            fputc(' ', to);
            put_stat(to, &s);
            fputs(report_is_mixed(r, t, m) ? " * |" : " |", to);
        }
        fputc('\n', to);
    }
}

static void put_paired(const struct report *r, FILE *to)
{
    int other = report_method(r, METHOD_PROMPT);

    if (other < 0) return;
    fprintf(
        to,
        "\n## Differences from %s\n\nCell by cell, the same task and seed; points of the score.\n\n| method | mean | "
        "sample standard deviation | n | better | worse |\n",
        method_title(METHOD_PROMPT));
    put_row_end(to, 5);
    for (size_t m = 0; m < r->methods; m++) {
        struct paired p = report_paired(r, m, (size_t)other);

        if ((int)m == other || p.difference.n == 0) continue;
        fprintf(to, "| %s | %+.1f | ", method_title(r->method[m]), 100 * p.difference.mean);
        if (p.difference.n > 1) fprintf(to, "%.1f", 100 * p.difference.sd);
        else fputs("–", to);
        fprintf(to, " | %zu | %zu | %zu |\n", p.difference.n, p.wins, p.losses);
    }
}

static void put_markdown(const struct report *r, FILE *to)
{
    int mixed = 0;

    fprintf(to, "# Comparison\n\n%zu of %zu cells (%zu tasks, %zu methods, %zu seeds:", r->found,
            r->tasks * r->methods * r->seeds, r->tasks, r->methods, r->seeds);
    for (size_t i = 0; i < r->seeds; i++) fprintf(to, " %lld", (long long)r->seed[i]);
    fputs(").\n", to);
    put_methods(r, to);
    put_paired(r, to);
    put_tasks(r, to);
    for (size_t t = 0; t < r->tasks; t++)
        for (size_t m = 0; m < r->methods; m++) mixed |= report_is_mixed(r, t, m);
    if (mixed) fputs("\n\\* seeds of different configurations; run the report again to make them alike.\n", to);
}

/* ---- CSV ---- */

static void put_real(FILE *to, double x)
{
    if (isfinite(x)) fprintf(to, ",%.17g", x);
    else fputc(',', to);
}

static void put_csv(const struct report *r, FILE *to)
{
    fputs("task,method,metric,n,mean,sd,majority,test_rows\n", to);
    for (size_t t = 0; t < r->tasks; t++)
        for (size_t m = 0; m < r->methods; m++) {
            struct stat s = report_task_stat(r, t, m);
            const struct cell_result *any = NULL;

            for (size_t i = 0; i < r->seeds && !any; i++)
                if (report_cell(r, t, m, i)->there) any = &report_cell(r, t, m, i)->result;
            fprintf(to, "%s,%s,%s,%zu", r->task[t], method_text(r->method[m]), any ? any->metric : "", s.n);
            put_real(to, s.mean);
            put_real(to, s.sd);
            put_real(to, any && any->majority > 0 ? any->majority : NAN);
            fprintf(to, ",%lld\n", any ? (long long)any->test_rows : 0);
        }
}

static void put_cells(const struct report *r, FILE *to)
{
    fputs("task,method,seed,k,metric,untuned_dev,dev,dev_loss,test,test_loss,test_split,test_rows,majority,steps,"
          "evaluations,"
          "parameters,best_stage,best_at,seconds,ranks,config_digest\n",
          to);
    for (size_t i = 0; i < r->tasks * r->methods * r->seeds; i++) {
        const struct cell_result *c = &r->cells[i].result;

        if (!r->cells[i].there) continue;
        fprintf(to, "%s,%s,%lld,%d,%s", c->task, c->method, (long long)c->seed, c->k, c->metric);
        put_real(to, c->untuned_dev);
        put_real(to, c->dev);
        put_real(to, c->dev_loss);
        put_real(to, c->test);
        put_real(to, c->test_loss);
        fprintf(to, ",%s,%lld", c->test_split, (long long)c->test_rows);
        put_real(to, c->majority > 0 ? c->majority : NAN);
        fprintf(to, ",%lld,%lld,%lld,%s,%lld", (long long)c->steps, (long long)c->evaluations, (long long)c->parameters,
                c->best_stage, (long long)c->best_at);
        put_real(to, c->seconds);
        fprintf(to, ",%lld,%s\n", (long long)c->ranks, c->config_digest);
    }
}

/* ---- files ---- */

static status write_by(const struct report *r, const char *path, void (*put)(const struct report *r, FILE *to))
{
    struct file_out out;

    TRY(file_out_open(path, &out));
    put(r, out.stream);
    return file_out_commit(&out);
}

status report_write_markdown(const struct report *r, const char *path)
{
    return write_by(r, path, put_markdown);
}

status report_write_csv(const struct report *r, const char *path)
{
    return write_by(r, path, put_csv);
}

status report_write_cells_csv(const struct report *r, const char *path)
{
    return write_by(r, path, put_cells);
}

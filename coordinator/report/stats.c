/* What the cells say together. Cells that are missing, and tasks without a score, are left out and show in n. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/report/report.h"

struct stat stat_of(const double *values, size_t n)
{
    struct stat s = {0, NAN, NAN};
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i])) s.n++, sum += values[i];
    if (s.n > 0) s.mean = sum / (double)s.n;
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i])) squares += (values[i] - s.mean) * (values[i] - s.mean);
    if (s.n > 1) s.sd = sqrt(squares / (double)(s.n - 1));
    return s;
}

/* The same, value by value (Welford). */
static void stat_add(struct stat *s, double value)
{
    double before = value - s->mean;

    if (!isfinite(value)) return;
    if (s->n++ == 0) {
        *s = (struct stat){1, value, 0};
        return;
    }
    s->mean += before / (double)s->n;
    s->sd += before * (value - s->mean); /* the sum of squares, until stat_done */
}

static void stat_done(struct stat *s)
{
    if (s->n == 0) s->mean = NAN;
    s->sd = s->n > 1 ? sqrt(s->sd / (double)(s->n - 1)) : NAN;
}

const struct cell_result *report_any(const struct report *r, size_t task)
{
    for (size_t i = task * r->methods * r->seeds; i < (task + 1) * r->methods * r->seeds; i++)
        if (r->cells[i].there) return &r->cells[i].result;
    return NULL;
}

const char *report_rows(const struct report *r, size_t task, char *out, size_t room)
{
    const struct cell_result *any = report_any(r, task);

    if (!any || !any->test_split[0]) return "–";
    if (strcmp(any->test_split, "test") == 0) snprintf(out, room, "%lld", (long long)any->test_rows);
    else snprintf(out, room, "%lld (%s)", (long long)any->test_rows, any->test_split);
    return out;
}

double report_score(const struct report_cell *cell)
{
    return cell->there ? cell->result.test : NAN;
}

struct stat report_task_stat(const struct report *r, size_t task, size_t method)
{
    struct stat s = {0, 0, 0};

    for (size_t i = 0; i < r->seeds; i++) stat_add(&s, report_score(report_cell(r, task, method, i)));
    stat_done(&s);
    return s;
}

static int complete(const struct report *r, size_t task, size_t method)
{
    return r->seeds > 0 && report_task_stat(r, task, method).n == r->seeds;
}

static void add_cells(const struct report *r, size_t method, struct method_stat *out)
{
    for (size_t t = 0; t < r->tasks; t++)
        for (size_t i = 0; i < r->seeds; i++) {
            const struct report_cell *cell = report_cell(r, t, method, i);
            int64_t parameters = cell->result.parameters;

            if (!cell->there) continue;
            if (out->cells == 0 || parameters < out->least_parameters) out->least_parameters = parameters;
            if (out->cells == 0 || parameters > out->most_parameters) out->most_parameters = parameters;
            out->cells++;
            out->steps += (double)cell->result.steps;
            out->evaluations += (double)cell->result.evaluations;
            stat_add(&out->seconds, cell->result.seconds);
        }
    if (out->cells > 0) {
        out->steps /= (double)out->cells;
        out->evaluations /= (double)out->cells;
    }
    stat_done(&out->seconds);
}

struct method_stat report_method_stat(const struct report *r, size_t method)
{
    struct method_stat out = {.cells = 0};

    for (size_t t = 0; t < r->tasks; t++) out.tasks += (size_t)complete(r, t, method);
    for (size_t i = 0; i < r->seeds && out.tasks > 0; i++) {
        double sum = 0;

        for (size_t t = 0; t < r->tasks; t++)
            if (complete(r, t, method)) sum += report_score(report_cell(r, t, method, i));
        stat_add(&out.score, sum / (double)out.tasks);
    }
    stat_done(&out.score);
    add_cells(r, method, &out);
    return out;
}

struct paired report_paired(const struct report *r, size_t method, size_t other)
{
    struct paired p = {.wins = 0};

    for (size_t t = 0; t < r->tasks; t++)
        for (size_t i = 0; i < r->seeds; i++) {
            double d = report_score(report_cell(r, t, method, i)) - report_score(report_cell(r, t, other, i));

            stat_add(&p.difference, d);
            p.wins += d > 0;
            p.losses += d < 0;
        }
    stat_done(&p.difference);
    return p;
}

int report_method(const struct report *r, enum method method)
{
    for (size_t m = 0; m < r->methods; m++)
        if (r->method[m] == method) return (int)m;
    return -1;
}

int report_is_mixed(const struct report *r, size_t task, size_t method)
{
    const char *first = NULL;

    for (size_t i = 0; i < r->seeds; i++) {
        const struct report_cell *cell = report_cell(r, task, method, i);

        if (!cell->there) continue;
        if (first && strcmp(first, cell->result.config_digest) != 0) return 1;
        first = cell->result.config_digest;
    }
    return 0;
}

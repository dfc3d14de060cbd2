/* What a run of tuning found: the results and curves of its cells (tasks x methods x seeds), and what they say
 * together. Read from the cells' files alone, so that it can be made anywhere, of half a run, too. */
#ifndef MP2_COORDINATOR_REPORT_REPORT_H
#define MP2_COORDINATOR_REPORT_REPORT_H

#include "coordinator/tune/cell.h"

/* A dev check of a cell. */
struct report_point {
    int64_t at;
    double loss, dev;
}; /* at: steps and evaluations so far */

struct report_cell {
    int there; /* 0: this cell has not been run */
    struct cell_result result;
    struct report_point *points;
    size_t count;
};

struct report {
    char run[4096];
    size_t tasks, methods, seeds;
    const char **task; /* ids */
    const enum method *method;
    const int64_t *seed;
    struct report_cell *cells; /* (tasks,methods,seeds) */
    size_t found;              /* cells that are there */
    struct mem_keep keep;
};

/* Local. tasks, methods, seeds are copied. A cell that is not there is no failure; ST_INPUT (reported) on a damaged
 * one. */
status report_collect(const char *run, const struct option_list *tasks, const enum method *methods, size_t method_count,
                      const int64_t *seeds, size_t seed_count, struct report *out);
void report_fini(struct report *r);

static inline const struct report_cell *report_cell(const struct report *r, size_t task, size_t method, size_t seed)
{
    return &r->cells[(task * r->methods + method) * r->seeds + seed];
}

/* Local. A result of the task's cells, for what they share; NULL when none is there. */
const struct cell_result *report_any(const struct report *r, size_t task);

/* Local. The rows that a task was tested on: "1200", "355 (dev)" where nothing else is published, "–". */
const char *report_rows(const struct report *r, size_t task, char *out, size_t room);

/* Local. Score of a cell (test, 0 … 1); NAN: none. */
double report_score(const struct report_cell *cell);

/* Mean, sample standard deviation (n - 1; NAN below two), number of values. */
struct stat {
    size_t n;
    double mean, sd;
};
struct stat stat_of(const double *values, size_t n); /* NANs are left out */

/* Local. Of a task's scores by a method over the seeds. */
struct stat report_task_stat(const struct report *r, size_t task, size_t method);

/* A method over all tasks that have every seed's cell: mean over tasks, its sample standard deviation over seeds. */
struct method_stat {
    struct stat score; /* n: seeds */
    size_t tasks;      /* complete ones, of which this is */
    size_t cells;
    struct stat seconds; /* over cells */
    int64_t least_parameters, most_parameters;
    double steps, evaluations; /* means over cells */
};
struct method_stat report_method_stat(const struct report *r, size_t method);

/* Differences of a method from another, cell by cell of the same task and seed. */
struct paired {
    struct stat difference;
    size_t wins, losses;
};
struct paired report_paired(const struct report *r, size_t method, size_t other);

/* Local. Index of a method among those of the report; -1: none. */
int report_method(const struct report *r, enum method method);

/* Local. 1 when the seeds of one task and method were not all run with the same configuration. */
int report_is_mixed(const struct report *r, size_t task, size_t method);

/* ---- writing; ST_IO (reported), whole or not at all ---- */

status report_write_markdown(const struct report *r, const char *path);
status report_write_csv(const struct report *r, const char *path);       /* a line a task and method */
status report_write_cells_csv(const struct report *r, const char *path); /* a line a cell */
status report_write_html(const struct report *r, const char *path);

#endif

/* The sections of report.html. Local functions that write to a stream; whoever opened it checks it at its end.
 * Internal to coordinator/report. */
#ifndef MP2_COORDINATOR_REPORT_HTML_H
#define MP2_COORDINATOR_REPORT_HTML_H

#include <stdio.h>

#include <jansson.h>

#include "coordinator/report/report.h"

/* The head of a table with a row a task and a column a method that is wanted (NULL: all), up to its body. kind: class
 * of those columns, "" none. second: a column after the task's, NULL: none. */
void html_head(const struct report *r, int (*wanted)(const struct report *r, size_t method), const char *kind,
               const char *second, FILE *to);

/* Sections that need no script. */
void html_methods(const struct report *r, FILE *to);
void html_bars(const struct report *r, FILE *to);
void html_tasks(const struct report *r, FILE *to);
void html_modules(const struct report *r, FILE *to);
void html_cells(const struct report *r, FILE *to);

/* What the script draws: curves and routers, as JSON. NULL: out of memory. */
json_t *html_data(const struct report *r);

#endif

/* Text and numbers as they stand in a page. Local functions that write to a stream; whoever opened it checks it at its
 * end. Internal to coordinator/report. */
#ifndef MP2_COORDINATOR_REPORT_HTML_TEXT_H
#define MP2_COORDINATOR_REPORT_HTML_TEXT_H

#include <stdio.h>

#include "coordinator/report/report.h"

/* Text between tags or in a quoted attribute. */
void html_text(FILE *to, const char *text);
/* "61.2 ± 1.3", "61.2", "–": percent of a score in 0 … 1. */
void html_stat(FILE *to, const struct stat *s);
/* "1.2 M", "64": at most four digits and a suffix. */
void html_count(FILE *to, double n);

#endif

/* What a bench prints: a figure beside the machine's limit measured in the same run, as a JSON line. */
#ifndef MP2_COORDINATOR_COMMAND_BENCH_FIGURE_H
#define MP2_COORDINATOR_COMMAND_BENCH_FIGURE_H

#include "cluster/base/status.h"

struct bench_figure {
    const char *bench, *what; /* "bench" and "case" in the line */
    double value, limit;      /* in unit; ratio = value / limit */
    const char *unit;         /* "flop/s", "byte/s" */
};

/* Local. Print one line {"bench":…,"case":…,"value":…,"unit":…,"limit":…,"ratio":…[, more]} and flush. more: further
 * members as JSON text without braces, made by the format (NULL for none). */
status bench_print(const struct bench_figure *figure, const char *more, ...) __attribute__((format(printf, 2, 3)));

#endif

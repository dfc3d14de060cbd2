/* Figures: each bench_NAME.c measures one part of the program and prints a JSON line a case, beside the machine's own
 * limit measured in the same run. cmd_bench.c has the table. */
#ifndef MP2_COORDINATOR_COMMAND_BENCH_BENCH_H
#define MP2_COORDINATOR_COMMAND_BENCH_BENCH_H

#include "cluster/base/clock.h"
#include "cluster/base/status.h"

/* One declaration a bench, called with what stands behind its name on the command line (argv[0] is the name). */
status bench_gemm(int argc, char **argv);
status bench_journal(int argc, char **argv);
status bench_kernels(int argc, char **argv);
status bench_mlm(int argc, char **argv);
status bench_reduce(int argc, char **argv);
status bench_step(int argc, char **argv);
status bench_tokenizer(int argc, char **argv);

struct bench_figure {
    const char *bench, *what;   /* "bench" and "case" in the line */
    double value, limit;        /* in unit; ratio = value / limit */
    const char *unit;           /* "flop/s", "byte/s" */
};

/* Local. Print one line {"bench":…,"case":…,"value":…,"unit":…,"limit":…,"ratio":…[, more]} and flush. more: further
 * members as JSON text without braces, made by the format (NULL for none). */
status bench_print(const struct bench_figure *figure, const char *more, ...) __attribute__((format(printf, 2, 3)));

/* Local. Bytes that the busiest of so many workers sends in a step at CPT-large's size (counted, bench_reduce.c). */
status bench_bytes_sent(int workers, double *out);

#endif

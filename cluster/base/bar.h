/* How far a command is, for the person who waits: on a terminal one line that is drawn again (bar, rate, time left,
 * a short text) and wiped at the end; elsewhere a plain line now and then. All on standard error, as log lines,
 * which take the bar's place and push it down. (What programs follow is the progress stream, cluster/watch.)
 *
 *     struct bar bar;
 *     bar_open(&bar, "import", rows, "rows");
 *     for (…) bar_show(&bar, done, "%s", task);     cheap: draws at most ten times a second
 *     bar_close(&bar, 1);                           1: prints the summary line "import: 1,234 rows in 5.6 s (…)" */
#ifndef MP2_CLUSTER_BASE_BAR_H
#define MP2_CLUSTER_BASE_BAR_H

#include <stdint.h>
#include <stdio.h>

struct bar {
    FILE *to;     /* standard error, or what a test gives */
    int terminal; /* drawn in place */
    int shown;    /* a line is on the terminal */
    const char *what, *unit;
    uint64_t total, done, first; /* total 0: unknown; first: where it started (a resumed run) */
    int64_t started_ns, drawn_ns, line_ns;
    int64_t rate_ns; /* for the recent rate */
    uint64_t rate_done;
    double rate; /* units a second; 0: not known yet */
};

/* Local, one thread. what and unit stay the caller's. Nothing is shown when the log level is silent. */
void bar_open(struct bar *b, const char *what, uint64_t total, const char *unit);
/* The same for a run that goes on from `first`. */
void bar_open_from(struct bar *b, const char *what, uint64_t first, uint64_t total, const char *unit);
void bar_show(struct bar *b, uint64_t done, const char *format, ...) __attribute__((format(printf, 3, 4)));
void bar_close(struct bar *b, int summary);

#endif

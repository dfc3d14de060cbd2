#include "coordinator/command/bench/phases.h"

#include <stdio.h>
#include <stdlib.h>

#include "coordinator/command/bench/figure.h"

enum { COMPOSE = PHASE_COUNT, UPDATE, ALL };

struct line {
    int phase;
    double seconds, flops; /* seconds: means over threads; flops: of all threads */
};

static int longer_first(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return x->phase - y->phase;
}

static void fill_lines(const struct bench_phases *phases, int threads, struct line lines[ALL])
{
    for (int i = 0; i < PHASE_COUNT; i++) {
        lines[i] = (struct line){.phase = i};
        for (int t = 0; t < threads; t++) {
            lines[i].seconds += phases->times[t].seconds[i] / threads;
            if (i < PRODUCT_COUNT) lines[i].flops += phases->times[t].flops[i];
        }
    }
    lines[COMPOSE] = (struct line){.phase = COMPOSE, .seconds = phases->compose};
    lines[UPDATE] = (struct line){.phase = UPDATE, .seconds = phases->update};
    qsort(lines, ALL, sizeof *lines, longer_first);
}

static const char *name_of(int phase)
{
    if (phase == COMPOSE) return "compose";
    if (phase == UPDATE) return "update";
    return phase_name(phase);
}

static status print_line(const struct bench_encoder *b, const struct bench_phases *phases, const struct line *line)
{
    char what[128];
    struct bench_figure f = {
        .bench = "step", .what = what, .value = line->seconds, .limit = phases->total, .unit = "s"};
    struct bench_rate alone;

    snprintf(what, sizeof what, "%s: %s", phases->step, name_of(line->phase));
    if (line->phase >= PRODUCT_COUNT || line->seconds <= 0) return bench_print(&f, NULL);
    TRY(bench_product_rate(b, line->phase, MATMUL_ROWS, 1, &alone));
    return bench_print(&f, "\"flops_per_second\":%.4g,\"alone\":%.4g", line->flops / line->seconds, alone.clock);
}

status bench_print_phases(const struct bench_encoder *b, const struct bench_phases *phases)
{
    struct line lines[ALL];

    fill_lines(phases, pool_threads(b->pool), lines);
    for (int i = 0; i < ALL; i++) TRY(print_line(b, phases, &lines[i]));
    return ST_OK;
}

#include "coordinator/command/bench/figure.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "cluster/base/log.h"

/* JSON has no infinity: a limit of 0 gives no ratio. */
static double ratio(const struct bench_figure *figure)
{
    return figure->limit > 0 && isfinite(figure->value / figure->limit) ? figure->value / figure->limit : 0;
}

status bench_print(const struct bench_figure *figure, const char *more, ...)
{
    va_list args;

    printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"limit\":%.6g,\"ratio\":%.4f",
           figure->bench, figure->what, figure->value, figure->unit, figure->limit, ratio(figure));
    if (more) {
        putchar(',');
        va_start(args, more);
        vprintf(more, args);
        va_end(args);
    }
    puts("}");
    return fflush(stdout) == 0 ? ST_OK : fault(ST_IO, "standard output cannot be written");
}

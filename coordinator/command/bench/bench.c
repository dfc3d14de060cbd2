/* mp2 bench [NAME]: figures as JSON lines, each beside the machine's limit measured in the same run. */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/log.h"
#include "coordinator/command/bench/bench.h"
#include "coordinator/command/commands.h"

static const struct bench {
    const char *name, *summary;
    status (*run)(int argc, char **argv);
} benches[] = {
    {"gemm", "the encoder's products, FLOP/s; the limit is single products on operands that stay in the caches", bench_gemm},
    {"journal", "durable appends of steps; the limit is the disk's own write and fdatasync of the same bytes", bench_journal},
    {"kernels", "one thread: attention beside multiply-adds in registers, the rest beside memcpy", bench_kernels},
    {"mlm", "a step of masked-language-model training, 4 layers of 256; the limit is the rate of its products by themselves", bench_mlm},
    {"reduce", "what a step sends at CPT-large's size; under mpirun also how fast", bench_reduce},
    {"step", "a training step at CPT-large's size; the limit is the rate of its products by themselves", bench_step},
    {"tokenizer", "WordPiece on generated text, one thread; the limit is reading the same text and writing its tokens", bench_tokenizer},
};

enum { BENCH_COUNT = sizeof benches / sizeof *benches };

status cmd_bench(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 0; i < BENCH_COUNT; i++)
            if (strcmp(benches[i].name, argv[1]) == 0) return benches[i].run(argc - 1, argv + 1);
        return fault(ST_USAGE, "unknown bench \"%s\"; `mp2 help bench` lists them", argv[1]);
    }
    for (int i = 0; i < BENCH_COUNT; i++) {
        char *alone[] = {(char *)(uintptr_t)benches[i].name, NULL};
        TRY(benches[i].run(1, alone));
    }
    return ST_OK;
}

void cmd_bench_help(void)
{
    for (int i = 0; i < BENCH_COUNT; i++) printf("  %-12s %s\n", benches[i].name, benches[i].summary);
}

/* JSON has no infinity: a limit of 0 gives no ratio. */
static double ratio(const struct bench_figure *figure)
{
    return figure->limit > 0 && isfinite(figure->value / figure->limit) ? figure->value / figure->limit : 0;
}

status bench_print(const struct bench_figure *figure, const char *more, ...)
{
    va_list args;

    printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"limit\":%.6g,\"ratio\":%.4f", figure->bench,
           figure->what, figure->value, figure->unit, figure->limit, ratio(figure));
    if (more) {
        putchar(',');
        va_start(args, more);
        vprintf(more, args);
        va_end(args);
    }
    puts("}");
    return fflush(stdout) == 0 ? ST_OK : fault(ST_IO, "standard output cannot be written");
}


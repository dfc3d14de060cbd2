/* mp2 bench gemm: the encoder's products as a step runs them (blocks of rows, the weights of several layers in turn,
 * so that they come from memory or the last cache), beside single products of most rows on the same operands again and
 * again. */
#include <stdio.h>

#include "coordinator/command/bench/commands.h"
#include "coordinator/command/bench/figure.h"
#include "coordinator/command/bench/encoder.h"

enum { STEP_ROWS = 128 };

static status run(const struct bench_options *o)
{
    static const char *const names[PRODUCT_COUNT] = {"qkv",      "out",      "up",      "down",
                                                     "qkv back", "out back", "up back", "down back"};
    struct bench_options options = *o;
    struct bench_encoder b;
    status s = ST_OK;

    if (options.layers > 6) options.layers = 6;
    TRY(bench_encoder_open(&options, 16, &b));
    for (int i = 0; i < PRODUCT_COUNT && s == ST_OK; i++) {
        const struct matmul_spec *spec = matmul_product(b.encoder->matmul, i);
        struct bench_figure f = {.bench = "gemm", .unit = "flop/s"};
        struct bench_rate step = {0, 0}, limit = {0, 0};
        char what[96];

        snprintf(what, sizeof what, "cpt-large %s %lldx%lld %s", names[i], (long long)spec->k, (long long)spec->n,
                 options.precision == NUMBER_BF16 ? "bf16" : "f32");
        f.what = what;
        s = bench_product_rate(&b, i, STEP_ROWS, options.layers, &step);
        if (s == ST_OK) s = bench_product_rate(&b, i, MATMUL_ROWS, 1, &limit);
        f.value = step.clock;
        f.limit = limit.clock;
        if (s == ST_OK)
            s = bench_print(&f, "\"rows\":%d,\"limit_rows\":%d,\"ratio_cpu\":%.4f,\"threads\":%d,\"engine\":\"%s\"",
                            STEP_ROWS, MATMUL_ROWS, step.cpu / limit.cpu, options.threads,
                            matmul_about(b.encoder->matmul));
    }
    bench_encoder_close(&b);
    return s;
}

status cmd_bench_gemm(int argc, char **argv)
{
    struct bench_options options;

    TRY(bench_options_parse(argc, argv, &options));
    TRY(run(&options));
    if (!options.both) return ST_OK;
    options.precision = NUMBER_F32;
    return run(&options);
}

/* What the benches of the encoder share: random weights, of CPT-large's sizes unless told otherwise, and the machine's
 * rate for its products. */
#ifndef MP2_COORDINATOR_COMMAND_BENCH_ENCODER_H
#define MP2_COORDINATOR_COMMAND_BENCH_ENCODER_H

#include "cluster/base/pool.h"
#include "worker/model/encoder.h"

struct bench_options {
    enum number precision;
    int both; /* precision was not named, and the CPU has two */
    enum matmul_engine engine;
    int threads;
    int layers;       /* 24 unless a shorter model was asked for */
    int hidden;       /* 1,024 likewise; heads are 64 wide, the feed-forward part 4 times as wide */
    const char *only; /* of step: "afqmc", "cmrc", NULL: both */
    size_t budget;    /* bytes of activations */
    int int8;         /* products in int8; precision is that of activations */
};

/* Local. [--precision f32|bf16|int8] [--engine onednn|openblas] [--threads N] [--layers N] [--hidden H] [--case
 * afqmc|cmrc] [--memory MiB]. Defaults: bf16 where the CPU has it (gemm: f32, too), all threads, 24 layers of 1,024,
 * both cases, 2048 MiB. */
status bench_options_parse(int argc, char **argv, struct bench_options *out);
/* Local. "f32", "bf16" or "int8". */
const char *bench_precision_name(const struct bench_options *o);

struct bench_encoder {
    struct pool *pool;
    struct encoder *encoder;
    void *weights;
};

/* Local. vocabulary: rows of the word table. */
status bench_encoder_open(const struct bench_options *options, int64_t vocabulary, struct bench_encoder *out);
void bench_encoder_close(struct bench_encoder *b);

/* FLOP/s by the clock, and by the threads' CPU time: what the clock would say if nobody else used the cores. */
struct bench_rate {
    double clock, cpu;
};

/* Local. The rate of single products, packed weights, every thread its own at the same time: `rows` rows again and
 * again, the best of some trials. layers: how many layers' weights are used in turn (1: they stay in the caches). */
status bench_product_rate(const struct bench_encoder *b, int product, int rows, int layers, struct bench_rate *out);

/* Local. The rate of a token's way through all products of a layer, forward and backward, at those rates. */
status bench_layer_rate(const struct bench_encoder *b, struct bench_rate *out);
/* Local. The same by the clock in the other precision than the options', where the CPU has it; else 0. */
status bench_other_rate(const struct bench_options *options, double *out);

#endif

/* mp2 bench mlm: a step of masked-language-model training, one micro-batch on one rank: forward, backward with every
 * weight's gradient, the head over the vocabulary, AdamW, packing. Beside the rate of the encoder's products by
 * themselves. */
#include <math.h>
#include <stdio.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"
#include "coordinator/command/bench/commands.h"
#include "coordinator/command/bench/figure.h"
#include "coordinator/command/bench/encoder.h"
#include "worker/train/mlm_unit.h"

enum { VOCABULARY = 21128, SEQUENCES = 16, LENGTH = 128, TARGETS = 19 * SEQUENCES };

/* A small encoder, and BERT's base size. */
static const struct bench_case {
    int layers, hidden, heads, warm, steps;
} cases[] = {{4, 256, 4, 2, 12}, {12, 768, 12, 1, 2}};

struct bench_work {
    struct bench_encoder b;
    struct flat flat;
    struct mlm_unit *unit;
    struct unit_batch batch;
    float *values, *grad, *m, *v;
    int32_t rows[TARGETS], targets[TARGETS];
};

static status open_batch(struct bench_work *w)
{
    struct random_key key = random_seed(3, RANDOM_MASK);
    int32_t ids[LENGTH];

    TRY(unit_batch_init(&w->batch, SEQUENCES, SEQUENCES * LENGTH, encoder_row_align(w->b.encoder)));
    for (int i = 0; i < SEQUENCES; i++) {
        for (int j = 0; j < LENGTH; j++) ids[j] = (int32_t)random_below(key, (uint64_t)(i * LENGTH + j), VOCABULARY);
        unit_batch_add(&w->batch, ids, LENGTH, 0, -1, -1);
    }
    for (int i = 0; i < TARGETS; i++) {
        w->rows[i] = i * (SEQUENCES * LENGTH / TARGETS);
        w->targets[i] = w->batch.ids[w->rows[i]];
    }
    return ST_OK;
}

static status open_work(const struct bench_options *o, const struct bench_case *c, struct bench_work *w)
{
    const struct model_config config = {.layers = c->layers,
                                        .hidden = c->hidden,
                                        .heads = c->heads,
                                        .feed_forward = 4 * c->hidden,
                                        .positions = 512,
                                        .vocab = VOCABULARY,
                                        .types = 2,
                                        .eps = 1e-12,
                                        .hidden_dropout = .1,
                                        .attention_dropout = .1};
    const struct encoder_options options = {
        .precision = o->precision, .engine = o->engine, .threads = o->threads, .check = 1};
    const struct mlm_sizes sizes = {
        .rows = SEQUENCES * LENGTH, .examples = SEQUENCES, .targets = TARGETS, .threads = o->threads, .train = 1};
    const struct random_key key = random_seed(1, RANDOM_INIT);
    struct packed_weights_source source = packed_weights_from_random(&key);

    TRY(pool_new(o->threads, &w->b.pool));
    TRY(encoder_new(&config, &options, w->b.pool, &w->b.encoder));
    TRY(flat_init(&w->flat, &config));
    TRY(mem_alloc(encoder_weights_bytes(w->b.encoder), 1, &w->b.weights));
    TRY(mem_alloc((size_t)w->flat.count, sizeof(float), &w->values));
    TRY(mem_alloc((size_t)w->flat.count, sizeof(float), &w->grad));
    TRY(mem_alloc((size_t)w->flat.count, sizeof(float), &w->m));
    TRY(mem_alloc((size_t)w->flat.count, sizeof(float), &w->v));
    TRY(mlm_unit_new(w->b.encoder, &w->flat, &sizes, &w->unit));
    TRY(flat_read(&w->flat, &source, 1, w->values));
    return open_batch(w);
}

static void close_work(struct bench_work *w)
{
    float *owned[] = {w->values, w->grad, w->m, w->v};

    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mem_free(owned[i]);
    mlm_unit_destroy(&w->unit);
    unit_batch_fini(&w->batch);
    flat_fini(&w->flat);
    bench_encoder_close(&w->b);
}

static void update_job(void *arg, int thread, int threads)
{
    const struct adamw a = {
        .lr = 1e-4, .beta1 = .9, .beta2 = .98, .eps = 1e-6, .decay = .01, .correction1 = .1, .correction2 = .02};
    struct bench_work *w = arg;
    int64_t first, last;

    pool_slice(w->flat.count, FLAT_GRAIN, thread, threads, &first, &last);
    w->b.encoder->kernels.adamw(&a, last - first, w->grad + first, w->values + first, w->m + first, w->v + first);
}

static status train_step(struct bench_work *w, int number)
{
    struct mlm_inputs in = {.batch = &w->batch,
                            .rows = w->rows,
                            .targets = w->targets,
                            .count = TARGETS,
                            .divide = TARGETS,
                            .dropout = {1, random_derive(random_seed(1, RANDOM_DROPOUT), (uint32_t)number, 0, 0, 0)}};
    struct mlm_score score;

    TRY(mlm_attach(w->unit, w->b.pool, w->values, w->b.weights));
    TRY(mlm_train(w->unit, w->b.pool, &in, w->grad, &score));
    pool_run(w->b.pool, update_job, w);
    return ST_OK;
}

static status measure(const struct bench_options *o, const struct bench_case *c, struct bench_work *w)
{
    double flops = mlm_flops(&w->flat.config, SEQUENCES, LENGTH, TARGETS), clock = INFINITY, cpu = INFINITY;
    struct bench_figure f = {.bench = "mlm", .unit = "flop/s"};
    struct bench_rate limit;
    char what[96];

    TRY(mlm_attach(w->unit, w->b.pool, w->values, w->b.weights));
    TRY(bench_layer_rate(&w->b, &limit));
    for (int i = 0; i < c->warm + c->steps; i++) {
        double began = clock_now(), began_cpu = clock_cpu();

        TRY(train_step(w, i));
        if (i < c->warm) continue;
        if (clock_now() - began < clock) clock = clock_now() - began;
        if (clock_cpu() - began_cpu < cpu) cpu = clock_cpu() - began_cpu;
    }
    snprintf(what, sizeof what, "%dx%d %s, %d words, %d sequences of %d", c->layers, c->hidden,
             o->precision == NUMBER_BF16 ? "bf16" : "f32", VOCABULARY, SEQUENCES, LENGTH);
    f.what = what;
    f.value = flops / clock;
    f.limit = limit.clock;
    return bench_print(&f,
                       "\"ratio_cpu\":%.4f,\"seconds\":%.4f,\"tokens_per_second\":%.1f,\"flops\":%.4g,\"threads\":%d",
                       flops * o->threads / cpu / limit.cpu, clock, SEQUENCES * LENGTH / clock, flops, o->threads);
}

static status bench_one(const struct bench_options *o, const struct bench_case *c)
{
    struct bench_work *w;
    status s;

    TRY(mem_alloc(1, sizeof *w, &w));
    s = open_work(o, c, w);
    if (s == ST_OK) s = measure(o, c, w);
    close_work(w);
    mem_free(w);
    return s;
}

status cmd_bench_mlm(int argc, char **argv)
{
    struct bench_options options;

    TRY(bench_options_parse(argc, argv, &options));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) TRY(bench_one(&options, &cases[i]));
    return ST_OK;
}

/* An encoder with random weights, and the rates of its products. */
#include "coordinator/command/bench/encoder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"

static status parse_number(const char *flag, const char *text, long most, long *out)
{
    char *end;

    *out = strtol(text, &end, 10);
    if (*text == 0 || *end != 0 || *out < 1 || *out > most)
        return fault(ST_USAGE, "%s: found \"%s\", expected a number from 1 to %ld", flag, text, most);
    return ST_OK;
}

/* index of text in the two words. */
static status parse_word(const char *flag, const char *text, const char *first, const char *second, int *out)
{
    *out = strcmp(text, second) == 0;
    if (!*out && strcmp(text, first) != 0)
        return fault(ST_USAGE, "%s: found \"%s\", expected %s or %s", flag, text, first, second);
    return ST_OK;
}

/* int8: products in int8, activations as in the best of the other two. */
static status parse_precision(const char *text, struct bench_options *o)
{
    static const char *const names[] = {"f32", "bf16", "int8"};
    size_t i = 0;

    while (i < 3 && strcmp(text, names[i]) != 0) i++;
    if (i == 3) return fault(ST_USAGE, "--precision: found \"%s\", expected f32, bf16 or int8", text);
    o->int8 = i == 2;
    o->both = 0;
    if (i < 2) o->precision = i == 1 ? NUMBER_BF16 : NUMBER_F32;
    return ST_OK;
}

static status parse_hidden(const char *text, struct bench_options *o)
{
    long n;

    TRY(parse_number("--hidden", text, 1 << 16, &n));
    if (n % 64) return fault(ST_USAGE, "--hidden: found %ld, expected a multiple of 64: heads are 64 wide", n);
    o->hidden = (int)n;
    return ST_OK;
}

static status parse_option(const char *flag, const char *value, struct bench_options *o)
{
    int second = 0;
    long n;

    if (strcmp(flag, "--precision") == 0) return parse_precision(value, o);
    if (strcmp(flag, "--hidden") == 0) return parse_hidden(value, o);
    if (strcmp(flag, "--engine") == 0) {
        TRY(parse_word(flag, value, "onednn", "openblas", &second));
        o->engine = second ? ENGINE_OPENBLAS : ENGINE_ONEDNN;
    } else if (strcmp(flag, "--case") == 0) {
        TRY(parse_word(flag, value, "afqmc", "cmrc", &second));
        o->only = second ? "cmrc" : "afqmc";
    } else if (strcmp(flag, "--threads") == 0) {
        TRY(parse_number(flag, value, 1024, &n));
        o->threads = (int)n;
    } else if (strcmp(flag, "--layers") == 0) {
        TRY(parse_number(flag, value, 1024, &n));
        o->layers = (int)n;
    } else if (strcmp(flag, "--memory") == 0) {
        TRY(parse_number(flag, value, 1 << 20, &n));
        o->budget = (size_t)n << 20;
    } else return fault(ST_USAGE, "unknown option \"%s\"", flag);
    return ST_OK;
}

status bench_options_parse(int argc, char **argv, struct bench_options *out)
{
    *out = (struct bench_options){.precision = matmul_has_bf16() ? NUMBER_BF16 : NUMBER_F32,
                                  .layers = 24,
                                  .hidden = 1024,
                                  .threads = (int)sysconf(_SC_NPROCESSORS_ONLN),
                                  .budget = (size_t)2048 << 20};
    out->both = matmul_has_bf16();
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) return fault(ST_USAGE, "%s: a value is missing", argv[i]);
        TRY(parse_option(argv[i], argv[i + 1], out));
    }
    if (out->engine != ENGINE_ONEDNN) out->both = 0;
    return ST_OK;
}

const char *bench_precision_name(const struct bench_options *o)
{
    return o->int8 ? "int8" : number_name(o->precision);
}

static status open_encoder(const struct bench_options *o, int64_t vocabulary, struct bench_encoder *b)
{
    const struct model_config config = {.layers = o->layers,
                                        .hidden = o->hidden,
                                        .heads = o->hidden / 64,
                                        .feed_forward = 4 * (int64_t)o->hidden,
                                        .positions = 512,
                                        .vocab = vocabulary,
                                        .types = 2,
                                        .eps = 1e-12,
                                        .hidden_dropout = .1,
                                        .attention_dropout = .1};
    const struct encoder_options options = {.precision = o->precision,
                                            .isa = ISA_AUTO,
                                            .engine = o->engine,
                                            .threads = o->threads,
                                            .check = 1,
                                            .int8 = o->int8};
    const struct random_key key = random_seed(1, RANDOM_INIT);
    const struct packed_weights_source source = packed_weights_from_random(&key);

    TRY(pool_new(o->threads, &b->pool));
    TRY(encoder_new(&config, &options, b->pool, &b->encoder));
    TRY(mem_alloc(encoder_weights_bytes(b->encoder), 1, &b->weights));
    TRY(encoder_weights_pack(b->encoder, &source, NULL, b->weights));
    return encoder_attach(b->encoder, b->weights);
}

status bench_encoder_open(const struct bench_options *options, int64_t vocabulary, struct bench_encoder *out)
{
    status s;

    memset(out, 0, sizeof *out);
    s = open_encoder(options, vocabulary, out);
    if (s != ST_OK) bench_encoder_close(out);
    return s;
}

void bench_encoder_close(struct bench_encoder *b)
{
    encoder_destroy(&b->encoder);
    mem_free(b->weights);
    pool_destroy(&b->pool);
}

/* ---- rates ------------------------------------------------------------------------------------------------------- */

struct product_trial {
    const struct bench_encoder *b;
    int product, rows, layers, rounds;
    char *x, *y; /* one after the other for every thread */
    size_t x_bytes, y_bytes;
    atomic_int failed;
};

static void rate_job(void *arg, int thread, int threads)
{
    struct product_trial *r = arg;
    const struct encoder *e = r->b->encoder;

    (void)threads;
    for (int i = 0; i < r->rounds; i++) {
        const struct packed_weights_layer *layer = &e->weights.layer[i % r->layers];
        const float *bias = r->product <= PRODUCT_DOWN ? layer->bias[r->product] : NULL;
        status s = matmul_run(e->matmul, r->product, thread, r->rows, r->x + (size_t)thread * r->x_bytes,
                              layer->packed[r->product], bias, r->y + (size_t)thread * r->y_bytes);

        if (s != ST_OK) atomic_store(&r->failed, (int)s);
    }
}

/* Seconds of a round: by the clock, and of CPU time a thread. */
static struct bench_rate time_rounds(struct product_trial *r, int rounds)
{
    double started = clock_now(), worked = clock_cpu();

    r->rounds = rounds;
    pool_run(r->b->pool, rate_job, r);
    return (struct bench_rate){(clock_now() - started) / rounds,
                               (clock_cpu() - worked) / rounds / pool_threads(r->b->pool)};
}

static void keep_best(double flops, const struct bench_rate *seconds, struct bench_rate *best)
{
    if (flops / seconds->clock > best->clock) best->clock = flops / seconds->clock;
    if (flops / seconds->cpu > best->cpu) best->cpu = flops / seconds->cpu;
}

/* Small numbers that are not zero: bf16 1.0 is 0x3f80, and as a half of an f32 as good as any. */
static void fill_small(char *x, size_t bytes)
{
    for (size_t i = 0; i < bytes / 2; i++) ((uint16_t *)(void *)x)[i] = (uint16_t)(0x3c00 + i % 251);
}

status bench_product_rate(const struct bench_encoder *b, int product, int rows, int layers, struct bench_rate *out)
{
    const struct matmul_spec *s = matmul_product(b->encoder->matmul, product);
    int threads = pool_threads(b->pool), rounds;
    double flops = 2.0 * rows * (double)s->k * (double)s->n * threads;
    struct bench_rate seconds;
    struct product_trial r = {.b = b,
                              .product = product,
                              .rows = rows,
                              .layers = layers,
                              .x_bytes = (size_t)(rows * s->k) * number_size(s->in),
                              .y_bytes = (size_t)(rows * s->n) * number_size(s->out)};
    status state = mem_alloc((size_t)threads, r.x_bytes, &r.x);

    *out = (struct bench_rate){0, 0};
    if (state == ST_OK) state = mem_alloc((size_t)threads, r.y_bytes, &r.y);
    if (state == ST_OK) {
        fill_small(r.x, (size_t)threads * r.x_bytes);
        time_rounds(&r, layers);
        rounds = 1 + (int)(.04 / time_rounds(&r, 2 * layers).clock);
        for (int trial = 0; trial < 5; trial++) {
            seconds = time_rounds(&r, rounds);
            keep_best(flops, &seconds, out);
        }
        state = (status)atomic_load(&r.failed);
    }
    mem_free(r.y);
    mem_free(r.x);
    return state;
}

status bench_layer_rate(const struct bench_encoder *b, struct bench_rate *out)
{
    struct bench_rate seconds = {0, 0};
    double flops = 0;

    for (int product = 0; product < PRODUCT_COUNT; product++) {
        const struct matmul_spec *s = matmul_product(b->encoder->matmul, product);
        struct bench_rate rate;

        TRY(bench_product_rate(b, product, MATMUL_ROWS, 1, &rate));
        flops += (double)(s->k * s->n);
        seconds.clock += (double)(s->k * s->n) / rate.clock;
        seconds.cpu += (double)(s->k * s->n) / rate.cpu;
    }
    *out = (struct bench_rate){flops / seconds.clock, flops / seconds.cpu};
    return ST_OK;
}

status bench_other_rate(const struct bench_options *options, double *out)
{
    struct bench_options o = *options;
    struct bench_rate rate = {0, 0};
    struct bench_encoder b;
    status s;

    *out = 0;
    if (!matmul_has_bf16() || o.engine != ENGINE_ONEDNN || o.int8) return ST_OK;
    o.precision = o.precision == NUMBER_BF16 ? NUMBER_F32 : NUMBER_BF16;
    o.layers = 1;
    TRY(bench_encoder_open(&o, 16, &b));
    s = bench_layer_rate(&b, &rate);
    bench_encoder_close(&b);
    *out = rate.clock;
    return s;
}

/* mp2 bench step: a training step at CPT-large's size on this process: prompts composed from A, 32 examples forward
 * and backward with dropout in units that fit a memory budget, gradients grad_u, A updated by AdamW. Lengths are those
 * of real batches (P = 50 included): pairs of short sentences (AFQMC), and reading comprehension with windows of 512
 * tokens (CMRC 2018); losses are over two options or the context, as in training. FLOPs are those of products and
 * attention over real tokens (in the last layer of those that are read); the work on A counts as time only. The limit
 * is the rate of the same products by themselves (bench_encoder.h), measured just before and after, the better one.
 * ratio_cpu is the ratio of both by the threads' CPU time instead of the clock: what it would be if nobody else used
 * the cores. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cluster/base/clock.h"
#include "cluster/base/memory.h"
#include "coordinator/command/bench/commands.h"
#include "coordinator/command/bench/figure.h"
#include "coordinator/command/bench/encoder.h"
#include "worker/prompt/columns.h"
#include "worker/train/unit.h"

enum { BATCH = 32, TOKENS = 50, D = 300, VOCABULARY = 21128 };

static const struct step_case {
    const char *name;
    int32_t lengths[BATCH]; /* longest first: slots are given by length */
    int32_t context;        /* its first token (a question is after it); 0: two options at the end */
} cases[] = {
    {"afqmc",
     {125, 121, 119, 117, 117, 114, 111, 108, 108, 106, 106, 104, 103, 102, 102, 101,
      99,  99,  99,  98,  96,  96,  96,  95,  95,  95,  95,  95,  94,  93,  92,  88},
     0},
    {"cmrc",
     {512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 474, 457,
      447, 437, 435, 413, 412, 408, 405, 405, 400, 391, 373, 364, 346, 339, 318, 512},
     62},
};

enum { CASE_COUNT = sizeof cases / sizeof *cases };

struct step {
    const struct bench_options *options;
    struct bench_encoder bench;
    double other_limit; /* of the precision that is not benched */
    struct columns columns;
    float *a; /* A, m, v */
    float *u, *prompts, *grad_prompts, *node, *head, *grad_head;
    struct unit *unit;
    struct unit_batch batch;
    struct answer_marks marks[BATCH]; /* of the batch */
    int32_t option[BATCH][2][2];
    int32_t unit_examples, unit_most_rows;
};

static int64_t prompt_floats(const struct step *s)
{
    return (int64_t)s->options->layers * TOKENS * s->bench.encoder->config.hidden;
}

static status open_columns(struct step *s)
{
    const struct blocks blocks = blocks_make(TOKENS * s->bench.encoder->config.hidden, 1);
    int layers = s->options->layers;

    TRY(mem_alloc(columns_bytes(&blocks, 0, layers, D), 1, &s->a));
    TRY(columns_open(&s->bench.encoder->kernels, s->bench.pool, &blocks, 0, layers, D, 1, s->a, &s->columns));
    columns_init(&s->columns, 1);
    TRY(mem_alloc((size_t)(layers * D), sizeof *s->u, &s->u));
    for (int i = 0; i < layers * D; i++) s->u[i] = (float)(i % 17 - 8) * 1e-4f;
    return ST_OK;
}

static status open_step(struct step *s, const struct bench_options *options)
{
    size_t head, floats;

    memset(s, 0, sizeof *s);
    s->options = options;
    TRY(bench_encoder_open(options, VOCABULARY, &s->bench));
    TRY(open_columns(s));
    floats = (size_t)prompt_floats(s);
    head = 2 * (size_t)s->bench.encoder->config.hidden;
    TRY(mem_alloc(floats, sizeof *s->prompts, &s->prompts));
    TRY(mem_alloc(floats, sizeof *s->grad_prompts, &s->grad_prompts));
    TRY(mem_alloc(floats, sizeof *s->node, &s->node));
    TRY(mem_alloc(head, sizeof *s->head, &s->head));
    TRY(mem_alloc(head, sizeof *s->grad_head, &s->grad_head));
    for (size_t i = 0; i < head; i++) s->head[i] = (float)((int)(i % 13) - 6) * 4e-3f;
    return ST_OK;
}

static void close_step(struct step *s)
{
    unit_batch_fini(&s->batch);
    unit_destroy(&s->unit);
    mem_free(s->grad_head);
    mem_free(s->head);
    mem_free(s->node);
    mem_free(s->grad_prompts);
    mem_free(s->prompts);
    mem_free(s->u);
    if (s->columns.data) columns_close(&s->columns);
    mem_free(s->a);
    bench_encoder_close(&s->bench);
}

/* The largest aligned blocks of which even the longest fits the budget. */
static status plan_units(struct step *s, const struct step_case *c)
{
    const struct encoder *e = s->bench.encoder;
    int threads = s->options->threads;

    unit_batch_fini(&s->batch);
    unit_destroy(&s->unit);
    for (s->unit_examples = BATCH; s->unit_examples >= 1; s->unit_examples /= 2) {
        s->unit_most_rows = 0;
        for (int32_t i = 0; i < s->unit_examples; i++)
            s->unit_most_rows += unit_batch_rows(c->lengths[i], encoder_row_align(e));
        if (s->unit_examples == 1 ||
            s->unit_most_rows <= unit_most_rows(e, s->unit_examples, TOKENS, threads, UNIT_TRAIN, s->options->budget))
            break;
    }
    TRY(unit_batch_init(&s->batch, s->unit_examples, s->unit_most_rows, encoder_row_align(e)));
    return unit_new(e, s->unit_most_rows, s->unit_examples, TOKENS, threads, UNIT_TRAIN, &s->unit);
}

/* What the answer of the example at `place` of the batch can be. */
static void mark(struct step *s, const struct step_case *c, int32_t place, int32_t length)
{
    int32_t(*option)[2] = s->option[place];

    s->marks[place] = NO_MARKS;
    if (c->context) {
        s->marks[place].context_first = c->context;
        s->marks[place].context_last = length - 21;
        return;
    }
    for (int i = 0; i < 2; i++) {
        option[i][0] = length - 6 + 3 * i;
        option[i][1] = option[i][0] + 1;
    }
    s->marks[place].options = 2;
    s->marks[place].option = (const int32_t(*)[2])option;
}

static void fill_batch(struct step *s, const struct step_case *c, int32_t first)
{
    int32_t ids[512];

    unit_batch_clear(&s->batch, first);
    for (int32_t i = first; i < first + s->unit_examples; i++) {
        for (int32_t j = 0; j < c->lengths[i]; j++) ids[j] = 100 + (i * 7919 + j * 104729) % (VOCABULARY - 100);
        mark(s, c, i - first, c->lengths[i]);
        unit_batch_add(&s->batch, ids, c->lengths[i], 0, c->context ? c->context + 8 : c->lengths[i] - 6,
                       c->context ? c->context + 11 : c->lengths[i] - 5);
    }
}

struct times {
    double total, encoder, cpu;
}; /* seconds; cpu: of all threads together */

static status run_step(struct step *s, const struct step_case *c, uint32_t number, struct times *t)
{
    const struct adamw w = {
        .lr = 1e-4, .beta1 = .9, .beta2 = .999, .eps = 1e-8, .decay = .01, .correction1 = .1, .correction2 = .001};
    const struct random_key key = random_derive(random_seed(1, RANDOM_DROPOUT), number, 0, 0, 0);
    struct unit_inputs in = {.batch = &s->batch,
                             .prompts = {s->options->layers, TOKENS, s->prompts},
                             .head = s->head,
                             .dropout = {1, key},
                             .batch_examples = BATCH,
                             .marks = s->marks};
    struct unit_outputs out = {.grad_prompts = s->node, .grad_head = s->grad_head};
    double started = clock_now(), worked = clock_cpu(), composed, computed;

    columns_compose(&s->columns, 1, s->u, s->prompts);
    memset(s->grad_prompts, 0, (size_t)prompt_floats(s) * sizeof *s->grad_prompts);
    composed = clock_now();
    for (int32_t first = 0; first < BATCH; first += s->unit_examples) {
        fill_batch(s, c, first);
        TRY(unit_train(s->unit, s->bench.encoder, s->bench.pool, &in, &out));
        s->bench.encoder->kernels.add(prompt_floats(s), s->grad_prompts, s->node);
    }
    computed = clock_now();
    TRY(columns_grad_u(&s->columns, 1, s->grad_prompts));
    columns_update(&s->columns, &w, 1, s->u, s->grad_prompts, 0, NULL, NULL);
    *t = (struct times){clock_now() - started, computed - composed, clock_cpu() - worked};
    return ST_OK;
}

static double step_flops(struct step *s, const struct step_case *c)
{
    double flops = 0;

    for (int i = 0; i < BATCH; i++) {
        mark(s, c, 0, c->lengths[i]);
        flops += model_config_flops(&s->bench.encoder->config, c->lengths[i],
                                    marks_tokens(&s->marks[0], c->lengths[i]));
    }
    return flops;
}

static double peak_bytes(void)
{
    struct rusage u;

    return getrusage(RUSAGE_SELF, &u) == 0 ? (double)u.ru_maxrss * 1024 : 0;
}

static status report(struct step *s, const struct step_case *c, const struct times *t, const struct bench_rate *limit)
{
    struct bench_figure f = {
        .bench = "step", .limit = limit->clock, .unit = "flop/s", .value = step_flops(s, c) / t->total};
    int bf16 = s->options->precision == NUMBER_BF16;
    double tokens = 0, sent2, sent8;
    char what[96], model[32];

    for (int i = 0; i < BATCH; i++) tokens += c->lengths[i];
    if (s->options->layers == 24 && s->options->hidden == 1024) snprintf(model, sizeof model, "cpt-large");
    else snprintf(model, sizeof model, "%dx%d", s->options->layers, s->options->hidden);
    snprintf(what, sizeof what, "%s deep %s %s", model, bench_precision_name(s->options), c->name);
    f.what = what;
    TRY(bench_bytes_sent(2, &sent2));
    TRY(bench_bytes_sent(8, &sent8));
    return bench_print(&f,
                       "\"layers\":%d,\"examples\":%d,\"tokens\":%.0f,\"seconds\":%.3f,\"seconds_encoder\":%.3f,"
                       "\"tokens_per_second\":%.1f,\"cpu_seconds\":%.3f,\"ratio_cpu\":%.4f,\"flops\":%.4g,"
                       "\"threads\":%d,\"unit_examples\":%d,"
                       "\"peak_bytes\":%.0f,\"bytes_sent_2_workers\":%.0f,\"bytes_sent_8_workers\":%.0f,"
                       "\"limit_f32\":%.6g,\"limit_bf16\":%.6g,\"kernels\":\"%s\",\"engine\":\"%s\"",
                       s->options->layers, BATCH, tokens, t->total, t->encoder, tokens / t->total, t->cpu,
                       step_flops(s, c) * s->options->threads / t->cpu / limit->cpu, step_flops(s, c),
                       s->options->threads, s->unit_examples, peak_bytes(), sent2, sent8,
                       bf16 ? s->other_limit : limit->clock, bf16 ? limit->clock : s->other_limit,
                       s->bench.encoder->kernels.name, matmul_about(s->bench.encoder->matmul));
}

/* One unit to touch all memory, then a step between two measurements of the limit. */
static status run_case(struct step *s, const struct step_case *c)
{
    struct unit_inputs in = {.batch = &s->batch,
                             .prompts = {s->options->layers, TOKENS, s->prompts},
                             .head = s->head,
                             .batch_examples = BATCH,
                             .marks = s->marks};
    struct unit_outputs out = {.grad_prompts = s->node, .grad_head = s->grad_head};
    struct bench_rate before, after;
    struct times t;

    TRY(plan_units(s, c));
    fill_batch(s, c, 0);
    TRY(unit_train(s->unit, s->bench.encoder, s->bench.pool, &in, &out));
    TRY(bench_layer_rate(&s->bench, &before));
    TRY(run_step(s, c, 1, &t));
    TRY(bench_layer_rate(&s->bench, &after));
    if (before.clock > after.clock) after.clock = before.clock;
    if (before.cpu > after.cpu) after.cpu = before.cpu;
    return report(s, c, &t, &after);
}

status cmd_bench_step(int argc, char **argv)
{
    struct bench_options options;
    struct step step;
    double other;
    status s;

    TRY(bench_options_parse(argc, argv, &options));
    TRY(bench_other_rate(&options, &other)); /* before, so that the peak of memory is the step's */
    s = open_step(&step, &options);
    step.other_limit = other;
    for (int i = 0; i < CASE_COUNT && s == ST_OK; i++)
        if (!options.only || strcmp(options.only, cases[i].name) == 0) s = run_case(&step, &cases[i]);
    close_step(&step);
    return s;
}

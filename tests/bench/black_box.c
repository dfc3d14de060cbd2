/* Not a test: what a candidate of the black box costs at CPT-large's size with random weights, over a whole round of
 * stage two, as the oracle works: what lies below a layer is kept, all candidates of the layer share it.
 * compare_black_box.py runs PyTorch on the same lengths, padded.
 *     black_box_bench CASE all|answers[-int8] whole|pair [--threads N] [--layers N]
 * CASE: short, middle or long; a line of JSON. int8: products in int8, as with machine.precision.
 * pair: of the round only a low layer and the high one as far from the top, whose mean is the round's (a candidate's
 * cost is linear in its layer): for busy machines. answers: the loss is over the tokens that answers are read from, two
 * options or a context, and the last layer is computed for these alone.
 * Lengths are those of real few-shot batches, P = 50 included: AFQMC, ChnSentiCorp, CMRC 2018. A round has one
 * candidate a layer here; moving up a layer, which 20 candidates share, counts a twentieth. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/clock.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/bench/encoder.h"
#include "worker/train/unit.h"

enum { BATCH = 32, TOKENS = 50, VOCABULARY = 21128, POPULATION = 20 };

static const struct bench_case {
    const char *name;
    int32_t lengths[BATCH];
    int32_t context; /* extraction: where the context begins; 0: two options of two tokens at the end */
} CASES[] = {
    {"short",
     {125, 121, 119, 117, 117, 114, 111, 108, 108, 106, 106, 104, 103, 102, 102, 101,
      99,  99,  99,  98,  96,  96,  96,  95,  95,  95,  95,  95,  94,  93,  92,  88},
     0},
    {"middle",
     {407, 334, 273, 261, 259, 255, 255, 250, 249, 247, 238, 229, 209, 209, 201, 161,
      144, 136, 129, 129, 128, 126, 125, 119, 116, 116, 115, 113, 110, 99,  95,  92},
     0},
    {"long",
     {512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 512, 474, 457,
      447, 437, 435, 413, 412, 408, 405, 405, 400, 391, 373, 364, 346, 339, 318, 512},
     62},
};

struct spent {
    double clock, cpu;
};

struct round_bench {
    struct bench_encoder bench;
    struct unit_batch batch;
    struct unit *unit;
    struct encoder_prompts prompts;
    float *values, *head, *state;
    struct answer_marks marks[BATCH];
    int32_t option[BATCH][2][2];
    double loss[BATCH];
};

static status open_bench(struct round_bench *r, const struct bench_options *o, const struct bench_case *c)
{
    int32_t align, rows = 0, ids[512];
    size_t prompts;

    TRY(bench_encoder_open(o, VOCABULARY, &r->bench));
    align = encoder_row_align(r->bench.encoder);
    for (int i = 0; i < BATCH; i++) rows += unit_batch_rows(c->lengths[i], align);
    TRY(unit_batch_init(&r->batch, BATCH, rows, align));
    unit_batch_clear(&r->batch, 0);
    for (int i = 0; i < BATCH; i++) {
        for (int32_t k = 0; k < c->lengths[i]; k++) ids[k] = 1000 + (k * 31 + i * 17) % 20000;
        if (!unit_batch_add(&r->batch, ids, c->lengths[i], 0, c->context ? c->context : c->lengths[i] - 3,
                            c->context ? c->context + 1 : c->lengths[i] - 2))
            return fault(ST_SYSTEM, "no room for a batch");
    }
    TRY(unit_new(r->bench.encoder, rows, BATCH, TOKENS, o->threads, UNIT_EVALUATE, &r->unit));
    prompts = (size_t)o->layers * TOKENS * 1024;
    TRY(mem_alloc(prompts, sizeof *r->values, &r->values));
    for (size_t i = 0; i < prompts; i++) r->values[i] = 0.01f * (float)((int)(i % 23) - 11);
    TRY(mem_alloc(2 * 1024, sizeof *r->head, &r->head));
    for (int i = 0; i < 2 * 1024; i++) r->head[i] = 0.001f * (float)(i % 29 - 14);
    TRY(mem_alloc((size_t)rows * 1024, sizeof *r->state, &r->state));
    r->prompts = (struct encoder_prompts){o->layers, TOKENS, r->values};
    return ST_OK;
}

/* What answers can be; a question of some 20 tokens comes after a context. */
static void mark(struct round_bench *r, const struct bench_case *c)
{
    for (int i = 0; i < BATCH; i++) {
        int32_t n = r->batch.length[i];

        r->marks[i] = NO_MARKS;
        r->marks[i].options = c->context ? 0 : 2;
        r->marks[i].option = (const int32_t(*)[2])r->option[i];
        r->marks[i].context_first = c->context;
        r->marks[i].context_last = n - 21;
        for (int k = 0; k < 2; k++) r->option[i][k][1] = (r->option[i][k][0] = n - 6 + 3 * k) + 1;
    }
}

static void close_bench(struct round_bench *r)
{
    unit_destroy(&r->unit);
    unit_batch_fini(&r->batch);
    mem_free(r->values);
    mem_free(r->head);
    mem_free(r->state);
    bench_encoder_close(&r->bench);
}

static struct spent since(struct spent start)
{
    return (struct spent){clock_now() - start.clock, clock_cpu() - start.cpu};
}

static void add(struct spent *sum, struct spent more, double weight)
{
    sum->clock += weight * more.clock;
    sum->cpu += weight * more.cpu;
}

/* Seconds a candidate: the mean over the layers. */
static status run_round(struct round_bench *r, int32_t layers, int answers, int pair, struct spent *out)
{
    const struct encoder *e = r->bench.encoder;
    struct unit_inputs in = {.batch = &r->batch,
                             .prompts = r->prompts,
                             .head = r->head,
                             .batch_examples = BATCH,
                             .marks = r->marks,
                             .loss = answers ? LOSS_ANSWERS : LOSS_ALL};
    struct unit_outputs results = {.loss = r->loss};
    size_t bytes = (size_t)r->batch.rows * 1024 * sizeof(float);
    double share = pair ? 0.5 : 1.0 / layers;

    *out = (struct spent){0, 0};
    for (int32_t l = 0; l < layers; l++) {
        struct spent start = since((struct spent){0, 0});

        if (pair && l != layers / 8 && l != layers - 1 - layers / 8) continue;
        if (l > 0) {
            if (l > 1) memcpy(unit_state(r->unit), r->state, bytes);
            TRY(unit_advance(r->unit, e, r->bench.pool, &r->batch, &r->prompts, l - 1, l));
            memcpy(r->state, unit_state(r->unit), bytes);
            add(out, since(start), share / POPULATION);
            start = since((struct spent){0, 0});
            memcpy(unit_state(r->unit), r->state, bytes);
        }
        TRY(unit_finish(r->unit, e, r->bench.pool, &in, l, &results));
        add(out, since(start), share);
    }
    return ST_OK;
}

static status run(const struct bench_options *o, const struct bench_case *c, const char *what, int pair)
{
    int answers = strncmp(what, "answers", 7) == 0;
    struct round_bench r = {.unit = NULL};
    struct spent spent;
    status s = open_bench(&r, o, c);

    if (s == ST_OK) mark(&r, c);
    if (s == ST_OK) s = run_round(&r, o->layers, answers, pair, &spent);
    if (s == ST_OK)
        printf(
            "{\"bench\":\"black-box\",\"case\":\"%s %s\",\"layers\":%d,\"threads\":%d,\"tokens\":%d,\"seconds\":%.4f,"
            "\"cpu\":%.4f}\n",
            c->name, what, o->layers, o->threads, r.batch.tokens, spent.clock, spent.cpu);
    close_bench(&r);
    return s;
}

int main(int argc, char **argv)
{
    struct bench_options o;

    for (size_t i = 0; argc > 3 && i < sizeof CASES / sizeof *CASES; i++)
        if (strcmp(argv[1], CASES[i].name) == 0) {
            status s = bench_options_parse(argc - 3, argv + 3, &o);

            o.int8 = strstr(argv[2], "-int8") != NULL;
            if (s == ST_OK) s = run(&o, &CASES[i], argv[2], strcmp(argv[3], "pair") == 0);
            return status_exit(s);
        }
    fprintf(stderr, "see the first lines of tests/bench/black_box.c\n");
    return 2;
}

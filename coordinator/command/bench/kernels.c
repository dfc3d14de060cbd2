/* mp2 bench kernels [ISA]: the kernels between matrix products on one thread, at CPT-large's sizes. Attention stands
 * beside multiply-adds that stay in registers, what streams beside memcpy (bytes read + written), both measured in
 * this run. Each figure is the best of several short tries, in the thread's own CPU time: others on the machine cost
 * it little. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "coordinator/command/bench/commands.h"
#include "coordinator/command/bench/figure.h"
#include "worker/kernel/kernels.h"

enum { H = 1024, HEADS = 16, WIDTH = H / HEADS, FEED = 4096, ROWS = 2048, D = 300, BLOCKS = 430, TRIES = 15 };

struct bench_memory {
    struct kernels k;
    float *f[4]; /* each ROWS x FEED floats, filled with small numbers */
    void *scratch;
    struct row_place *place;
    double flops[2]; /* peak for f32 and bf16 */
    double copy;     /* bytes read and written a second */
    struct dropout drop;
};

/* One case: what to run, and its work in flops or bytes. */
struct kernel_case {
    const char *name, *unit;
    void (*run)(struct bench_memory *m, enum number type, int rows);
    double (*work)(enum number type, int rows);
    int rows;
    int dropout;
};

static void run_copy(struct bench_memory *m, enum number type, int rows)
{
    (void)type;
    memcpy(m->f[1], m->f[0], (size_t)rows * H * sizeof(float));
}
static double work_copy(enum number type, int rows)
{
    return (void)type, 2.0 * rows * H * sizeof(float);
}

static struct attention head_of(const struct bench_memory *m, enum number type, int rows, int head)
{
    return (struct attention){.keys = rows,
                              .queries = rows,
                              .width = WIDTH,
                              .ld = 3 * H,
                              .ld_ctx = H,
                              .type = type,
                              .scale = 0.125f,
                              .drop = m->drop,
                              .site = dropout_head_site(1, head),
                              .slot = 3};
}

static void *element(void *x, enum number type, size_t i)
{
    return (char *)x + i * number_size(type);
}

static void run_attention(struct bench_memory *m, enum number type, int rows)
{
    for (int head = 0; head < HEADS; head++) {
        struct attention a = head_of(m, type, rows, head);
        size_t at = (size_t)head * WIDTH;

        m->k.attention_forward(&a, element(m->f[0], type, at), element(m->f[0], type, at + H),
                               element(m->f[0], type, at + 2 * H), element(m->f[1], type, at),
                               m->f[3] + (size_t)2 * (size_t)rows * (size_t)head, m->scratch);
    }
}
static double work_attention(enum number type, int rows)
{
    return (void)type, 4.0 * rows * rows * H;
}

static void run_attention_back(struct bench_memory *m, enum number type, int rows)
{
    for (int head = 0; head < HEADS; head++) {
        struct attention a = head_of(m, type, rows, head);
        size_t at = (size_t)head * WIDTH;

        m->k.attention_backward(&a, element(m->f[0], type, at), element(m->f[0], type, at + H),
                                element(m->f[0], type, at + 2 * H), m->f[3] + (size_t)2 * (size_t)rows * (size_t)head,
                                element(m->f[0], type, at), element(m->f[2], type, at), element(m->f[2], type, at + H),
                                element(m->f[2], type, at + 2 * H), m->scratch);
    }
}
static double work_attention_back(enum number type, int rows)
{
    return (void)type, 10.0 * rows * rows * H;
}

static struct norm norm_of(const struct bench_memory *m, enum number type, int rows)
{
    return (struct norm){
        .rows = rows, .width = H, .type = type, .place = m->place, .drop = m->drop, .gamma = m->f[0], .beta = m->f[0]};
}

static void run_norm(struct bench_memory *m, enum number type, int rows)
{
    struct norm n = norm_of(m, type, rows);

    m->k.norm_forward(&n, m->f[0], m->f[1], m->f[2], m->f[2] + ROWS * H, m->f[2] + 2 * ROWS * H, m->f[3]);
}
static double work_norm(enum number type, int rows)
{
    return (8.0 + 3.0 * (double)number_size(type)) * rows * H;
}

static void run_norm_back(struct bench_memory *m, enum number type, int rows)
{
    struct norm n = norm_of(m, type, rows);

    m->k.norm_backward(&n, m->f[0], m->f[0] + ROWS * H, m->f[1], m->f[3], m->f[2], m->f[2] + ROWS * H);
}
static double work_norm_back(enum number type, int rows)
{
    return (12.0 + 2.0 * (double)number_size(type)) * rows * H;
}

static void run_gelu(struct bench_memory *m, enum number type, int rows)
{
    m->k.gelu_forward((int64_t)rows * FEED, type, m->f[0], type, m->f[1]);
}
static double work_gelu(enum number type, int rows)
{
    return 2.0 * (double)number_size(type) * rows * FEED;
}

static void run_gelu_back(struct bench_memory *m, enum number type, int rows)
{
    m->k.gelu_backward((int64_t)rows * FEED, type, m->f[0], type, m->f[1], m->f[1]);
}
static double work_gelu_back(enum number type, int rows)
{
    return 3.0 * (double)number_size(type) * rows * FEED;
}

static void run_adamw(struct bench_memory *m, enum number type, int rows)
{
    struct adamw w = {
        .lr = 1e-4, .beta1 = .9, .beta2 = .999, .eps = 1e-8, .decay = .01, .correction1 = .1, .correction2 = .001};

    (void)type;
    m->k.adamw(&w, (int64_t)rows * H, m->f[0], m->f[1], m->f[2], m->f[3]);
}
static double work_adamw(enum number type, int rows)
{
    return (void)type, 28.0 * rows * H;
}

static size_t block_at(int b)
{
    return (size_t)b * D * COLUMN_BLOCK;
}

static void run_compose(struct bench_memory *m, enum number type, int rows)
{
    (void)type;
    for (int b = 0; b < rows; b++)
        m->k.columns_compose(D, 1, m->f[0], m->f[1] + block_at(b), m->f[0] + 4096 + b * COLUMN_BLOCK);
}
static void run_grad_u(struct bench_memory *m, enum number type, int rows)
{
    double *grad_u = m->scratch;

    (void)type;
    for (int b = 0; b < rows; b++)
        m->k.columns_grad_u(D, 1, m->f[1] + block_at(b), m->f[0] + 4096 + b * COLUMN_BLOCK, grad_u);
}
static double work_read(enum number type, int rows)
{
    return (void)type, 4.0 * rows * D * COLUMN_BLOCK;
}

static void run_update(struct bench_memory *m, enum number type, int rows)
{
    struct adamw w = {
        .lr = 1e-4, .beta1 = .9, .beta2 = .999, .eps = 1e-8, .decay = .01, .correction1 = .1, .correction2 = .001};

    (void)type;
    for (int b = 0; b < rows; b++)
        m->k.columns_update(&w, D, 1, m->f[0], m->f[0] + 4096 + b * COLUMN_BLOCK, m->f[1] + block_at(b),
                            m->f[2] + block_at(b), m->f[3] + block_at(b), 1, m->f[0] + 512, m->f[0] + 2048);
}
static double work_update(enum number type, int rows)
{
    return (void)type, 24.0 * rows * D * COLUMN_BLOCK;
}

static const struct kernel_case cases[] = {
    {"attention forward 512", "flop/s", run_attention, work_attention, 512, 0},
    {"attention forward 512 dropout", "flop/s", run_attention, work_attention, 512, 1},
    {"attention backward 512", "flop/s", run_attention_back, work_attention_back, 512, 0},
    {"attention backward 512 dropout", "flop/s", run_attention_back, work_attention_back, 512, 1},
    {"attention forward 100 dropout", "flop/s", run_attention, work_attention, 100, 1},
    {"attention backward 100 dropout", "flop/s", run_attention_back, work_attention_back, 100, 1},
    {"norm forward dropout", "byte/s", run_norm, work_norm, ROWS, 1},
    {"norm backward dropout", "byte/s", run_norm_back, work_norm_back, ROWS, 1},
    {"gelu forward", "byte/s", run_gelu, work_gelu, ROWS, 0},
    {"gelu backward", "byte/s", run_gelu_back, work_gelu_back, ROWS, 0},
    {"adamw", "byte/s", run_adamw, work_adamw, 2 * ROWS, 0},
    {"columns compose", "byte/s", run_compose, work_read, BLOCKS, 0},
    {"columns grad_u", "byte/s", run_grad_u, work_read, BLOCKS, 0},
    {"columns update and compose", "byte/s", run_update, work_update, BLOCKS, 0},
};

static double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Work a second, the best of TRIES. */
static double rate(struct bench_memory *m, const struct kernel_case *c, enum number type)
{
    double best = 0;

    for (int try = 0; try < TRIES; try++) {
        double start = cpu_now(), seconds;

        c->run(m, type, c->rows);
        seconds = cpu_now() - start;
        if (c->work(type, c->rows) / seconds > best) best = c->work(type, c->rows) / seconds;
    }
    return best;
}

static double peak_rate(struct bench_memory *m, enum number type)
{
    double best = 0;

    for (int try = 0; try < TRIES; try++) {
        double start = cpu_now(), flops = m->k.peak(type, 100000, m->f[0]), seconds = cpu_now() - start;

        if (flops / seconds > best) best = flops / seconds;
    }
    return best;
}

static void fill_memory(struct bench_memory *m)
{
    const size_t n = (size_t)ROWS * FEED;

    for (int i = 0; i < 4; i++)
        for (size_t j = 0; j < n; j++)
            m->f[i][j] = (float)(1 + (j * 2654435761u >> 7) % 1000) * (j % 2 ? -1e-3f : 1e-3f);
    for (size_t j = 0; j < n; j++) /* second moments, sums of squares: never negative */
        if (m->f[3][j] < 0) m->f[3][j] = -m->f[3][j];
    for (uint32_t i = 0; i < ROWS; i++) m->place[i] = (struct row_place){i / 512, i % 512};
}

static status measure(struct bench_memory *m, const struct kernel_case *c, enum number type)
{
    char what[96];
    struct bench_figure figure = {"kernels", what, 0, strcmp(c->unit, "flop/s") == 0 ? m->flops[type] : m->copy,
                                  c->unit};

    for (int i = 0; i < 2 && type == NUMBER_BF16; i++) { /* the first numbers, rounded, in the same place */
        m->k.to_bf16((int64_t)ROWS * FEED / 2, m->f[i], (uint16_t *)m->f[2]);
        memcpy(m->f[i], m->f[2], (size_t)ROWS * FEED);
    }
    m->drop = dropout_make(random_seed(1, RANDOM_DROPOUT), c->dropout ? 0.1 : 0.0);
    snprintf(what, sizeof what, "%s %s %s", c->name, type == NUMBER_BF16 ? "bf16" : "f32", m->k.name);
    figure.value = rate(m, c, type);
    return bench_print(&figure, NULL);
}

static status all_cases(struct bench_memory *m)
{
    const struct kernel_case copy = {"memcpy", "byte/s", run_copy, work_copy, 4 * ROWS, 0};
    struct attention longest;

    m->drop = dropout_make(random_seed(1, RANDOM_DROPOUT), 0.0);
    longest = head_of(m, NUMBER_F32, 512, 0);
    TRY(mem_alloc(m->k.attention_scratch(&longest), 1, &m->scratch));
    fill_memory(m);
    m->copy = rate(m, &copy, NUMBER_F32);
    for (int type = 0; type < 2; type++) m->flops[type] = peak_rate(m, (enum number)type);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int type = 0; type < 2; type++) {
            if (type == NUMBER_BF16 && (cases[i].run == run_adamw || cases[i].rows == BLOCKS)) continue;
            fill_memory(m);
            TRY(measure(m, &cases[i], (enum number)type));
        }
    return ST_OK;
}

status cmd_bench_kernels(int argc, char **argv)
{
    struct bench_memory m = {0};
    enum isa isa = ISA_AUTO;
    status s;

    if (argc > 2 || (argc == 2 && isa_parse(argv[1], &isa) != 0))
        return fault(ST_USAGE, "mp2 bench kernels takes one set: auto, avx2, avx512, avx512bf16");
    s = kernels_choose(isa, &m.k);
    for (int i = 0; i < 4 && s == ST_OK; i++) s = mem_alloc((size_t)ROWS * FEED, sizeof(float), &m.f[i]);
    if (s == ST_OK) s = mem_alloc(ROWS, sizeof *m.place, &m.place);
    if (s == ST_OK) s = all_cases(&m);
    mem_free(m.place);
    mem_free(m.scratch);
    for (int i = 0; i < 4; i++) mem_free(m.f[i]);
    return s;
}

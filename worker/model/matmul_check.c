/* What is exact on this machine (worker/README.md, "Products"), measured: rows of every product, multiplied together
 * with 16, 32 … MATMUL_ROWS rows at varying positions, against the same rows multiplied 16 at a time; and each number
 * of rows against itself at another position. Products are distributed over the pool's threads. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "cluster/base/memory.h"
#include "worker/model/matmul.h"

enum { CHECK_ROWS = 2 * MATMUL_ROWS };

struct check {
    const struct matmul *matmul;
    atomic_int next, rows_differ, cut_differs;
    atomic_int failed; /* a status */
};

struct probe {
    void *x, *packed, *y, *by16;
    float *w, *bias;
};

/* Cheap numbers in (-1,1) with full mantissas; bf16 takes their upper halves. */
static void fill_numbers(void *out, int64_t n, enum number type, uint32_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        float x;

        seed = seed * 1664525u + 1013904223u;
        x = (float)(int32_t)seed * 0x1p-31f;
        memcpy(&bits, &x, sizeof bits);
        if (type == NUMBER_F32) ((float *)out)[i] = x;
        else ((uint16_t *)out)[i] = (uint16_t)(bits >> 16);
    }
}

static status probe_make(const struct matmul *m, int product, struct probe *p)
{
    const struct matmul_spec *s = matmul_product(m, product);
    uint32_t seed = 12345u + (uint32_t)product;

    TRY(mem_alloc((size_t)(CHECK_ROWS * s->k), number_size(s->in), &p->x));
    TRY(mem_alloc((size_t)(CHECK_ROWS * s->n), number_size(s->out), &p->y));
    TRY(mem_alloc((size_t)(CHECK_ROWS * s->n), number_size(s->out), &p->by16));
    TRY(mem_alloc((size_t)(s->k * s->n), sizeof *p->w, &p->w));
    TRY(mem_alloc((size_t)s->n, sizeof *p->bias, &p->bias));
    TRY(mem_alloc(matmul_packed_bytes(m, product), 1, &p->packed));
    fill_numbers(p->x, CHECK_ROWS * s->k, s->in, seed);
    fill_numbers(p->w, s->k * s->n, NUMBER_F32, seed + 1);
    fill_numbers(p->bias, s->n, NUMBER_F32, seed + 2);
    return matmul_pack(m, product, p->w, 0, p->packed);
}

static void probe_free(struct probe *p)
{
    mem_free(p->x);
    mem_free(p->y);
    mem_free(p->by16);
    mem_free(p->w);
    mem_free(p->bias);
    mem_free(p->packed);
}

static const void *row_of(const void *base, int64_t row, int64_t width, enum number type)
{
    return (const char *)base + (size_t)(row * width) * number_size(type);
}

/* Multiply rows [first, first + rows) of x into the same rows of y. */
static status multiply(const struct matmul *m, int product, int thread, const struct probe *p, int64_t first,
                       int64_t rows, void *y)
{
    const struct matmul_spec *s = matmul_product(m, product);
    size_t at = (size_t)(first * s->n) * number_size(s->out);

    return matmul_run(m, product, thread, rows, row_of(p->x, first, s->k, s->in), p->packed, p->bias, (char *)y + at);
}

/* Whether x's rows at `from`, copied to `to`, give the same bits there. */
static status check_moved(struct check *c, int product, int thread, struct probe *p, int64_t rows)
{
    const struct matmul_spec *s = matmul_product(c->matmul, product);
    size_t x_bytes = (size_t)(rows * s->k) * number_size(s->in), y_bytes = (size_t)(rows * s->n) * number_size(s->out);
    int64_t to = CHECK_ROWS - rows;

    TRY(multiply(c->matmul, product, thread, p, 0, rows, p->y));
    memmove((char *)p->x + (size_t)(to * s->k) * number_size(s->in), p->x, x_bytes);
    TRY(multiply(c->matmul, product, thread, p, to, rows, p->by16));
    if (memcmp(p->y, row_of(p->by16, to, s->n, s->out), y_bytes) != 0) atomic_store(&c->cut_differs, 1);
    return ST_OK;
}

static status check_product(struct check *c, int product, int thread, struct probe *p)
{
    const struct matmul_spec *s = matmul_product(c->matmul, product);

    TRY(probe_make(c->matmul, product, p));
    for (int64_t row = 0; row < CHECK_ROWS; row += MATMUL_GRAIN)
        TRY(multiply(c->matmul, product, thread, p, row, MATMUL_GRAIN, p->by16));
    for (int64_t rows = 2 * MATMUL_GRAIN; rows <= MATMUL_ROWS; rows += MATMUL_GRAIN) {
        int64_t first = (rows * 7 / MATMUL_GRAIN) % ((CHECK_ROWS - rows) / MATMUL_GRAIN) * MATMUL_GRAIN;
        const void *expected = row_of(p->by16, first, s->n, s->out), *found = row_of(p->y, first, s->n, s->out);

        TRY(multiply(c->matmul, product, thread, p, first, rows, p->y));
        if (memcmp(expected, found, (size_t)(rows * s->n) * number_size(s->out)) != 0) {
            atomic_store(&c->rows_differ, 1);
            break;
        }
    }
    if (!atomic_load(&c->rows_differ)) return ST_OK;
    for (int64_t rows = MATMUL_GRAIN; rows <= MATMUL_ROWS; rows += MATMUL_GRAIN)
        TRY(check_moved(c, product, thread, p, rows));
    return ST_OK;
}

static void check_job(void *arg, int thread, int threads)
{
    struct check *c = arg;

    (void)threads;
    for (;;) {
        struct probe p = {0};
        int product = atomic_fetch_add(&c->next, 1);
        status s;

        if (product >= matmul_count(c->matmul)) return;
        s = check_product(c, product, thread, &p);
        probe_free(&p);
        if (s != ST_OK) atomic_store(&c->failed, (int)s);
    }
}

status matmul_check(const struct matmul *m, struct pool *pool, enum matmul_exact *out)
{
    struct check c = {.matmul = m};

    *out = EXACT_NONE;
    pool_run(pool, check_job, &c);
    if (atomic_load(&c.failed)) return (status)atomic_load(&c.failed);
    *out = atomic_load(&c.cut_differs) ? EXACT_NONE : atomic_load(&c.rows_differ) ? EXACT_EXAMPLE : EXACT_ROWS;
    return ST_OK;
}

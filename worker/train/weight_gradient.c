#include "worker/train/weight_gradient.h"

#include <stdatomic.h>

enum { BIAS_COLUMNS = 2048 }; /* columns of a bias per piece of work */

struct shared {
    const struct weight_work *work;
    atomic_int next, failed;
};

struct matmul_spec weight_product(enum number type, int64_t rows, int64_t n, int64_t k, int64_t ld)
{
    return (struct matmul_spec){
        .k = rows, .n = k, .in = type, .out = NUMBER_F32, .ld_x = ld, .rows = n, .x_columns = 1, .w_plain = 1};
}

static int64_t part_count(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* Rows of dW from MATMUL_ROWS * part on: columns of dy. */
static status run_weight(const struct weight_work *w, const struct weight_piece *p, int64_t part, int thread)
{
    const struct matmul_spec *s = matmul_product(w->matmul, p->product);
    int64_t first = part * MATMUL_ROWS, left = s->rows - first;
    const char *dy = (const char *)p->dy + (size_t)first * number_size(s->in);

    return matmul_run(w->matmul, p->product, thread, left < MATMUL_ROWS ? left : MATMUL_ROWS, dy, p->x, NULL,
                      p->dw + first * s->n);
}

static void run_bias(const struct kernels *k, const struct bias_piece *p, int64_t part)
{
    int64_t first = part * BIAS_COLUMNS, left = p->n - first;
    const char *dy = (const char *)p->dy + (size_t)first * number_size(p->type);

    k->sum_rows(p->rows, (int)(left < BIAS_COLUMNS ? left : BIAS_COLUMNS), p->ld, p->type, dy, p->out + first);
}

/* Run piece `item` of all, products first: they take longest. Returns 0 if there are fewer. */
static int run_piece(struct shared *s, int64_t item, int thread)
{
    const struct weight_work *w = s->work;

    for (int i = 0; i < w->weights; i++) {
        int64_t parts = part_count(matmul_product(w->matmul, w->weight[i].product)->rows, MATMUL_ROWS);

        if (item < parts) {
            status failed = run_weight(w, &w->weight[i], item, thread);

            if (failed != ST_OK) atomic_store(&s->failed, (int)failed);
            return 1;
        }
        item -= parts;
    }
    for (int i = 0; i < w->biases; i++) {
        int64_t parts = part_count(w->bias[i].n, BIAS_COLUMNS);

        if (item < parts) {
            run_bias(w->kernels, &w->bias[i], item);
            return 1;
        }
        item -= parts;
    }
    if (item >= w->norms) return 0;
    w->kernels->norm_parameters(&w->norm[item].norm, w->norm[item].dropped, w->norm[item].d_out, NULL,
                                w->norm[item].xhat, w->norm[item].gamma, w->norm[item].beta);
    return 1;
}

static void gradient_job(void *arg, int thread, int threads)
{
    struct shared *s = arg;

    (void)threads;
    while (run_piece(s, atomic_fetch_add(&s->next, 1), thread))
        if (thread == 0 && s->work->turn) s->work->turn(s->work->turn_arg);
}

status weight_gradient(const struct weight_work *w, struct pool *pool)
{
    struct shared s = {.work = w};

    pool_run(pool, gradient_job, &s);
    return (status)atomic_load(&s.failed);
}

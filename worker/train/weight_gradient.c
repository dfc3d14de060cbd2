#include "worker/train/weight_gradient.h"

#include <cblas.h>
#include <stdatomic.h>

/* Rows of a dW that are one piece of work, by its size alone: enough pieces for the threads, few enough that x is not packed
 * anew for little. */
static int64_t block_rows(int64_t n)
{
    return n >= 8192 ? 512 : 128;
}

static int block_count(const struct weight_piece *p)
{
    return (int)((p->n + block_rows(p->n) - 1) / block_rows(p->n));
}

struct shared { const struct weight_work *work; atomic_int next; int blocks; };

static void run_weight(const struct weight_work *w, int block)
{
    for (int i = 0; i < w->weights; i++) {
        const struct weight_piece *p = &w->weight[i];
        int64_t size = block_rows(p->n);
        int count = block_count(p);
        int64_t first = (int64_t)block * size, n = p->n - first < size ? p->n - first : size;

        if (block >= count) {
            block -= count;
            continue;
        }
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)n, (int)p->k, (int)p->rows, 1.0f, p->dy + first, (int)p->ld,
                    p->x, (int)p->k, 0.0f, p->dw + first * p->k, (int)p->k);
        return;
    }
}

static void run_piece(const struct weight_work *w, int blocks, int item)
{
    if (item < blocks) {
        run_weight(w, item);
    } else if (item - blocks < w->biases) {
        const struct bias_piece *p = &w->bias[item - blocks];

        w->kernels->sum_rows(p->rows, p->n, p->type, p->dy, p->out);
    } else {
        const struct norm_piece *p = &w->norm[item - blocks - w->biases];

        w->kernels->norm_parameters(&p->norm, p->dropped, p->d_out, NULL, p->xhat, p->gamma, p->beta);
    }
}

static void gradient_job(void *arg, int thread, int threads)
{
    struct shared *s = arg;
    int item, items = s->blocks + s->work->biases + s->work->norms;

    (void)thread, (void)threads;
    while ((item = atomic_fetch_add(&s->next, 1)) < items) run_piece(s->work, s->blocks, item);
}

void weight_gradient(const struct weight_work *w, struct pool *pool)
{
    struct shared s = {.work = w};

    for (int i = 0; i < w->weights; i++) s.blocks += block_count(&w->weight[i]);
    pool_run(pool, gradient_job, &s);
}

struct conversion { const struct kernels *kernels; int64_t n; const uint16_t *from; float *to; };

static void convert_job(void *arg, int thread, int threads)
{
    struct conversion *c = arg;
    int64_t first, last;

    pool_share(c->n, 64, thread, threads, &first, &last);
    c->kernels->from_bf16(last - first, c->from + first, c->to + first);
}

const float *weight_floats(const struct kernels *k, struct pool *pool, enum number type, int64_t n, const void *x, float *room)
{
    struct conversion c = {k, n, x, room};

    if (type == NUMBER_F32) return x;
    pool_run(pool, convert_job, &c);
    return room;
}

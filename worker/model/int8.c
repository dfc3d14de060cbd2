#include "worker/model/int8.h"

/* A few rows on their way. */
struct rows_at {
    struct pass *p;
    const struct packed_weights_layer *layer;
    struct thread_scratch *t;
    int thread;
    int32_t rows;
};

static struct int8_scales scales(const struct rows_at *r, int product)
{
    return (struct int8_scales){.x_scale = r->t->scale,
                                .w_scale = r->layer->scale[product],
                                .bias = r->layer->bias[product],
                                .offset = r->layer->offset[product]};
}

static void quantize(const struct rows_at *r, const void *x)
{
    const struct encoder *e = r->p->e;

    e->kernels.int8_quantize(r->rows, (int)e->config.hidden, e->precision, x, r->t->whole, r->t->scale);
}

static void multiply(const struct rows_at *r, int product)
{
    status s = matmul_run(r->p->e->matmul, product, r->thread, r->rows, r->t->whole, r->layer->packed[product], NULL,
                          r->t->sums);

    if (s != ST_OK) atomic_store(&r->p->failed, (int)s);
}

static void dequantize(const struct rows_at *r, int product, void *y)
{
    const struct encoder *e = r->p->e;
    const struct int8_scales s = scales(r, product);

    e->kernels.int8_dequantize(r->rows, (int)matmul_product(e->matmul, product)->n, &s, r->t->sums, e->precision, y);
}

static struct rows_at rows_from(struct pass *p, int thread, int32_t layer, int32_t first, int32_t rows)
{
    return (struct rows_at){p, &p->e->weights.layer[layer], &p->a->threads[thread], thread,
                            rows - first < INT8_ROWS ? rows - first : INT8_ROWS};
}

static const void *input_at(const struct pass *p, const void *x, int32_t row)
{
    return (const char *)x + (size_t)(row * p->e->config.hidden) * number_size(p->e->precision);
}

void int8_product(struct pass *p, int thread, int product, int32_t layer, int32_t rows, const void *x, void *y)
{
    int64_t width = matmul_product(p->e->matmul, product)->n;

    for (int32_t first = 0; first < rows; first += INT8_ROWS) {
        struct rows_at r = rows_from(p, thread, layer, first, rows);

        quantize(&r, input_at(p, x, first));
        multiply(&r, product);
        dequantize(&r, product, row_at(y, p->e->precision, first, width));
    }
}

void int8_feed_forward(struct pass *p, int thread, int32_t layer, int32_t rows, const void *x, void *y)
{
    for (int32_t first = 0; first < rows; first += INT8_ROWS) {
        struct rows_at r = rows_from(p, thread, layer, first, rows);
        struct int8_scales up = scales(&r, PRODUCT_UP);

        quantize(&r, input_at(p, x, first));
        multiply(&r, PRODUCT_UP);
        p->e->kernels.int8_gelu(r.rows, (int)p->e->config.feed_forward, &up, r.t->sums, r.t->whole, r.t->scale);
        multiply(&r, PRODUCT_DOWN);
        dequantize(&r, PRODUCT_DOWN, row_at(y, p->e->precision, first, p->e->config.hidden));
    }
}

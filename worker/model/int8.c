#include "worker/model/int8.h"

/* A few rows being processed. */
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

static int width_in(const struct rows_at *r, int product)
{
    return (int)matmul_product(r->p->e->matmul, product)->k;
}

static int width_out(const struct rows_at *r, int product)
{
    return (int)matmul_product(r->p->e->matmul, product)->n;
}

/* As in packed_weights_products: what is added to the residual stream's gradient stays f32. */
static enum number type_out(const struct rows_at *r, int product)
{
    return product == PRODUCT_QKV_BACK || product == PRODUCT_UP_BACK ? NUMBER_F32 : r->p->e->precision;
}

static void quantize(const struct rows_at *r, int product, const void *x)
{
    const struct encoder *e = r->p->e;

    e->kernels.int8_quantize(r->rows, width_in(r, product), e->precision, x, r->t->integers, r->t->scale, r->t->sums);
}

static void multiply(const struct rows_at *r, int product)
{
    status s = matmul_run(r->p->e->matmul, product, r->thread, r->rows, r->t->integers, r->layer->packed[product], NULL,
                          r->t->sums);

    if (s != ST_OK) atomic_store(&r->p->failed, (int)s);
}

static void dequantize(const struct rows_at *r, int product, void *y)
{
    const struct int8_scales s = scales(r, product);

    r->p->e->kernels.int8_dequantize(r->rows, width_out(r, product), &s, r->t->sums, type_out(r, product), y);
}

static struct rows_at rows_from(struct pass *p, int thread, int32_t layer, int32_t first, int32_t rows)
{
    return (struct rows_at){p, &p->e->weights.layer[layer], &p->a->threads[thread], thread,
                            rows - first < INT8_ROWS ? rows - first : INT8_ROWS};
}

static const void *input_at(const struct rows_at *r, int product, const void *x, int32_t row)
{
    return (const char *)x + (size_t)((int64_t)row * width_in(r, product)) * number_size(r->p->e->precision);
}

void int8_product(struct pass *p, int thread, int product, int32_t layer, int32_t rows, const void *x, void *y)
{
    for (int32_t first = 0; first < rows; first += INT8_ROWS) {
        struct rows_at r = rows_from(p, thread, layer, first, rows);

        quantize(&r, product, input_at(&r, product, x, first));
        multiply(&r, product);
        dequantize(&r, product, row_at(y, type_out(&r, product), first, width_out(&r, product)));
    }
}

void int8_feed_forward(struct pass *p, int thread, int32_t layer, int32_t rows, const void *x, void *pre, void *y)
{
    enum number type = p->e->precision;

    for (int32_t first = 0; first < rows; first += INT8_ROWS) {
        struct rows_at r = rows_from(p, thread, layer, first, rows);
        struct int8_scales up = scales(&r, PRODUCT_UP);
        int width = width_out(&r, PRODUCT_UP);

        quantize(&r, PRODUCT_UP, input_at(&r, PRODUCT_UP, x, first));
        multiply(&r, PRODUCT_UP);
        p->e->kernels.int8_gelu(r.rows, width, &up, r.t->sums, type, pre ? row_at(pre, type, first, width) : NULL,
                                r.t->integers, r.t->scale);
        multiply(&r, PRODUCT_DOWN);
        dequantize(&r, PRODUCT_DOWN, row_at(y, type, first, width_out(&r, PRODUCT_DOWN)));
    }
}

void int8_feed_forward_back(struct pass *p, int thread, int32_t layer, int32_t rows, const void *d_y, const void *pre,
                            float *d_x)
{
    for (int32_t first = 0; first < rows; first += INT8_ROWS) {
        struct rows_at r = rows_from(p, thread, layer, first, rows);
        struct int8_scales down = scales(&r, PRODUCT_DOWN_BACK);

        quantize(&r, PRODUCT_DOWN_BACK, input_at(&r, PRODUCT_DOWN_BACK, d_y, first));
        multiply(&r, PRODUCT_DOWN_BACK);
        p->e->kernels.int8_gelu_backward(r.rows, width_out(&r, PRODUCT_DOWN_BACK), &down, r.t->sums, p->e->precision,
                                         input_at(&r, PRODUCT_UP_BACK, pre, first), r.t->integers, r.t->scale);
        multiply(&r, PRODUCT_UP_BACK);
        dequantize(&r, PRODUCT_UP_BACK, d_x + (int64_t)first * width_out(&r, PRODUCT_UP_BACK));
    }
}

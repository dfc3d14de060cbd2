/* Quantizing the inputs and dequantizing the results of int8 products (kernels.h: struct int8_scales). */
#include "worker/kernel/gelu.h"
#include "worker/kernel/simd.h"

/* 0; NaN where a is not finite. */
VEC_INLINE vec not_finite(vec a)
{
    return vec_mul(a, vec_zero());
}

/* A scale below this counts as 0: its inverse would not be finite. */
static const float LEAST = 1e-30f;

/* Multiply n vectors by the Hadamard matrix. */
VEC_INLINE void mix(vec *v, int n)
{
#pragma GCC unroll 4
    for (int half = n / 2; half > 0; half /= 2)
#pragma GCC unroll 16
        for (int i = 0; i < n; i++)
            if (!(i & half)) {
                vec a = v[i], b = v[i + half];

                v[i] = vec_add(a, b);
                v[i + half] = vec_sub(a, b);
            }
}

/* What quantize needs to know about a row's numbers. */
struct extent {
    vec largest, bad;
};

VEC_INLINE void rotate_part(int n, float factor, int64_t i, int64_t width, enum number type, const void *x, float *out,
                            struct extent *e)
{
    vec v[16];

#pragma GCC unroll 16
    for (int k = 0; k < n; k++) v[k] = vec_at_type(type, x, i + k * LANES, width);
    mix(v, n);
#pragma GCC unroll 16
    for (int k = 0; k < n; k++) {
        v[k] = vec_mul(v[k], vec_set(factor));
        e->largest = vec_max(vec_abs(v[k]), e->largest);
        e->bad = vec_add(e->bad, not_finite(v[k]));
        vec_put(out, i + k * LANES, width, v[k]);
    }
}

/* x R (kernels.h) of a row x of type; out may be x. */
VEC_INLINE struct extent rotate_row(int64_t width, enum number type, const void *x, float *out)
{
    struct extent e = {vec_zero(), vec_zero()};
    int64_t i = 0;

    for (; i + 16 * LANES <= width; i += 16 * LANES) rotate_part(16, .25f, i, width, type, x, out, &e);
    for (; i + 4 * LANES <= width; i += 4 * LANES) rotate_part(4, .5f, i, width, type, x, out, &e);
    for (; i < width; i += LANES) rotate_part(1, 1, i, width, type, x, out, &e);
    return e;
}

/* Quantize a row, zero at 128. */
VEC_INLINE void quantize_row(int64_t width, const float *x, const struct extent *e, uint8_t *q, float *scale)
{
    vec inverse;

    *scale = vec_largest(e->largest) / 127.0f + vec_sum(e->bad);
    inverse = vec_set(*scale > LEAST ? 1.0f / *scale : 0.0f);
    for (int64_t i = 0; i < width; i += LANES)
        vec_put_u8(q, i, width, vec_fma(vec_at(x, i, width), inverse, vec_set(128.0f)));
}

static void int8_quantize(int64_t rows, int width, enum number type, const void *x, uint8_t *q, float *scale,
                          float *scratch)
{
    for (int64_t row = 0; row < rows; row++) {
        const char *at = (const char *)x + (size_t)(row * width) * number_size(type);
        struct extent e = type == NUMBER_BF16 ? rotate_row(width, NUMBER_BF16, at, scratch)
                                              : rotate_row(width, NUMBER_F32, at, scratch);

        quantize_row(width, scratch, &e, q + row * width, scale + row);
    }
}

/* y[c] of a row, 16 of them. */
VEC_INLINE vec value_at(const struct int8_scales *s, vec x_scale, const int32_t *sums, int64_t c, int64_t width)
{
    vec whole = vec_load_difference(sums + c, s->offset + c, vec_in_row(c, width));

    return vec_fma(whole, vec_mul(x_scale, vec_at(s->w_scale, c, width)), vec_at(s->bias, c, width));
}

static void int8_dequantize(int64_t rows, int width, const struct int8_scales *s, const void *sums, enum number type,
                            void *y)
{
    for (int64_t row = 0; row < rows; row++) {
        const int32_t *from = (const int32_t *)sums + row * width;
        vec x_scale = vec_set(s->x_scale[row]);

        if (type == NUMBER_BF16)
            for (int64_t c = 0; c < width; c += LANES)
                vec_put_type(NUMBER_BF16, (uint16_t *)y + row * width, c, width, value_at(s, x_scale, from, c, width));
        else
            for (int64_t c = 0; c < width; c += LANES)
                vec_put((float *)y + row * width, c, width, value_at(s, x_scale, from, c, width));
    }
}

/* The row's floats overwrite its sums. pre: receives y, in type; NULL: not wanted. */
VEC_INLINE void gelu_row(int64_t width, const struct int8_scales *s, vec x_scale, void *sums, enum number type,
                         void *pre, uint8_t *q, float *scale)
{
    vec largest = vec_set(-INT8_FLOOR), bad = vec_zero(), floor = vec_set(INT8_FLOOR), inverse;
    float *row = sums;

    for (int64_t c = 0; c < width; c += LANES) {
        vec y = value_at(s, x_scale, sums, c, width), g = vec_mul(y, gelu_factor(NUMBER_BF16, y));

        bad = vec_add(bad, not_finite(g));
        largest = vec_max(vec_select(vec_in_row(c, width), g, largest), largest);
        if (pre) vec_put_type(type, pre, c, width, y);
        vec_put(row, c, width, g);
    }
    *scale = (vec_largest(largest) + INT8_FLOOR) / 255.0f + vec_sum(bad);
    inverse = vec_set(*scale > LEAST ? 1.0f / *scale : 0.0f);
    for (int64_t c = 0; c < width; c += LANES)
        vec_put_u8(q, c, width, vec_mul(vec_add(vec_at(row, c, width), floor), inverse));
}

static void int8_gelu(int64_t rows, int width, const struct int8_scales *s, void *sums, enum number type, void *pre,
                      uint8_t *q, float *scale)
{
    for (int64_t row = 0; row < rows; row++) {
        int32_t *at = (int32_t *)sums + row * width;
        char *y = pre ? (char *)pre + (size_t)(row * width) * number_size(type) : NULL;
        vec x_scale = vec_set(s->x_scale[row]);

        if (type == NUMBER_BF16) gelu_row(width, s, x_scale, at, NUMBER_BF16, y, q + row * width, scale + row);
        else gelu_row(width, s, x_scale, at, NUMBER_F32, y, q + row * width, scale + row);
    }
}

/* As above, then rotated in place. */
VEC_INLINE void gelu_backward_row(int64_t width, const struct int8_scales *s, vec x_scale, void *sums, enum number type,
                                  const void *pre, uint8_t *q, float *scale)
{
    float *row = sums;
    struct extent e;

    for (int64_t c = 0; c < width; c += LANES)
        vec_put(row, c, width,
                vec_mul(value_at(s, x_scale, sums, c, width), gelu_slope(type, vec_at_type(type, pre, c, width))));
    e = rotate_row(width, NUMBER_F32, row, row);
    quantize_row(width, row, &e, q, scale);
}

static void int8_gelu_backward(int64_t rows, int width, const struct int8_scales *s, void *sums, enum number type,
                               const void *pre, uint8_t *q, float *scale)
{
    for (int64_t row = 0; row < rows; row++) {
        int32_t *at = (int32_t *)sums + row * width;
        const char *y = (const char *)pre + (size_t)(row * width) * number_size(type);
        vec x_scale = vec_set(s->x_scale[row]);

        if (type == NUMBER_BF16) gelu_backward_row(width, s, x_scale, at, NUMBER_BF16, y, q + row * width, scale + row);
        else gelu_backward_row(width, s, x_scale, at, NUMBER_F32, y, q + row * width, scale + row);
    }
}

void KERNEL(int8_kernels)(struct kernels *k)
{
    k->int8_quantize = int8_quantize;
    k->int8_dequantize = int8_dequantize;
    k->int8_gelu = int8_gelu;
    k->int8_gelu_backward = int8_gelu_backward;
}

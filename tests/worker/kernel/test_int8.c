/* Rows into and out of integers, against double arithmetic; every set of kernels gives the same bits. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5, WIDEST = 600 };

static const int widths[] = {1, 7, 16, 33, 64, 100, 256, 257, 320, 350, 512, WIDEST};
enum { WIDTHS = sizeof widths / sizeof *widths };

/* x R as kernels.h describes it, from the definition of Hadamard's matrix. */
static void rotate(const double *x, int width, double *out)
{
    int at = 0;

    for (int n = 16; n > 1; n /= 4)
        for (; at + n * 16 <= width; at += n * 16)
            for (int i = 0; i < n * 16; i++) {
                out[at + i] = 0;
                for (int k = 0; k < n; k++)
                    out[at + i] += (__builtin_popcount((unsigned)(k & (i / 16))) % 2 ? -1 : 1) *
                                   x[at + k * 16 + i % 16];
                out[at + i] /= sqrt(n);
            }
    for (; at < width; at++) out[at] = x[at];
}

static void check_quantize(const struct kernels *k, enum number type, int width, uint8_t *q, float *scale)
{
    struct array x = array_new(type, ROWS * width, 17 + (uint64_t)width, 3);
    static float scratch[WIDEST];

    k->int8_quantize(ROWS, width, type, x.data, q, scale, scratch);
    for (int row = 0; row < ROWS; row++) {
        double largest = 0, plain[WIDEST] = {0}, y[WIDEST];

        for (int i = 0; i < width; i++) plain[i] = array_at(&x, row * width + i);
        rotate(plain, width, y);
        for (int i = 0; i < width; i++) largest = fmax(largest, fabs(y[i]));
        assert_true(fabs((double)scale[row] - largest / 127) <= 1e-6 * largest);
        for (int i = 0; i < width; i++) {
            double back = ((double)q[row * width + i] - 128) * (double)scale[row];

            assert_true(q[row * width + i] >= 1);
            assert_true(fabs(back - y[i]) <= .5001 * (double)scale[row]);
        }
    }
    array_free(&x);
}

static void test_quantize(void **state)
{
    (void)state;
    for (int w = 0; w < WIDTHS; w++)
        for (enum number type = NUMBER_F32; type <= NUMBER_BF16; type++) {
            static uint8_t first[ROWS * WIDEST], q[ROWS * WIDEST];
            float scale[ROWS], first_scale[ROWS];
            struct kernels k;
            int sets = 0;

            for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k); sets++) {
                check_quantize(&k, type, widths[w], sets ? q : first, sets ? scale : first_scale);
                if (sets == 0) continue;
                assert_memory_equal(q, first, (size_t)(ROWS * widths[w]));
                assert_memory_equal(scale, first_scale, sizeof scale);
            }
        }
}

/* Nothing but zeros, and numbers too small to divide by, are zeros; what is not finite stays so. */
static void test_edges(void **state)
{
    enum { W = 40 };
    static const float odd[] = {0, 1e-37f, NAN, INFINITY, -INFINITY};
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int kind = 0; kind < 5; kind++) {
            float x[W] = {0}, scratch[W], scale = 77;
            uint8_t q[W];

            x[W - 1] = odd[kind];
            k.int8_quantize(1, W, NUMBER_F32, x, q, &scale, scratch);
            if (kind > 1) {
                assert_true(isnan(scale));
                continue;
            }
            assert_true(scale >= 0 && scale < 1e-30f);
            for (int i = 0; i < W; i++) assert_int_equal(q[i], 128);
        }
}

/* One large number does not make the steps of all others coarse: it is shared by the sixteen that are mixed. */
static void test_outlier(void **state)
{
    enum { W = 512 };
    float *x = floats_new(W, 3, 1), scratch[W], scale = 0;
    uint8_t q[W];
    struct kernels k;

    (void)state;
    x[77] = 100;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);) {
        k.int8_quantize(1, W, NUMBER_F32, x, q, &scale, scratch);
        assert_true(scale > 100.0f / 127 / 16 && scale < 100.0f / 127 / 3);
    }
    free(x);
}

struct sums {
    int32_t sums[ROWS * WIDEST], offset[WIDEST];
    float *x_scale, *w_scale, *bias;
};

static void make(struct sums *s, int width)
{
    struct random_key key = random_seed(5, RANDOM_INIT);

    s->x_scale = floats_new(ROWS, 6, 1e-2);
    s->w_scale = floats_new(width, 7, 1e-3);
    s->bias = floats_new(width, 8, 1);
    for (int i = 0; i < ROWS * width; i++) s->sums[i] = (int32_t)random_below(key, (uint64_t)i, 2000000) - 1000000;
    for (int i = 0; i < width; i++) s->offset[i] = (int32_t)random_below(key, 900000 + (uint64_t)i, 2000) - 1000;
}

static double value(const struct sums *s, int width, int row, int c)
{
    return (double)(s->sums[row * width + c] - s->offset[c]) * (double)s->x_scale[row] * (double)s->w_scale[c] +
           (double)s->bias[c];
}

static void check_dequantize(const struct kernels *k, const struct sums *s, int width)
{
    const struct int8_scales scales = {s->x_scale, s->w_scale, s->bias, s->offset};
    double expected[ROWS * WIDEST];

    for (int i = 0; i < ROWS * width; i++) expected[i] = value(s, width, i / width, i % width);
    for (enum number type = NUMBER_F32; type <= NUMBER_BF16; type++) {
        struct array y = array_new(type, ROWS * width, 0, 0);

        k->int8_dequantize(ROWS, width, &scales, s->sums, type, y.data);
        array_near("int8_dequantize", &y, expected, type == NUMBER_F32 ? 1e-6 : 5e-3);
        array_free(&y);
    }
}

/* Half a step, and the 4e-6 of the fit. */
static void check_gelu(const struct kernels *k, const struct sums *s, int width, uint8_t *q, float *scale)
{
    const struct int8_scales scales = {s->x_scale, s->w_scale, s->bias, s->offset};
    int32_t sums[ROWS * WIDEST];

    memcpy(sums, s->sums, (size_t)(ROWS * width) * sizeof *sums);
    k->int8_gelu(ROWS, width, &scales, sums, NUMBER_F32, NULL, q, scale);
    for (int row = 0; row < ROWS; row++) {
        double largest = -1;

        for (int c = 0; c < width; c++) {
            double y = value(s, width, row, c), g = y * .5 * erfc(-y * 0.70710678118654752440);

            largest = fmax(largest, g);
            assert_true(fabs((double)q[row * width + c] * (double)scale[row] - (double)INT8_FLOOR - g) <=
                        .501 * (double)scale[row] + 2e-5);
        }
        assert_true(fabs(255 * (double)scale[row] - (double)INT8_FLOOR - largest) <= 2e-5 * (1 + fabs(largest)));
    }
}

/* What forward keeps for backward, and backward from it: half a step, and the 3e-5 of the fit. */
static void check_gelu_backward(const struct kernels *k, const struct sums *s, int width, enum number type, uint8_t *q,
                                float *scale)
{
    const struct int8_scales scales = {s->x_scale, s->w_scale, s->bias, s->offset};
    static int32_t sums[ROWS * WIDEST];
    struct array pre = array_new(type, ROWS * width, 0, 0);

    memcpy(sums, s->sums, (size_t)(ROWS * width) * sizeof *sums);
    k->int8_gelu(ROWS, width, &scales, sums, type, pre.data, q, scale);
    memcpy(sums, s->sums, (size_t)(ROWS * width) * sizeof *sums);
    k->int8_gelu_backward(ROWS, width, &scales, sums, type, pre.data, q, scale);
    for (int row = 0; row < ROWS; row++) {
        double largest = 0;

        double d[WIDEST] = {0}, y[WIDEST], size = 0;

        for (int c = 0; c < width; c++) {
            double kept = array_at(&pre, row * width + c), was = value(s, width, row, c);

            assert_true(fabs(kept - was) <= (type == NUMBER_F32 ? 1e-6 : 4e-3) * fabs(was) + 1e-6);
            d[c] = was *
                   (.5 * erfc(-kept * 0.70710678118654752440) + kept * 0.39894228040143268 * exp(-kept * kept / 2));
            size = fmax(size, fabs(was));
        }
        rotate(d, width, y);
        for (int c = 0; c < width; c++) {
            largest = fmax(largest, fabs(y[c]));
            assert_true(fabs(((double)q[row * width + c] - 128) * (double)scale[row] - y[c]) <=
                        .501 * (double)scale[row] + 2e-4 * (1 + size));
        }
        assert_true(fabs(127 * (double)scale[row] - largest) <= 2e-4 * (1 + size));
    }
    array_free(&pre);
}

static void test_products(void **state)
{
    (void)state;
    for (int w = 0; w < WIDTHS; w++) {
        static uint8_t first[ROWS * WIDEST], q[ROWS * WIDEST];
        float scale[ROWS], first_scale[ROWS];
        static struct sums s;
        struct kernels k;
        int sets = 0;

        make(&s, widths[w]);
        for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k); sets++) {
            check_dequantize(&k, &s, widths[w]);
            check_gelu_backward(&k, &s, widths[w], NUMBER_F32, q, scale);
            check_gelu_backward(&k, &s, widths[w], NUMBER_BF16, q, scale);
            check_gelu(&k, &s, widths[w], sets ? q : first, sets ? scale : first_scale);
            if (sets == 0) continue;
            assert_memory_equal(q, first, (size_t)(ROWS * widths[w]));
            assert_memory_equal(scale, first_scale, sizeof scale);
        }
        free(s.x_scale);
        free(s.w_scale);
        free(s.bias);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quantize), cmocka_unit_test(test_edges),
                                       cmocka_unit_test(test_outlier), cmocka_unit_test(test_products)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

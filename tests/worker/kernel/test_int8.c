/* Rows into and out of whole numbers, against double arithmetic; every set of kernels gives the same bits. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5, WIDEST = 300 };

static const int widths[] = {1, 7, 16, 33, 64, 100, 257, WIDEST};
enum { WIDTHS = sizeof widths / sizeof *widths };

static void check_quantize(const struct kernels *k, enum number type, int width, uint8_t *q, float *scale)
{
    struct array x = array_new(type, ROWS * width, 17 + (uint64_t)width, 3);

    k->int8_quantize(ROWS, width, type, x.data, q, scale);
    for (int row = 0; row < ROWS; row++) {
        double largest = 0;

        for (int i = 0; i < width; i++) largest = fmax(largest, fabs(array_at(&x, row * width + i)));
        assert_true(fabs((double)scale[row] - largest / 127) <= 1e-6 * largest);
        for (int i = 0; i < width; i++) {
            double back = ((double)q[row * width + i] - 128) * (double)scale[row];

            assert_true(q[row * width + i] >= 1);
            assert_true(fabs(back - array_at(&x, row * width + i)) <= .5001 * (double)scale[row]);
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
            float x[W] = {0}, scale = 77;
            uint8_t q[W];

            x[W - 1] = odd[kind];
            k.int8_quantize(1, W, NUMBER_F32, x, q, &scale);
            if (kind > 1) {
                assert_true(isnan(scale));
                continue;
            }
            assert_true(scale >= 0 && scale < 1e-30f);
            for (int i = 0; i < W; i++) assert_int_equal(q[i], 128);
        }
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

        for (int c = 0; c < width; c++) {
            double d = value(s, width, row, c), y = array_at(&pre, row * width + c);
            double slope = .5 * erfc(-y * 0.70710678118654752440) + y * 0.39894228040143268 * exp(-y * y / 2);

            assert_true(fabs(y - d) <= (type == NUMBER_F32 ? 1e-6 : 4e-3) * fabs(d) + 1e-6);
            largest = fmax(largest, fabs(d * slope));
            assert_true(fabs(((double)q[row * width + c] - 128) * (double)scale[row] - d * slope) <=
                        .501 * (double)scale[row] + 4e-5 * (1 + fabs(d)));
        }
        assert_true(fabs(127 * (double)scale[row] - largest) <= 4e-5 * (1 + largest));
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
                                       cmocka_unit_test(test_products)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

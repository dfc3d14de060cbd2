/* Dropout, GELU, conversions, sums, moves, the span head and its loss. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/train/span_loss.h"

/* Dropout's mask as add of it to zeros shows it: norm is not needed, attention and norm use the same rows of bits. */
static void test_dropout_rule(void **state)
{
    enum { W = 300 };
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int rate = 0; rate < 4; rate++) {
            struct dropout d = dropout_make(random_seed((uint64_t)rate + 40, RANDOM_DROPOUT),
                                            (double[]){.1, .5, .999, 0}[rate]);
            struct row_place place = {0xfffffff0u + (uint32_t)rate, 511};
            float gamma[W], d_out[W], xhat[W] = {0}, rstd[1] = {1}, d_h[W], d_y[W];
            struct norm n = {.rows = 1,
                             .width = W,
                             .type = NUMBER_F32,
                             .place = &place,
                             .drop = d,
                             .site = dropout_head_site(23, 15),
                             .gamma = gamma};
            int kept = 0;

            for (int c = 0; c < W; c++) {
                gamma[c] = 1;
                d_out[c] = c % 2 ? 3.0f : -3.0f; /* mean 0, xhat 0: d_h = d_out */
            }
            k.norm_backward(&n, d_out, NULL, xhat, rstd, d_h, d_y);
            for (int c = 0; c < W; c++) {
                assert_true(d_h[c] == d_out[c]);
                assert_true(d_y[c] == (float)dropout_of(&d, n.site, place, c, d_out[c]));
                kept += d_y[c] != 0;
            }
            assert_true(rate < 3 || kept == W);
            assert_true(rate != 1 || abs(kept - W / 2) < 50);
        }
    assert_int_equal(dropout_make(random_seed(0, RANDOM_DROPOUT), 0.1).threshold, 6554);
    assert_int_equal(dropout_make(random_seed(0, RANDOM_DROPOUT), 7).threshold, 65535);
    assert_int_equal(dropout_make(random_seed(0, RANDOM_DROPOUT), NAN).threshold, 0);
    assert_int_equal(dropout_make(random_seed(0, RANDOM_DROPOUT), -1).threshold, 0);
}

static double phi(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

/* All of -14 … 14; f32 has relative error 1e-6 down to the far tail; bf16 its own rounding and
 * 2.5e-5. */
static void test_gelu(void **state)
{
    enum { N = 28001 };
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int type = 0; type < 2; type++) {
            struct array x = array_new((enum number)type, N, 0, 0), y = array_new((enum number)type, N, 0, 0);
            struct array d_y = array_new((enum number)type, N, 3, 1), d_x = array_new((enum number)type, N, 0, 0);
            double worst = 0, worst_d = 0;

            for (int i = 0; i < N; i++) {
                float a = -14.0f + 0.001f * (float)i;
                if (type) ((uint16_t *)x.data)[i] = bf16_of(a);
                else ((float *)x.data)[i] = a;
            }
            k.gelu_forward(N, x.type, x.data, y.type, y.data);
            k.gelu_backward(N, x.type, x.data, d_y.type, d_y.data, d_x.data);
            for (int i = 0; i < N; i++) {
                double a = array_at(&x, i), value = a * phi(a), g = array_at(&d_y, i);
                double slope = phi(a) + a * exp(-a * a / 2) * 0.39894228040143267794;

                worst = fmax(worst, (fabs(array_at(&y, i) - value) - (type ? 2.5e-5 : 1e-36)) / (fabs(value) + 1e-300));
                worst_d = fmax(worst_d, fabs(array_at(&d_x, i) - slope * g) / fmax(fabs(g), 1e-3));
            }
            assert_true(worst < (type ? 4.2e-3 : 1e-6));
            assert_true(worst_d < (type ? 4.5e-3 : 6e-7));
            k.gelu_backward(N, x.type, x.data, d_y.type, d_y.data, d_y.data); /* in place: the same bits */
            assert_memory_equal(d_y.data, d_x.data, (size_t)N * number_size(x.type));
            k.gelu_forward(N, x.type, x.data, y.type, x.data);
            assert_memory_equal(x.data, y.data, (size_t)N * number_size(x.type));
            array_free(&x);
            array_free(&y);
            array_free(&d_y);
            array_free(&d_x);
        }
}

/* bf16 in, f32 out and the other ways round. */
static void test_gelu_mixed(void **state)
{
    enum { N = 77 };
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int x_type = 0; x_type < 2; x_type++)
            for (int y_type = 0; y_type < 2; y_type++) {
                struct array x = array_new((enum number)x_type, N, 1, 2), y = array_new((enum number)y_type, N, 2, 1);
                struct array d_x = array_new((enum number)x_type, N, 0, 0);
                double value[N], slope[N];

                for (int i = 0; i < N; i++) {
                    double a = array_at(&x, i);
                    value[i] = a * phi(a);
                    slope[i] = array_at(&y, i) * (phi(a) + a * exp(-a * a / 2) * 0.39894228040143267794);
                }
                k.gelu_backward(N, x.type, x.data, y.type, y.data, d_x.data);
                array_near("gelu slope", &d_x, slope, x_type ? 4e-3 : 1e-6);
                k.gelu_forward(N, x.type, x.data, y.type, y.data);
                array_near("gelu", &y, value, y_type ? 4e-3 : 1e-6);
                array_free(&x);
                array_free(&y);
                array_free(&d_x);
            }
}

/* Every upper half of a float, with lower halves around the ties. */
static void test_bf16(void **state)
{
    enum { N = 65536 };
    static const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    float *x = floats_new(N, 0, 0), *back = floats_new(N, 0, 0);
    uint16_t *y = array_new(NUMBER_BF16, N, 0, 0).data;
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (size_t l = 0; l < sizeof low / sizeof *low; l++) {
            for (uint32_t i = 0; i < N; i++) {
                uint32_t bits = i << 16 | low[l];
                memcpy(x + i, &bits, sizeof bits);
            }
            k.to_bf16(N, x, y);
            k.from_bf16(N, y, back);
            for (int i = 0; i < N; i++) {
                float expected = bf16_value(y[i]);

                assert_int_equal(y[i], bf16_of(x[i]));
                assert_memory_equal(&back[i], &expected, sizeof expected);
            }
        }
    free(x);
    free(back);
    free(y);
}

static void sums_and_moves(const struct kernels *k, enum number type, int rows, int w)
{
    int n = rows * w;
    float *a = floats_new(n, 1, 1), *b = floats_new(n, 2, 1), *prompt = floats_new(2 * w, 3, 1),
          *sum = floats_new(w, 4, 1);
    struct array x = array_new(type, n, 5, 1), out = array_new(type, n, 0, 0);
    double *expected = doubles_new(n), *expected_sum = doubles_new(w), squares = 0;
    int32_t index[32];
    struct row_place place[32];

    for (int i = 0; i < n; i++) expected[i] = a[i] + b[i];
    k->add(n, a, b);
    floats_near("add", a, expected, n, 1e-7);
    for (int i = 0; i < n; i++) expected[i] = 0.3f * (double)b[i] + a[i];
    k->axpy(n, 0.3f, b, a);
    floats_near("axpy", a, expected, n, 1e-7);
    for (int c = 0; c < w; c++) expected_sum[c] = sum[c];
    for (int i = 0; i < n; i++) expected_sum[i % w] += array_at(&x, i);
    k->sum_rows(rows, w, w, type, x.data, sum);
    floats_near("sum_rows", sum, expected_sum, w, 1e-6);
    for (int c = 0; c < w; c++) sum[c] = 0, expected_sum[c] = 0;
    for (int i = 0; i < n; i++) expected_sum[i % w] += i % w < w / 2 ? array_at(&x, i) : 0;
    k->sum_rows(rows, w / 2, w, type, x.data, sum);
    floats_near("sum_rows of a part", sum, expected_sum, w, 1e-6);
    for (int i = 0; i < n; i++) squares += (double)b[i] * (double)b[i];
    assert_true(fabs(k->sum_squares(n, b) - squares) <= 1e-12 * squares);
    for (int i = 0; i < rows; i++) {
        index[i] = (i * 5 + 1) % rows / 2;
        place[i] = (struct row_place){0, (uint32_t)i};
        for (int c = 0; c < w; c++)
            expected[i * w + c] = a[i * w + c] + (i == 1 || i == 2 ? (double)prompt[(i - 1) * w + c] : 0.0);
    }
    k->add_prompt(rows, w, place, prompt, 2, type, a, out.data);
    floats_near("add_prompt", a, expected, n, 1e-7);
    array_near("add_prompt matrix", &out, expected, type ? 4e-3 : 1e-7);
    k->gather(rows, w, type, index, x.data, out.data);
    for (int i = 0; i < n; i++) assert_true(array_at(&out, i) == array_at(&x, index[i / w] * w + i % w));
    for (int i = 0; i < n; i++) expected[i] = a[i];
    for (int i = 0; i < n; i++) expected[index[i / w] * w + i % w] += b[i];
    k->scatter_add(rows, w, index, b, a);
    floats_near("scatter_add", a, expected, n, 1e-6);
    free(a);
    free(b);
    free(prompt);
    free(sum);
    free(expected);
    free(expected_sum);
    array_free(&x);
    array_free(&out);
}

static void test_sums_and_moves(void **state)
{
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int type = 0; type < 2; type++)
            for (int w = 1; w < 70; w += 13) {
                sums_and_moves(&k, (enum number)type, 17, w);
                sums_and_moves(&k, (enum number)type, 3, 64 + w);
            }
}

static void head_case(const struct kernels *k, int rows, int w)
{
    float *h = floats_new(rows * w, 1, 1), *head = floats_new(2 * w, 2, 1), *d = floats_new(2 * rows, 3, 1);
    float *logits = floats_new(2 * rows, 0, 0), *d_h = floats_new(rows * w, 0, 0), *grad_head = floats_new(2 * w, 0, 0);
    double *of_logits = doubles_new(2 * rows), *of_h = doubles_new(rows * w), *of_head = doubles_new(2 * w);

    for (int i = 0; i < rows; i++)
        for (int s = 0; s < 2; s++)
            for (int c = 0; c < w; c++) {
                of_logits[2 * i + s] += (double)h[i * w + c] * head[s * w + c];
                of_h[i * w + c] += (double)d[2 * i + s] * head[s * w + c];
                of_head[s * w + c] += (double)d[2 * i + s] * h[i * w + c];
            }
    k->head_forward(rows, w, h, head, logits);
    k->head_backward(rows, w, h, head, d, d_h, grad_head);
    floats_near("logits", logits, of_logits, 2 * rows, 2e-6);
    floats_near("d_h", d_h, of_h, rows * w, 1e-6);
    floats_near("grad_head", grad_head, of_head, 2 * w, 2e-6);
    free(h);
    free(head);
    free(d);
    free(logits);
    free(d_h);
    free(grad_head);
    free(of_logits);
    free(of_h);
    free(of_head);
}

static void test_head(void **state)
{
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int rows = 1; rows < 40; rows += 16) {
            head_case(&k, rows, 64);
            head_case(&k, rows, 100);
            head_case(&k, rows, 1024);
        }
}

/* The loss's gradient by central differences, equal logits give ln(rows), shifts change nothing, NaN is not hidden. */
static void test_span_loss(void **state)
{
    enum { ROWS = 9 };
    float *logits = floats_new(2 * ROWS, 4, 2), d[2 * ROWS], zero[2 * ROWS] = {0};

    (void)state;
    assert_true(fabs(span_loss(ROWS, zero, 3, 5, 1, NULL) - log(ROWS)) < 1e-12);
    span_loss(ROWS, logits, 2, 7, 32, d);
    for (int i = 0; i < 2 * ROWS; i++) {
        float old = logits[i], step[2];
        double value[2];

        for (int s = 0; s < 2; s++) {
            logits[i] = step[s] = old + (s ? 0.01f : -0.01f);
            value[s] = span_loss(ROWS, logits, 2, 7, 32, NULL);
        }
        logits[i] = old;
        assert_true(fabs((value[1] - value[0]) / ((double)step[1] - step[0]) / 32 - d[i]) < 1e-6);
    }
    logits[5] = NAN;
    assert_true(isnan(span_loss(ROWS, logits, 2, 7, 32, d)));
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropout_rule), cmocka_unit_test(test_gelu),           cmocka_unit_test(test_gelu_mixed),
        cmocka_unit_test(test_bf16),         cmocka_unit_test(test_sums_and_moves), cmocka_unit_test(test_head),
        cmocka_unit_test(test_span_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

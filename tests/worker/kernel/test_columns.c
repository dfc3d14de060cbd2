/* Blocks of columns of A, AdamW, and the vocabulary's loss. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { B = COLUMN_BLOCK };

static void products_case(const struct kernels *k, int d, int groups)
{
    float *u = floats_new(groups * d, 1, 1), *a = floats_new(d * B, 2, 1), *g = floats_new(groups * B, 3, 1);
    float *out = floats_new(groups * B, 0, 0);
    double *expected = doubles_new(groups * B), *grad_u = doubles_new(groups * d),
           *expected_grad_u = doubles_new(groups * d);

    for (int j = 0; j < groups; j++)
        for (int i = 0; i < d; i++)
            for (int c = 0; c < B; c++) {
                expected[j * B + c] += (double)u[j * d + i] * a[i * B + c];
                expected_grad_u[j * d + i] += (double)g[j * B + c] * a[i * B + c];
            }
    k->columns_compose(d, groups, u, a, out);
    floats_near("compose", out, expected, groups * B, 2e-6);
    k->columns_grad_u(d, groups, a, g, grad_u);
    for (int i = 0; i < groups * d; i++) assert_true(fabs(grad_u[i] - expected_grad_u[i]) < 1e-5);
    free(u);
    free(a);
    free(g);
    free(out);
    free(expected);
    free(grad_u);
    free(expected_grad_u);
}

static void test_products(void **state)
{
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int groups = 1; groups < 4; groups++) {
            products_case(&k, 1, groups);
            products_case(&k, 7, groups);
            products_case(&k, 300, groups);
        }
}

/* Steps of AdamW in double, as PyTorch's single-tensor form. */
static void naive_adamw(const struct adamw *w, double g, double *p, double *m, double *v)
{
    *p *= 1 - w->lr * w->decay;
    *m = w->beta1 * *m + (1 - w->beta1) * g;
    *v = w->beta2 * *v + (1 - w->beta2) * g * g;
    *p -= w->lr / w->correction1 * *m / (sqrt(*v) / sqrt(w->correction2) + w->eps);
}

static struct adamw step_of(int t)
{
    return (struct adamw){.lr = 1e-2,
                          .beta1 = .9,
                          .beta2 = .999,
                          .eps = 1e-8,
                          .decay = .01,
                          .correction1 = 1 - pow(.9, t),
                          .correction2 = 1 - pow(.999, t)};
}

static void test_adamw(void **state)
{
    enum { N = 100, STEPS = 5 };
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);) {
        float *p = floats_new(N, 1, 1), *m = floats_new(N, 0, 0), *v = floats_new(N, 0, 0), *g = NULL;
        double *dp = doubles_new(N), *dm = doubles_new(N), *dv = doubles_new(N), *change = doubles_new(N);
        float *start = floats_new(N, 1, 1), *moved = floats_new(N, 0, 0);

        for (int i = 0; i < N; i++) dp[i] = p[i];
        for (int t = 1; t <= STEPS; t++) {
            struct adamw w = step_of(t);

            w.scale = t % 2 ? 0.25 : 0; /* 0: as it is */
            g = floats_new(N, (uint64_t)t + 10, 1e-3);
            k.adamw(&w, N, g, p, m, v);
            for (int i = 0; i < N; i++) naive_adamw(&w, t % 2 ? 0.25 * g[i] : g[i], dp + i, dm + i, dv + i);
            free(g);
        }
        for (int i = 0; i < N; i++) {
            change[i] = dp[i] - start[i];
            moved[i] = p[i] - start[i];
        }
        floats_near("change", moved, change, N, 2e-5);
        floats_near("m", m, dm, N, 1e-6);
        floats_near("v", v, dv, N, 1e-6);
        free(p);
        free(m);
        free(v);
        free(dp);
        free(dm);
        free(dv);
        free(change);
        free(start);
        free(moved);
    }
}

/* The rank-one update is AdamW on the whole gradient; the fused compose is compose; all sets give the same bits. */
static void test_update(void **state)
{
    enum { D = 37, GROUPS = 2, NEXT = 3, N = D * B };
    float *first = NULL;
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);) {
        float *u = floats_new(GROUPS * D, 1, 1), *g = floats_new(GROUPS * B, 2, 1e-3), *a = floats_new(N, 3, 1);
        float *m = floats_new(N, 4, 1e-3), *v = floats_new(N, 0, 0), *whole = floats_new(N, 0, 0);
        float *next_u = floats_new(NEXT * D, 6, 1), *out = floats_new(NEXT * B, 7, 1),
              *again = floats_new(NEXT * B, 8, 1);
        float *p2 = floats_new(N, 3, 1), *m2 = floats_new(N, 4, 1e-3), *v2 = floats_new(N, 0, 0);
        struct adamw w = step_of(3);

        for (int i = 0; i < N; i++) {
            for (int j = 0; j < GROUPS; j++) whole[i] = fmaf(u[j * D + i / B], g[j * B + i % B], whole[i]);
            v[i] = v2[i] = 1e-6f + fabsf(m[i]) * 1e-4f;
        }
        k.columns_update(&w, D, GROUPS, u, g, a, m, v, NEXT, next_u, out);
        k.adamw(&w, N, whole, p2, m2, v2);
        assert_memory_equal(a, p2, N * sizeof *a);
        assert_memory_equal(m, m2, N * sizeof *a);
        assert_memory_equal(v, v2, N * sizeof *a);
        k.columns_compose(D, NEXT, next_u, a, again);
        assert_memory_equal(out, again, NEXT * B * sizeof *out);
        if (first) assert_memory_equal(first, a, N * sizeof *a);
        else {
            first = floats_new(N, 0, 0);
            memcpy(first, a, N * sizeof *a);
        }
        free(u);
        free(g);
        free(a);
        free(m);
        free(v);
        free(whole);
        free(next_u);
        free(out);
        free(again);
        free(p2);
        free(m2);
        free(v2);
    }
    free(first);
}

static void vocabulary_case(const struct kernels *k, enum number type, int words)
{
    enum { ROWS = 3 };
    int64_t ld = words + 5;
    float *x = floats_new(ROWS * ld, 1, 3);
    struct array d = array_new(type, ROWS * ld, 0, 0);
    double loss[ROWS], *expected = doubles_new(ROWS * ld);
    int32_t target[ROWS] = {words / 2, words - 1, -1}, best[ROWS];

    k->vocabulary_loss(ROWS, words, x, ld, target, 0.5f, type, d.data, ld, loss, best);
    for (int i = 0; i < ROWS; i++) {
        double sum = 0;
        int most = 0;

        for (int j = 0; j < words; j++) {
            sum += exp((double)x[i * ld + j]);
            if (x[i * ld + j] > x[i * ld + most]) most = j;
        }
        assert_int_equal(best[i], most);
        assert_true(fabs(loss[i] - (target[i] < 0 ? 0 : log(sum) - x[i * ld + target[i]])) < 1e-6 * (1 + loss[i]));
        for (int j = 0; j < words && target[i] >= 0; j++)
            expected[i * ld + j] = 0.5 * (exp((double)x[i * ld + j]) / sum - (j == target[i]));
    }
    array_near("vocabulary gradient", &d, expected, type ? 4e-3 : 1e-6);
    if (type == NUMBER_F32) { /* over the logits themselves: the same bits */
        k->vocabulary_loss(ROWS, words, x, ld, target, 0.5f, type, x, ld, loss, NULL);
        for (int i = 0; i < ROWS; i++)
            assert_memory_equal(x + i * ld, (float *)d.data + i * ld, (size_t)words * sizeof *x);
    }
    free(x);
    free(expected);
    array_free(&d);
}

static void test_vocabulary(void **state)
{
    struct kernels k;
    float bad[20] = {0};
    double loss[1];
    int32_t target[1] = {4};

    (void)state;
    bad[11] = NAN;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);) {
        for (int type = 0; type < 2; type++) {
            vocabulary_case(&k, (enum number)type, 1);
            vocabulary_case(&k, (enum number)type, 100);
            vocabulary_case(&k, (enum number)type, 21128);
        }
        k.vocabulary_loss(1, 20, bad, 20, target, 1.0f, NUMBER_F32, NULL, 0, loss, NULL);
        assert_true(isnan(loss[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_vocabulary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

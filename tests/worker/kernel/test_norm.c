/* Embedding, LayerNorm, residual, prompt and dropout, forward and backward, against double loops. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int widths[] = {64, 96, 100, 256, 1024, 7};
static const int64_t row_counts[] = {1, 2, 3, 17};

enum { PROMPT_ROWS = 2 };

/* Arguments and data of one case; row i stands at position i % 5 of slot i / 5. */
struct problem {
    struct norm n;
    struct row_place place[32];
    float *gamma, *beta, *prompt, *h, *d_a, *d_b;
    struct array y;
};

static struct problem problem_new(enum number type, int64_t rows, int width, double rate)
{
    struct problem p = {.gamma = floats_new(width, 1, 0.7),
                        .beta = floats_new(width, 2, 0.5),
                        .prompt = floats_new(PROMPT_ROWS * width, 3, 0.3),
                        .h = floats_new(rows * width, 4, 1.5),
                        .d_a = floats_new(rows * width, 5, 1.0),
                        .d_b = floats_new(rows * width, 6, 1.0),
                        .y = array_new(type, rows * width, 7, 1.0)};

    p.n = (struct norm){.rows = rows,
                        .width = width,
                        .type = type,
                        .site = dropout_site(2, DROPOUT_FEED_FORWARD),
                        .drop = dropout_make(random_seed(5, RANDOM_DROPOUT), rate),
                        .gamma = p.gamma,
                        .beta = p.beta,
                        .prompt = p.prompt,
                        .prompt_rows = PROMPT_ROWS,
                        .eps = 0.125f}; /* large enough to be seen */
    for (int64_t i = 0; i < rows; i++) p.place[i] = (struct row_place){(uint32_t)(i / 5), (uint32_t)(i % 5)};
    return p;
}

static void problem_free(struct problem *p)
{
    free(p->gamma);
    free(p->beta);
    free(p->prompt);
    free(p->h);
    free(p->d_a);
    free(p->d_b);
    array_free(&p->y);
}

static double drop(const struct problem *p, int64_t row, int c, double x)
{
    return dropout_of(&p->n.drop, p->n.site, p->place[row], c, x);
}

/* r -> xhat, in place; returns 1 / deviation. */
static double naive_norm(double *r, int w, double eps)
{
    double mean = 0, square = 0, rstd;

    for (int c = 0; c < w; c++) mean += r[c] / w;
    for (int c = 0; c < w; c++) square += (r[c] - mean) * (r[c] - mean) / w;
    rstd = 1 / sqrt(square + eps);
    for (int c = 0; c < w; c++) r[c] = (r[c] - mean) * rstd;
    return rstd;
}

static double prompt_of(const struct problem *p, int64_t row, int c)
{
    uint32_t at = p->place[row].position;

    return at >= 1 && at <= PROMPT_ROWS ? p->prompt[(at - 1) * (uint32_t)p->n.width + (uint32_t)c] : 0.0;
}

static double tolerance(enum number type)
{
    return type == NUMBER_BF16 ? 5e-3 : 2e-6;
}

static void forward_case(const struct kernels *k, enum number type, int64_t rows, int w)
{
    struct problem p = problem_new(type, rows, w, rows % 2 ? 0.1 : 0.0);
    int64_t n = rows * w;
    double *xhat = doubles_new(n), *out = doubles_new(n), *rstd = doubles_new(rows);
    struct array matrix = array_new(type, n, 0, 0), saved = array_new(type, n, 0, 0);
    float *got = floats_new(n, 0, 0), *got_rstd = floats_new(rows, 0, 0);

    p.n.place = p.place;
    for (int64_t i = 0; i < rows; i++) {
        for (int c = 0; c < w; c++) xhat[i * w + c] = p.h[i * w + c] + drop(&p, i, c, array_at(&p.y, i * w + c));
        rstd[i] = naive_norm(xhat + i * w, w, p.n.eps);
        for (int c = 0; c < w; c++) out[i * w + c] = xhat[i * w + c] * p.gamma[c] + p.beta[c] + prompt_of(&p, i, c);
    }
    k->norm_forward(&p.n, p.h, p.y.data, got, matrix.data, saved.data, got_rstd);
    floats_near("out", got, out, n, 2e-6);
    floats_near("rstd", got_rstd, rstd, rows, 2e-6);
    array_near("matrix", &matrix, out, tolerance(type));
    array_near("xhat", &saved, xhat, tolerance(type));
    k->norm_forward(&p.n, p.h, p.y.data, p.h, NULL, NULL, NULL); /* in place, nothing saved: the same bits */
    assert_memory_equal(p.h, got, (size_t)n * sizeof *got);
    free(xhat);
    free(out);
    free(rstd);
    free(got);
    free(got_rstd);
    array_free(&matrix);
    array_free(&saved);
    problem_free(&p);
}

/* d_r of sum(out * d_out) for one row, from xhat and rstd. */
static void naive_backward(const struct problem *p, const double *d_out, const double *xhat, double rstd, double *d_r)
{
    int w = p->n.width;
    double mean = 0, slope = 0;

    for (int c = 0; c < w; c++) {
        mean += d_out[c] * p->gamma[c] / w;
        slope += d_out[c] * p->gamma[c] * xhat[c] / w;
    }
    for (int c = 0; c < w; c++) d_r[c] = rstd * (d_out[c] * p->gamma[c] - mean - xhat[c] * slope);
}

static void backward_case(const struct kernels *k, enum number type, int64_t rows, int w, int embedding)
{
    struct problem p = problem_new(type, rows, w, rows % 2 ? 0.1 : 0.0);
    int64_t n = rows * w;
    double *xhat = doubles_new(n), *d_out = doubles_new(n), *d_r = doubles_new(n), *d_y = doubles_new(n);
    double *grad_gamma = doubles_new(w), *grad_beta = doubles_new(w);
    struct array saved = array_new(type, n, 8, 1.0), got_y = array_new(type, n, 0, 0);
    float *rstd = floats_new(rows, 9, 1.0), *got_gamma = floats_new(w, 0, 0), *got_beta = floats_new(w, 0, 0);

    p.n.place = p.place;
    for (int64_t i = 0; i < rows; i++) {
        rstd[i] = 0.5f + fabsf(rstd[i]);
        for (int c = 0; c < w; c++) {
            int64_t at = i * w + c;

            d_out[at] = (double)p.d_a[at] + (double)p.d_b[at];
            if (embedding) d_out[at] = drop(&p, i, c, d_out[at]);
            xhat[at] = array_at(&saved, at);
            grad_gamma[c] += d_out[at] * xhat[at];
            grad_beta[c] += d_out[at];
        }
        naive_backward(&p, d_out + i * w, xhat + i * w, rstd[i], d_r + i * w);
        for (int c = 0; c < w; c++) d_y[i * w + c] = drop(&p, i, c, d_r[i * w + c]);
    }
    k->norm_parameters(&p.n, embedding, p.d_a, p.d_b, saved.data, got_gamma, got_beta);
    floats_near("grad_gamma", got_gamma, grad_gamma, w, 5e-6);
    floats_near("grad_beta", got_beta, grad_beta, w, 5e-6);
    if (embedding) k->embed_backward(&p.n, p.d_a, p.d_b, saved.data, rstd, p.d_b);
    else k->norm_backward(&p.n, p.d_a, p.d_b, saved.data, rstd, p.d_b, got_y.data);
    floats_near("d_h", p.d_b, d_r, n, 4e-6);
    if (!embedding) array_near("d_y", &got_y, d_y, type == NUMBER_BF16 ? 4e-3 : 4e-6);
    free(xhat);
    free(d_out);
    free(d_r);
    free(d_y);
    free(grad_gamma);
    free(grad_beta);
    free(rstd);
    free(got_gamma);
    free(got_beta);
    array_free(&saved);
    array_free(&got_y);
    problem_free(&p);
}

static void embed_case(const struct kernels *k, enum number type, int64_t rows, int w)
{
    enum { WORDS = 11 };
    struct problem p = problem_new(type, rows, w, rows % 2 ? 0.1 : 0.0);
    int64_t n = rows * w;
    struct array word = array_new(type, WORDS * w, 12, 1.0), matrix = array_new(type, n, 0, 0);
    float *position = floats_new(5 * w, 13, 0.5), *token_type = floats_new(w, 14, 0.5), *got = floats_new(n, 0, 0);
    double *out = doubles_new(n);
    int32_t ids[32];

    p.n.place = p.place;
    for (int64_t i = 0; i < rows; i++) {
        ids[i] = (int32_t)(i * 7 % WORDS);
        for (int c = 0; c < w; c++)
            out[i * w + c] = array_at(&word, ids[i] * w + c) +
                             position[p.place[i].position * (uint32_t)w + (uint32_t)c] + token_type[c];
        naive_norm(out + i * w, w, p.n.eps);
        for (int c = 0; c < w; c++)
            out[i * w + c] = drop(&p, i, c, out[i * w + c] * p.gamma[c] + p.beta[c]) + prompt_of(&p, i, c);
    }
    k->embed_forward(&p.n, ids, type, word.data, position, token_type, got, matrix.data, NULL, NULL);
    floats_near("h", got, out, n, 2e-6);
    array_near("h matrix", &matrix, out, tolerance(type));
    free(position);
    free(token_type);
    free(got);
    free(out);
    array_free(&word);
    array_free(&matrix);
    problem_free(&p);
}

static void test_against_double(void **state)
{
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int type = 0; type < 2; type++)
            for (size_t r = 0; r < sizeof row_counts / sizeof *row_counts; r++)
                for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
                    forward_case(&k, (enum number)type, row_counts[r], widths[w]);
                    backward_case(&k, (enum number)type, row_counts[r], widths[w], 0);
                    backward_case(&k, (enum number)type, row_counts[r], widths[w], 1);
                    embed_case(&k, (enum number)type, row_counts[r], widths[w]);
                }
}

/* Rows of one call, row by row at other places, and on every set: the same bits. */
static void test_rows_stand_alone(void **state)
{
    enum { ROWS = 17, W = 100, N = ROWS * W };
    struct kernels k;
    float *first = NULL, *first_d = NULL;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);) {
        struct problem p = problem_new(NUMBER_F32, ROWS, W, 0.1);
        float *out = floats_new(N, 0, 0), *xhat = floats_new(N, 0, 0), *d = floats_new(N, 0, 0),
              *d_y = floats_new(N, 0, 0);
        float rstd[ROWS], one[W + 1], one_y[W];

        p.n.place = p.place;
        k.norm_forward(&p.n, p.h, p.y.data, out, NULL, xhat, rstd);
        k.norm_backward(&p.n, p.d_a, NULL, xhat, rstd, d, d_y);
        for (int i = 0; i < ROWS; i++) {
            struct norm alone = p.n;

            alone.rows = 1;
            alone.place = p.place + i;
            k.norm_forward(&alone, p.h + i * W, array_from(&p.y, i * W), one + 1, NULL, NULL, NULL);
            assert_memory_equal(one + 1, out + i * W, W * sizeof *one);
            k.norm_backward(&alone, p.d_a + i * W, NULL, xhat + i * W, rstd + i, one + 1, one_y);
            assert_memory_equal(one + 1, d + i * W, W * sizeof *one);
            assert_memory_equal(one_y, d_y + i * W, W * sizeof *one);
        }
        if (first) {
            assert_memory_equal(first, out, N * sizeof *out);
            assert_memory_equal(first_d, d, N * sizeof *d);
            free(out);
            free(d);
        } else {
            first = out;
            first_d = d;
        }
        free(xhat);
        free(d_y);
        problem_free(&p);
    }
    free(first);
    free(first_d);
}

/* d_h and d_y of norm_backward by central differences of norm_forward in f32. */
static void test_finite_differences(void **state)
{
    enum { W = 24 };
    struct kernels k;
    struct problem p = problem_new(NUMBER_F32, 1, W, 0.25);
    float out[2][W], xhat[W], rstd[1], d_h[W], d_y[W], *side[2];

    (void)state;
    assert_int_equal(kernels_choose(ISA_AUTO, &k), ST_OK);
    p.n.place = p.place;
    k.norm_forward(&p.n, p.h, p.y.data, out[0], NULL, xhat, rstd);
    k.norm_backward(&p.n, p.d_a, p.d_b, xhat, rstd, d_h, d_y);
    side[0] = p.h;
    side[1] = p.y.data;
    for (int i = 0; i < 2 * W; i++) {
        float *x = side[i / W] + i % W, old = *x, step[2];
        double slope = 0;

        for (int s = 0; s < 2; s++) {
            *x = step[s] = old + (s ? 0.01f : -0.01f);
            k.norm_forward(&p.n, p.h, p.y.data, out[s], NULL, NULL, NULL);
        }
        *x = old;
        for (int c = 0; c < W; c++)
            slope += ((double)out[1][c] - out[0][c]) * ((double)p.d_a[c] + p.d_b[c]) / ((double)step[1] - step[0]);
        assert_true(fabs(slope - (i < W ? d_h : d_y)[i % W]) < 2e-3);
    }
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_rows_stand_alone),
        cmocka_unit_test(test_finite_differences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

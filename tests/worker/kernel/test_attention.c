/* Attention forward and backward against naive double loops (whose gradient is checked by finite differences), on every
 * set of kernels this CPU has, f32 and bf16; f32 bits equal on all sets and independent of where an example stands. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything of one head of one example; q, k, v are columns of one buffer [s][3 * heads * width]. */
struct head {
    struct attention a;
    struct array qkv, d_ctx;
    int64_t hidden;
    int at; /* which head's columns */
};

static struct head head_new(enum number type, int64_t s, int width, int heads, int at, double rate, uint64_t seed)
{
    int64_t hidden = (int64_t)heads * width;
    struct head h = {.hidden = hidden, .at = at};

    h.a = (struct attention){.keys = s,
                             .queries = s,
                             .width = width,
                             .ld = 3 * hidden,
                             .ld_ctx = hidden,
                             .type = type,
                             .scale = 1.0f / sqrtf((float)width),
                             .site = dropout_head_site(3, at),
                             .slot = 5,
                             .drop = dropout_make(random_seed(9, RANDOM_DROPOUT), rate)};
    h.qkv = array_new(type, s * 3 * hidden, seed, 1.5);
    h.d_ctx = array_new(type, s * hidden, seed + 1, 1.0);
    return h;
}

static void head_free(struct head *h)
{
    array_free(&h->qkv);
    array_free(&h->d_ctx);
}

static double part(const struct head *h, int which, int64_t row, int64_t c)
{
    return array_at(&h->qkv, row * h->a.ld + which * h->hidden + h->at * h->a.width + c);
}

static double mask(const struct head *h, int64_t i, int64_t j)
{
    return dropout_of(&h->a.drop, h->a.site, (struct row_place){h->a.slot, (uint32_t)i}, j, 1.0);
}

/* p [s][s]: softmax before dropout. */
static void naive_softmax(const struct head *h, double *p)
{
    int64_t s = h->a.keys;

    for (int64_t i = 0; i < s; i++) {
        double most = -INFINITY, sum = 0;

        for (int64_t j = 0; j < s; j++) {
            double dot = 0;

            for (int c = 0; c < h->a.width; c++) dot += part(h, 0, i, c) * part(h, 1, j, c);
            p[i * s + j] = dot * h->a.scale;
            most = fmax(most, p[i * s + j]);
        }
        for (int64_t j = 0; j < s; j++) sum += p[i * s + j] = exp(p[i * s + j] - most);
        for (int64_t j = 0; j < s; j++) p[i * s + j] /= sum;
    }
}

/* ctx [s][width]; with d: d_qkv [3][s][width]. */
static void naive(const struct head *h, double *ctx, double *d)
{
    int64_t s = h->a.keys, w = h->a.width;
    double *p = doubles_new(s * s), *dp = doubles_new(s);

    naive_softmax(h, p);
    memset(d, 0, (size_t)(3 * s * w) * sizeof *d);
    for (int64_t i = 0; i < s; i++) {
        double dot = 0;

        for (int64_t c = 0; c < w; c++) ctx[i * w + c] = 0;
        for (int64_t j = 0; j < s; j++) {
            double m = mask(h, i, j), sum = 0;

            for (int64_t c = 0; c < w; c++) {
                double dy = array_at(&h->d_ctx, i * h->a.ld_ctx + h->at * w + c);

                ctx[i * w + c] += p[i * s + j] * m * part(h, 2, j, c);
                d[2 * s * w + j * w + c] += p[i * s + j] * m * dy;
                sum += dy * part(h, 2, j, c);
            }
            dp[j] = sum * m;
            dot += p[i * s + j] * dp[j];
        }
        for (int64_t j = 0; j < s; j++) {
            double ds = p[i * s + j] * (dp[j] - dot) * h->a.scale;

            for (int64_t c = 0; c < w; c++) {
                d[i * w + c] += ds * part(h, 1, j, c);
                d[s * w + j * w + c] += ds * part(h, 0, i, c);
            }
        }
    }
    free(p);
    free(dp);
}

/* The kernels' results: ctx [s][hidden], d_qkv [s][3 hidden] (only this head's columns), stats. */
struct result {
    struct array ctx, d_qkv;
    float *stats;
};

static struct result run(const struct kernels *k, const struct head *h)
{
    const struct attention *a = &h->a;
    int64_t s = a->keys, at = (int64_t)h->at * a->width;
    struct result r = {array_new(a->type, s * h->hidden, 0, 0), array_new(a->type, s * a->ld, 0, 0),
                       floats_new(2 * s, 0, 0)};
    void *scratch = aligned_alloc(64, k->attention_scratch(a));
    const void *q = array_from(&h->qkv, at), *key = array_from(&h->qkv, h->hidden + at);
    const void *v = array_from(&h->qkv, 2 * h->hidden + at);

    assert_non_null(scratch);
    memset(scratch, 0xff, k->attention_scratch(a)); /* NaNs: what is used must have been written */
    k->attention_forward(a, q, key, v, array_from(&r.ctx, at), r.stats, scratch);
    memset(scratch, 0xff, k->attention_scratch(a));
    k->attention_backward(a, q, key, v, r.stats, array_from(&h->d_ctx, at), array_from(&r.d_qkv, at),
                          array_from(&r.d_qkv, h->hidden + at), array_from(&r.d_qkv, 2 * h->hidden + at), scratch);
    free(scratch);
    return r;
}

static void result_free(struct result *r)
{
    array_free(&r->ctx);
    array_free(&r->d_qkv);
    free(r->stats);
}

/* Columns first.. of x [rows][ld], `width` wide, against expected [rows][width]; all other columns are still 0. */
static void columns_near(const char *what, const struct array *x, int64_t ld, int64_t first, int64_t rows,
                         int64_t width, const double *expected, double tolerance)
{
    struct array part_of = array_new(x->type, rows * width, 0, 0);

    for (int64_t i = 0; i < rows; i++)
        memcpy(array_from(&part_of, i * width), array_from(x, i * ld + first), (size_t)width * number_size(x->type));
    array_near(what, &part_of, expected, tolerance);
    array_free(&part_of);
}

/* One set's results against ctx [s][width] and d [3][s][width]. */
static void compare(const struct kernels *k, const struct head *h, const double *ctx, const double *d)
{
    int64_t s = h->a.keys, width = h->a.width;
    double tolerance = h->a.type == NUMBER_BF16 ? 2e-2 : s < 16 ? 1e-5 : 4e-6; /* few terms: little averages out */
    struct result r = run(k, h);
    char what[80];

    snprintf(what, sizeof what, "%s type %d S %d width %d ctx", k->name, h->a.type, (int)s, (int)width);
    columns_near(what, &r.ctx, h->hidden, width, s, width, ctx, tolerance);
    for (int which = 0; which < 3 && s > 1; which++) {
        snprintf(what, sizeof what, "%s type %d S %d width %d d_%c", k->name, h->a.type, (int)s, (int)width,
                 "qkv"[which]);
        columns_near(what, &r.d_qkv, h->a.ld, which * h->hidden + width, s, width, d + which * s * width, tolerance);
    }
    for (int64_t i = 0; i < r.ctx.n; i++) /* other heads' columns are not touched */
        if (i % h->hidden < width || i % h->hidden >= 2 * width) assert_true(array_at(&r.ctx, i) == 0);
    for (int64_t i = 0; i < r.d_qkv.n; i++)
        if (i % h->hidden < width || i % h->hidden >= 2 * width) assert_true(array_at(&r.d_qkv, i) == 0);
    result_free(&r);
}

static void all_sets(enum number type, int64_t s, int width, double rate)
{
    struct head h = head_new(type, s, width, 3, 1, rate, (uint64_t)(s * 1000 + width));
    double *ctx = doubles_new(s * width), *d = doubles_new(3 * s * width);
    struct kernels k;

    naive(&h, ctx, d);
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);) compare(&k, &h, ctx, d);
    free(ctx);
    free(d);
    head_free(&h);
}

static void test_against_naive(void **state)
{
    static const int64_t sizes[] = {1, 2, 15, 16, 17, 47, 48, 49, 63, 65, 200};
    static const int widths[] = {64, 8, 16, 40, 96, 13};

    (void)state;
    for (int type = 0; type < 2; type++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
                if (w == 0 || sizes[i] < 100) all_sets((enum number)type, sizes[i], widths[w], i % 2 ? 0.1 : 0.0);
        all_sets((enum number)type, 130, 256, 0.25);
        all_sets((enum number)type, 512, 64, 0.1);
    }
}

/* The naive gradient itself, by central differences of sum(ctx * d_ctx). */
static void test_finite_differences(void **state)
{
    struct head h = head_new(NUMBER_F32, 7, 8, 1, 0, 0.25, 4);
    int64_t n = 7 * 8;
    double *ctx = doubles_new(n), *d = doubles_new(3 * n), *none = doubles_new(3 * n);

    (void)state;
    naive(&h, ctx, d);
    for (int64_t i = 0; i < 3 * n; i++) {
        int64_t at = i % n / 8 * h.a.ld + i / n * 8 + i % 8;
        float *x = array_from(&h.qkv, at), old = *x;
        double step[2], value[2];

        for (int side = 0; side < 2; side++) {
            *x = old + (side ? 1e-3f : -1e-3f);
            step[side] = *x;
            naive(&h, ctx, none);
            value[side] = 0;
            for (int64_t j = 0; j < n; j++) value[side] += ctx[j] * array_at(&h.d_ctx, j);
        }
        *x = old;
        assert_true(fabs((value[1] - value[0]) / (step[1] - step[0]) - d[i]) < 1e-5);
    }
    free(ctx);
    free(d);
    free(none);
    head_free(&h);
}

static void same_bits(const struct array *a, const struct array *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->data, b->data, (size_t)a->n * number_size(a->type));
}

/* f32: all sets give the same bits. */
static void test_sets_agree(void **state)
{
    static const int64_t sizes[] = {5, 64, 111};
    struct kernels k;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct head h = head_new(NUMBER_F32, sizes[i], 24, 2, 1, 0.1, 77 + i);
        enum isa isa = ISA_AUTO;
        struct result first, other;

        assert_true(kernels_next(&isa, &k));
        first = run(&k, &h);
        while (kernels_next(&isa, &k)) {
            other = run(&k, &h);
            same_bits(&first.ctx, &other.ctx);
            same_bits(&first.d_qkv, &other.d_qkv);
            result_free(&other);
        }
        result_free(&first);
        head_free(&h);
    }
}

/* The same example elsewhere in a larger buffer, and at another address: the same bits. Fewer queries: the same rows.
 */
static void test_place_does_not_matter(void **state)
{
    enum { S = 75, W = 40, BEFORE = 3 };
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int type = 0; type < 2; type++) {
            struct head h = head_new((enum number)type, S, W, 2, 1, 0.1, 31);
            struct head far = head_new((enum number)type, S + BEFORE, W, 2, 1, 0.1, 32);
            struct result r = run(&k, &h);
            struct attention few = h.a;
            struct array ctx = array_new((enum number)type, h.hidden * S, 0, 0);
            size_t bytes = (size_t)(S * h.a.ld) * number_size(h.a.type);
            void *scratch = aligned_alloc(64, k.attention_scratch(&h.a));

            memcpy(array_from(&far.qkv, BEFORE * h.a.ld), h.qkv.data, bytes);
            k.attention_forward(&h.a, array_from(&far.qkv, BEFORE * h.a.ld + W),
                                array_from(&far.qkv, BEFORE * h.a.ld + 3 * W),
                                array_from(&far.qkv, BEFORE * h.a.ld + 5 * W), array_from(&ctx, W), NULL, scratch);
            same_bits(&r.ctx, &ctx);
            few.queries = 2;
            memset(ctx.data, 0, (size_t)ctx.n * number_size(h.a.type));
            k.attention_forward(&few, array_from(&h.qkv, W), array_from(&h.qkv, 3 * W), array_from(&h.qkv, 5 * W),
                                array_from(&ctx, W), NULL, scratch);
            assert_memory_equal(ctx.data, r.ctx.data, (size_t)(2 * h.hidden) * number_size(h.a.type));
            assert_true(array_at(&ctx, 2 * h.hidden + W) == 0);
            free(scratch);
            array_free(&ctx);
            result_free(&r);
            head_free(&far);
            head_free(&h);
        }
}

/* Some queries alone, with dropout: the rows of the whole, and its gradients where those of other queries are 0. */
static void test_some_queries(void **state)
{
    enum { S = 75, W = 40, FEW = 5 };
    static const uint32_t rows[FEW] = {3, 4, 20, 49, 74};
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);)
        for (int type = 0; type < 2; type++) {
            struct head h = head_new((enum number)type, S, W, 1, 0, 0.1, 41);
            struct head some = head_new((enum number)type, S, W, 1, 0, 0.1, 41);
            struct row_place place[FEW];
            struct result whole, few;
            size_t bytes = (size_t)W * number_size(h.a.type);

            for (int64_t i = 0; i < S; i++) {
                int at = 0;

                while (at < FEW && rows[at] != i) at++;
                if (at == FEW) memset(array_from(&h.d_ctx, i * W), 0, bytes);
            }
            whole = run(&k, &h);
            for (int i = 0; i < FEW; i++) {
                place[i] = (struct row_place){h.a.slot, rows[i]};
                memcpy(array_from(&some.qkv, i * h.a.ld), array_from(&h.qkv, rows[i] * h.a.ld), bytes);
                memcpy(array_from(&some.d_ctx, i * W), array_from(&h.d_ctx, rows[i] * W), bytes);
            }
            some.a.queries = FEW;
            some.a.place = place;
            few = run(&k, &some);
            for (int i = 0; i < FEW; i++) {
                assert_memory_equal(array_from(&few.ctx, i * W), array_from(&whole.ctx, rows[i] * W), bytes);
                assert_memory_equal(array_from(&few.d_qkv, i * h.a.ld), array_from(&whole.d_qkv, rows[i] * h.a.ld),
                                    bytes);
            }
            for (int64_t i = 0; i < S; i++)
                for (int64_t c = W; c < 3 * W; c++) {
                    double a = array_at(&few.d_qkv, i * h.a.ld + c), b = array_at(&whole.d_qkv, i * h.a.ld + c);

                    assert_true(fabs(a - b) <= (type ? 1e-2 : 1e-6) * (fabs(b) + 1e-2));
                }
            result_free(&few);
            result_free(&whole);
            head_free(&some);
            head_free(&h);
        }
}

/* A score that is not a number reaches the result; very large scores do not make one. */
static void test_extremes(void **state)
{
    struct kernels k;

    (void)state;
    for (enum isa isa = ISA_AUTO; kernels_next(&isa, &k);) {
        struct head h = head_new(NUMBER_F32, 20, 16, 1, 0, 0, 8);
        struct result r;

        for (int64_t i = 0; i < h.qkv.n; i++) ((float *)h.qkv.data)[i] *= 100.0f;
        r = run(&k, &h);
        for (int64_t i = 0; i < r.ctx.n; i++) assert_true(isfinite(array_at(&r.ctx, i)));
        for (int64_t i = 0; i < r.d_qkv.n; i++) assert_true(isfinite(array_at(&r.d_qkv, i)));
        result_free(&r);
        ((float *)h.qkv.data)[3 * h.a.ld + 2] = NAN;
        r = run(&k, &h);
        assert_true(isnan(array_at(&r.ctx, 3 * 16)));
        result_free(&r);
        head_free(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_naive), cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_sets_agree),    cmocka_unit_test(test_place_does_not_matter),
        cmocka_unit_test(test_some_queries),  cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint16_t bf16_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if (x != x) return (uint16_t)(bits >> 16 | 0x40u);
    if (fabsf(x) < 0x1p-126f) return (uint16_t)(bits >> 16 & 0x8000u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

float bf16_value(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

struct array array_new(enum number type, int64_t n, uint64_t seed, double spread)
{
    struct array a = {type, n, calloc((size_t)n + (n == 0), number_size(type))};
    struct random_key key = random_seed(seed, RANDOM_DEMO);

    assert_non_null(a.data);
    for (int64_t i = 0; i < n && spread != 0; i++) {
        float x = (float)(spread * random_normal(key, (uint64_t)i));

        if (type == NUMBER_BF16) ((uint16_t *)a.data)[i] = bf16_of(x);
        else ((float *)a.data)[i] = x;
    }
    return a;
}

void array_free(struct array *a)
{
    free(a->data);
    a->data = NULL;
}

double array_at(const struct array *a, int64_t i)
{
    if (a->type == NUMBER_BF16) return bf16_value(((const uint16_t *)a->data)[i]);
    return ((const float *)a->data)[i];
}

void *array_from(const struct array *a, int64_t i)
{
    return (char *)a->data + (size_t)i * number_size(a->type);
}

float *floats_new(int64_t n, uint64_t seed, double spread)
{
    return array_new(NUMBER_F32, n, seed, spread).data;
}

double *doubles_new(int64_t n)
{
    double *x = calloc((size_t)n + (n == 0), sizeof *x);

    assert_non_null(x);
    return x;
}

void array_near(const char *what, const struct array *a, const double *expected, double tolerance)
{
    double largest = 0, worst = 0;
    int64_t at = 0;

    for (int64_t i = 0; i < a->n; i++) {
        double error = fabs(array_at(a, i) - expected[i]);

        largest = fmax(largest, fabs(expected[i]));
        if (!(error <= worst)) { /* a NaN is the worst */
            worst = error;
            at = i;
            if (error != error) break;
        }
    }
    if (!(worst <= tolerance * largest))
        fail_msg("%s[%lld] of %lld: found %.9g, expected %.9g; error %.3g of the largest, %.3g allowed", what,
                 (long long)at, (long long)a->n, array_at(a, at), expected[at], worst / largest, tolerance);
}

void floats_near(const char *what, const float *a, const double *expected, int64_t n, double tolerance)
{
    float *copy = malloc((size_t)n * sizeof *copy);
    struct array view = {NUMBER_F32, n, copy};

    assert_non_null(copy);
    memcpy(copy, a, (size_t)n * sizeof *copy);
    array_near(what, &view, expected, tolerance);
    free(copy);
}

int dropout_keeps(const struct dropout *d, uint32_t site, struct row_place place, int64_t column)
{
    uint32_t counter[4] = {(uint32_t)(column / 8), place.position, site, place.slot}, out[4], word;

    random_block(d->key, counter, out);
    word = out[column % 8 / 2];
    return (column % 2 ? word >> 16 : word & 0xffffu) >= d->threshold;
}

double dropout_of(const struct dropout *d, uint32_t site, struct row_place place, int64_t column, double x)
{
    if (!d->threshold) return x;
    return dropout_keeps(d, site, place, column) ? x * (double)d->scale : 0.0;
}

int kernels_next(enum isa *isa, struct kernels *out)
{
    static int said[ISA_AVX512BF16 + 1];

    while (*isa < ISA_AVX512BF16) {
        *isa = (enum isa)(*isa + 1);
        if (isa_usable(*isa)) return kernels_choose(*isa, out) == ST_OK;
        if (!said[*isa]++) test_say_skipped(isa_name(*isa), "this CPU cannot run these kernels");
    }
    return 0;
}

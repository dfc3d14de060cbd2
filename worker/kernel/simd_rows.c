/* Conversions, sums and moves of plain rows. */
#include "worker/kernel/simd.h"
#include "worker/kernel/vec.h"

static void to_bf16(int64_t n, const float *x, uint16_t *y)
{
    for (int64_t i = 0; i < n; i += LANES) vec_put_type(NUMBER_BF16, y, i, n, vec_at(x, i, n));
}

static void from_bf16(int64_t n, const uint16_t *x, float *y)
{
    for (int64_t i = 0; i < n; i += LANES) vec_put(y, i, n, vec_at_type(NUMBER_BF16, x, i, n));
}

static void add(int64_t n, float *a, const float *b)
{
    for (int64_t i = 0; i < n; i += LANES) vec_put(a, i, n, vec_add(vec_at(a, i, n), vec_at(b, i, n)));
}

static void add_double(int64_t n, double *a, const double *b)
{
    for (int64_t i = 0; i < n; i++) a[i] += b[i];
}

static void axpy(int64_t n, float alpha, const float *x, float *y)
{
    vec factor = vec_set(alpha);

    for (int64_t i = 0; i < n; i += LANES) vec_put(y, i, n, vec_fma(factor, vec_at(x, i, n), vec_at(y, i, n)));
}

static void add_prompt(int64_t rows, int width, const struct row_place *place, const float *prompt, int prompt_rows,
                       enum number type, float *h, void *h_matrix)
{
    for (int64_t row = 0; row < rows; row++) {
        uint32_t at = place[row].position;
        float *x = h + row * width;

        if (prompt && at >= 1 && at <= (uint32_t)prompt_rows) add(width, x, prompt + (size_t)(at - 1) * (size_t)width);
        if (h_matrix)
            for (int i = 0; i < width; i += LANES)
                vec_put_type(type, (char *)h_matrix + (size_t)(row * width) * number_size(type), i, width,
                             vec_at(x, i, width));
    }
}

static void gather(int64_t rows, int width, enum number type, const int32_t *index, const void *x, void *out)
{
    size_t bytes = (size_t)width * number_size(type);

    for (int64_t i = 0; i < rows; i++)
        memcpy((char *)out + (size_t)i * bytes, (const char *)x + (size_t)index[i] * bytes, bytes);
}

static void scatter_add(int64_t rows, int width, const int32_t *index, const float *x, float *out)
{
    for (int64_t i = 0; i < rows; i++) add(width, out + (size_t)index[i] * (size_t)width, x + i * width);
}

/* Column sums stay in registers while iterating over rows: of enough columns to read whole cache lines and not to touch
 * a page for only a few bytes. */
enum { SUM_VECS = 8 };

VEC_INLINE void sum_strip(enum number type, int64_t rows, int64_t n, size_t row_bytes, const void *x, float *out)
{
    vec sum[SUM_VECS];

    for (int k = 0; k < SUM_VECS; k++) sum[k] = vec_at(out, k * LANES, n);
    for (int64_t row = 0; row < rows; row++)
        for (int k = 0; k < SUM_VECS; k++)
            sum[k] = vec_add(sum[k], vec_at_type(type, (const char *)x + (size_t)row * row_bytes, k * LANES, n));
    for (int k = 0; k < SUM_VECS; k++) vec_put(out, k * LANES, n, sum[k]);
}

VEC_INLINE void sum_rows_of(enum number type, int64_t rows, int width, int64_t ld, const void *x, float *out)
{
    enum { STRIP = SUM_VECS * LANES };
    size_t size = number_size(type);
    int i = 0;

    for (; i + STRIP <= width; i += STRIP)
        sum_strip(type, rows, STRIP, (size_t)ld * size, (const char *)x + (size_t)i * size, out + i);
    if (i < width) sum_strip(type, rows, width - i, (size_t)ld * size, (const char *)x + (size_t)i * size, out + i);
}

static void sum_rows(int64_t rows, int width, int64_t ld, enum number type, const void *x, float *out)
{
    if (type == NUMBER_BF16) sum_rows_of(NUMBER_BF16, rows, width, ld, x, out);
    else sum_rows_of(NUMBER_F32, rows, width, ld, x, out);
}

/* Sixteen lanes, combined in one fixed tree. */
static double sum_squares(int64_t n, const float *x)
{
    double lane[LANES] = {0};

    for (int64_t i = 0; i < n; i += LANES) {
        float a[LANES];

        vec_store(a, vec_at(x, i, n));
        for (int k = 0; k < LANES; k++) lane[k] += (double)a[k] * (double)a[k]; /* an exact product */
    }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) lane[k] += lane[k + half];
    return lane[0];
}

void KERNEL(row_kernels)(struct kernels *k)
{
    k->to_bf16 = to_bf16;
    k->from_bf16 = from_bf16;
    k->add = add;
    k->add_double = add_double;
    k->axpy = axpy;
    k->add_prompt = add_prompt;
    k->gather = gather;
    k->scatter_add = scatter_add;
    k->sum_rows = sum_rows;
    k->sum_squares = sum_squares;
}

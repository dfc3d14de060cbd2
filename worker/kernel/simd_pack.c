/* Rows of f32 or bf16 into the operands of tile.h, and sums back. */
#include "worker/kernel/tile.h"

#if TILE_PAIRS
/* Units u.. of a row of bf16: its elements as they lie, zero after the row. */
VEC_INLINE vec raw_units(const void *row, int64_t u, int64_t width)
{
    int64_t left = width - 2 * u;
    __mmask32 m = left >= 32 ? 0xffffffffu : left > 0 ? (1u << left) - 1u : 0;

    return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(m, (const uint16_t *)row + 2 * u));
}

VEC_INLINE __m256i half_row(const uint16_t *row, int64_t j, int64_t width)
{
    return width - j >= LANES ? _mm256_loadu_si256((const __m256i *)(row + j))
                              : _mm256_maskz_loadu_epi16(width > j ? vec_first(width - j) : 0, row + j);
}
#endif

VEC_INLINE vec units_at(int pairs, enum number type, const void *row, int64_t u, int64_t width)
{
#if TILE_PAIRS
    if (pairs) return raw_units(row, u, width);
#endif
    (void)pairs;
    return vec_at_type(type, row, u, width);
}

VEC_INLINE void pack_a_type(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                            float *to)
{
    int64_t across = round_up(tile_units(pairs, width), LANES);

    for (int64_t i = 0; i < rows; i++)
        for (int64_t u = 0; u < across; u += LANES)
            vec_store(to + i * across + u, units_at(pairs, type, tile_row(type, x, ld, i), u, width));
}

VEC_INLINE void pack_rows_type(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                               float *to)
{
    for (int64_t p = 0; p < width; p += PANEL)
        for (int64_t i = 0; i < rows; i += pairs ? 2 : 1, to += PANEL)
            for (int64_t j = p; j < p + PANEL; j += LANES) {
#if TILE_PAIRS
                if (pairs) {
                    __m256i lo = half_row(tile_row(type, x, ld, i), j, width);
                    __m256i hi = i + 1 < rows ? half_row(tile_row(type, x, ld, i + 1), j, width)
                                              : _mm256_setzero_si256();
                    vec_store(to + j - p, tile_interleave(lo, hi));
                    continue;
                }
#endif
                vec_store(to + j - p, vec_at_type(type, tile_row(type, x, ld, i), j, width));
            }
}

VEC_INLINE void pack_columns_type(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                                  float *to)
{
    int64_t units = tile_units(pairs, width);

    for (int64_t p = 0; p < rows; p += PANEL, to += units * PANEL)
        for (int64_t j = 0; j < PANEL && p + j < rows; j += LANES)
            for (int64_t u = 0; u < units; u += LANES) {
                vec block[LANES];

                for (int64_t i = 0; i < LANES; i++)
                    block[i] = p + j + i < rows ? units_at(pairs, type, tile_row(type, x, ld, p + j + i), u, width)
                                                : vec_zero();
                vec_transpose(block);
                for (int64_t i = 0; i < LANES && u + i < units; i++) vec_store(to + (u + i) * PANEL + j, block[i]);
            }
}

VEC_INLINE void unpack_type(enum number type, const float *c, int64_t ldc, int64_t m, int64_t n, float factor, void *to,
                            int64_t ld)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j += LANES)
            vec_put_type(type, (char *)to + (size_t)(i * ld) * number_size(type), j, n,
                         vec_mul(vec_load(c + i * ldc + j), vec_set(factor)));
}

void KERNEL(tile_pack_a)(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width, float *to)
{
    if (TILE_PAIRS && pairs) pack_a_type(TILE_PAIRS, NUMBER_BF16, x, ld, rows, width, to);
    else if (type == NUMBER_BF16) pack_a_type(0, NUMBER_BF16, x, ld, rows, width, to);
    else pack_a_type(0, NUMBER_F32, x, ld, rows, width, to);
}

void KERNEL(tile_pack_rows)(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                            float *to)
{
    if (TILE_PAIRS && pairs) pack_rows_type(TILE_PAIRS, NUMBER_BF16, x, ld, rows, width, to);
    else if (type == NUMBER_BF16) pack_rows_type(0, NUMBER_BF16, x, ld, rows, width, to);
    else pack_rows_type(0, NUMBER_F32, x, ld, rows, width, to);
}

void KERNEL(tile_pack_columns)(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                               float *to)
{
    if (TILE_PAIRS && pairs) pack_columns_type(TILE_PAIRS, NUMBER_BF16, x, ld, rows, width, to);
    else if (type == NUMBER_BF16) pack_columns_type(0, NUMBER_BF16, x, ld, rows, width, to);
    else pack_columns_type(0, NUMBER_F32, x, ld, rows, width, to);
}

void KERNEL(tile_unpack)(enum number type, const float *c, int64_t ldc, int64_t m, int64_t n, float factor, void *to,
                         int64_t ld)
{
    if (type == NUMBER_BF16) unpack_type(NUMBER_BF16, c, ldc, m, n, factor, to, ld);
    else unpack_type(NUMBER_F32, c, ldc, m, n, factor, to, ld);
}

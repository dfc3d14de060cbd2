/* Small matrix products for attention: C (m x n) = A (m x depth) B (depth x n), f32 sums.
 *
 * Operands are units of 32 bits: a float, or, on AVX-512 BF16, a pair of bf16 neighbours in depth (vdpbf16ps). B is
 * packed in panels of 64 columns, [panel][depth][64], zero after its last column; A is read by broadcast with two
 * strides, so that a product with A transposed needs no copy. Every element of C is one chain of fused steps in the
 * order of depth: its bits do not depend on the register tile it falls into. */
#ifndef MP2_WORKER_KERNEL_TILE_H
#define MP2_WORKER_KERNEL_TILE_H

#include "worker/kernel/simd.h"
#include "worker/kernel/vec.h"

enum { PANEL = 64, PANEL_VECS = PANEL / LANES };

#ifdef __AVX512BF16__
#define TILE_PAIRS 1 /* bf16 operands stay bf16 */
#else
#define TILE_PAIRS 0 /* bf16 operands are widened when packed */
#endif

struct operand {
    const float *a;
    int64_t row, step; /* strides between rows and between units of depth */
};

/* Units of n elements of depth. */
VEC_INLINE int64_t tile_units(int pairs, int64_t n)
{
    return pairs ? (n + 1) / 2 : n;
}
VEC_INLINE int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Row number i of rows x width elements, ld apart. */
VEC_INLINE const void *tile_row(enum number type, const void *x, int64_t ld, int64_t i)
{
    return (const char *)x + (size_t)(i * ld) * number_size(type);
}

#if TILE_PAIRS
/* Lane i: the bf16 lo[i] below hi[i]. */
VEC_INLINE vec tile_interleave(__m256i lo, __m256i hi)
{
    __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(hi), 16);

    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_cvtepu16_epi32(lo), high));
}
#endif

VEC_INLINE vec tile_step(int pairs, vec a, vec b, vec c) /* a b + c */
{
#if TILE_PAIRS
    if (pairs) return _mm512_dpbf16_ps(c, (__m512bh)_mm512_castps_si512(a), (__m512bh)_mm512_castps_si512(b));
#endif
    (void)pairs;
    return vec_fma(a, b, c);
}

/* C (m x n, n rounded up to whole vectors; leading dimension ldc) = or += A B; depth in units. */
void KERNEL(tile_product)(int pairs, int add, int64_t m, int64_t n, int64_t depth, struct operand a, const float *b,
                          float *c, int64_t ldc);

/* A: [rows][round_up(units of width, 16)]. */
void KERNEL(tile_pack_a)(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                         float *to);
/* B whose depth runs over x's rows: [panel of width][units of rows][64]. */
void KERNEL(tile_pack_rows)(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                            float *to);
/* B whose columns are x's rows: [panel of rows][units of width][64]. */
void KERNEL(tile_pack_columns)(int pairs, enum number type, const void *x, int64_t ld, int64_t rows, int64_t width,
                               float *to);
/* m x n sums (leading dimension ldc), times factor, to rows of type. */
void KERNEL(tile_unpack)(enum number type, const float *c, int64_t ldc, int64_t m, int64_t n, float factor, void *to,
                         int64_t ld);

#endif

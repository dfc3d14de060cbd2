/* Philox4x32-10 over columns: which elements of a row a dropout keeps (rule in kernels.h).
 *
 * Eight blocks at a time, each in a 64-bit lane per word of state, so that a 32 x 32 -> 64 bit product is one
 * instruction and its halves need no shuffling. Eight blocks are 64 thresholds. Blocks are assigned to lanes such that
 * the final unpacking puts the 16-bit numbers in column order. */
#ifndef MP2_WORKER_KERNEL_DROPOUT_BITS_H
#define MP2_WORKER_KERNEL_DROPOUT_BITS_H

#include "worker/kernel/vec.h"

enum { DROPOUT_GROUP = 64, DROPOUT_GROUP_VECS = DROPOUT_GROUP / LANES };

/* Number of elements (of type lanes) of keep for a row of n columns, in whole groups. */
VEC_INLINE int64_t dropout_words(int64_t n)
{
    return (n + DROPOUT_GROUP - 1) / DROPOUT_GROUP * DROPOUT_GROUP_VECS;
}

#define PHILOX_M0 0xd2511f53u
#define PHILOX_M1 0xcd9e8d57u
#define PHILOX_W0 0x9e3779b9u
#define PHILOX_W1 0xbb67ae85u

/* One word of state of several blocks, one block per 64-bit lane; products of low halves; (product >> 32) ^ x ^ key. */
#ifdef __AVX512F__

typedef __m512i philox_word;

VEC_INLINE philox_word philox_set(uint32_t x)
{
    return _mm512_set1_epi64(x);
}
VEC_INLINE philox_word philox_multiply(philox_word a, philox_word b)
{
    return _mm512_mul_epu32(a, b);
}
VEC_INLINE philox_word philox_xor_high(philox_word product, philox_word x, uint32_t key)
{
    return _mm512_ternarylogic_epi64(_mm512_srli_epi64(product, 32), x, _mm512_set1_epi64(key), 0x96);
}

#else

typedef __m256i philox_word;

VEC_INLINE philox_word philox_set(uint32_t x)
{
    return _mm256_set1_epi64x(x);
}
VEC_INLINE philox_word philox_multiply(philox_word a, philox_word b)
{
    return _mm256_mul_epu32(a, b);
}
VEC_INLINE philox_word philox_xor_high(philox_word product, philox_word x, uint32_t key)
{
    return _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product, 32), x), _mm256_set1_epi64x(key));
}

#endif

/* The ten rounds, in place. The upper halves of the lanes of x[1] and x[3] hold leftovers of products. */
VEC_INLINE void philox_rounds(const struct dropout *d, philox_word x[4])
{
    const philox_word m0 = philox_set(PHILOX_M0), m1 = philox_set(PHILOX_M1);
    uint32_t k0 = d->key.k[0], k1 = d->key.k[1];

    for (int round = 0; round < 10; round++) {
        philox_word p0 = philox_multiply(x[0], m0), p1 = philox_multiply(x[2], m1);

        x[0] = philox_xor_high(p1, x[1], k0);
        x[2] = philox_xor_high(p0, x[3], k1);
        x[1] = p1;
        x[3] = p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
}

#ifdef __AVX512F__

/* Columns 64 g .. 64 g + 63. */
VEC_INLINE void dropout_group(const struct dropout *d, uint32_t site, struct row_place p, uint32_t g, lanes keep[4])
{
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), low = _mm512_set1_epi64(0xffffffff);
    const __m512i threshold = _mm512_set1_epi16((short)d->threshold);
    philox_word x[4] = {_mm512_add_epi64(order, _mm512_set1_epi64(8ll * g)), philox_set(p.position), philox_set(site),
                        philox_set(p.slot)},
                a, b;
    uint32_t first, second;

    philox_rounds(d, x);
    a = _mm512_ternarylogic_epi64(low, x[0], _mm512_slli_epi64(x[1], 32), 0xea); /* (low & x[0]) | x[1] << 32 */
    b = _mm512_ternarylogic_epi64(low, x[2], _mm512_slli_epi64(x[3], 32), 0xea);
    first = _mm512_cmpge_epu16_mask(_mm512_unpacklo_epi64(a, b), threshold);
    second = _mm512_cmpge_epu16_mask(_mm512_unpackhi_epi64(a, b), threshold);
    keep[0] = (lanes)first;
    keep[1] = (lanes)(first >> 16);
    keep[2] = (lanes)second;
    keep[3] = (lanes)(second >> 16);
}

#else

/* Columns 32 g .. 32 g + 31. */
VEC_INLINE void dropout_half_group(const struct dropout *d, uint32_t site, struct row_place p, uint32_t g,
                                   lanes keep[2])
{
    const __m256i order = _mm256_setr_epi64x(0, 2, 1, 3), low = _mm256_set1_epi64x(0xffffffff);
    const __m256i threshold = _mm256_set1_epi16((short)d->threshold);
    philox_word x[4] = {_mm256_add_epi64(order, _mm256_set1_epi64x(4ll * g)), philox_set(p.position), philox_set(site),
                        philox_set(p.slot)},
                a, b;
    uint32_t bits;

    philox_rounds(d, x);
    x[0] = _mm256_or_si256(_mm256_and_si256(low, x[0]), _mm256_slli_epi64(x[1], 32));
    x[2] = _mm256_or_si256(_mm256_and_si256(low, x[2]), _mm256_slli_epi64(x[3], 32));
    a = _mm256_unpacklo_epi64(x[0], x[2]);
    b = _mm256_unpackhi_epi64(x[0], x[2]);
    a = _mm256_cmpeq_epi16(_mm256_max_epu16(a, threshold), a);
    b = _mm256_cmpeq_epi16(_mm256_max_epu16(b, threshold), b);
    bits = (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8));
    keep[0] = (lanes)bits;
    keep[1] = (lanes)(bits >> 16);
}

VEC_INLINE void dropout_group(const struct dropout *d, uint32_t site, struct row_place p, uint32_t g, lanes keep[4])
{
    dropout_half_group(d, site, p, 2 * g, keep);
    dropout_half_group(d, site, p, 2 * g + 1, keep + 2);
}

#endif

/* The whole row of n columns; keep has dropout_words(n) elements. */
VEC_INLINE void dropout_row(const struct dropout *d, uint32_t site, struct row_place p, int64_t n, lanes *keep)
{
    for (int64_t g = 0; g * DROPOUT_GROUP < n; g++) dropout_group(d, site, p, (uint32_t)g, keep + 4 * g);
}

/* One vector of a row: kept and scaled, or 0. The identity without dropout. */
VEC_INLINE vec dropout_apply(const struct dropout *d, lanes keep, vec x)
{
    return d->threshold ? vec_keep(keep, vec_mul(x, vec_set(d->scale))) : x;
}

/* The keep bits of vectors i/16 .. i/16 + 3 of a row, i a multiple of 64; untouched without dropout. */
VEC_INLINE void dropout_at(const struct dropout *d, uint32_t site, const struct row_place *p, int64_t i, lanes keep[4])
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): where there is dropout, places are given */
    if (d->threshold) dropout_group(d, site, *p, (uint32_t)(i / DROPOUT_GROUP), keep);
}

#endif

/* vec.h for AVX2 with FMA: lanes 0..7 in lo, 8..15 in hi. */
#ifndef MP2_WORKER_KERNEL_VEC_AVX2_H
#define MP2_WORKER_KERNEL_VEC_AVX2_H

/* clang-format off */
typedef struct { __m256 lo, hi; } vec;

/* A mask's bits as lanes of all ones or all zeros. */
VEC_INLINE __m256i vec_spread(unsigned bits)
{
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);

    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), bit), bit);
}

VEC_INLINE vec vec_zero(void) { return (vec){_mm256_setzero_ps(), _mm256_setzero_ps()}; }
VEC_INLINE vec vec_set(float a) { return (vec){_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
VEC_INLINE vec vec_load(const float *x) { return (vec){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)}; }

VEC_INLINE void vec_store(float *x, vec a)
{
    _mm256_storeu_ps(x, a.lo);
    _mm256_storeu_ps(x + 8, a.hi);
}

VEC_INLINE vec vec_load_part(const float *x, lanes m)
{
    return (vec){_mm256_maskload_ps(x, vec_spread(m)), _mm256_maskload_ps(x + 8, vec_spread(m >> 8))};
}

VEC_INLINE void vec_store_part(float *x, lanes m, vec a)
{
    _mm256_maskstore_ps(x, vec_spread(m), a.lo);
    _mm256_maskstore_ps(x + 8, vec_spread(m >> 8), a.hi);
}

VEC_INLINE vec vec_add(vec a, vec b) { return (vec){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
VEC_INLINE vec vec_sub(vec a, vec b) { return (vec){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
VEC_INLINE vec vec_mul(vec a, vec b) { return (vec){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
VEC_INLINE vec vec_div(vec a, vec b) { return (vec){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
VEC_INLINE vec vec_sqrt(vec a) { return (vec){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
VEC_INLINE vec vec_min(vec a, vec b) { return (vec){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
VEC_INLINE vec vec_max(vec a, vec b) { return (vec){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }

VEC_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return (vec){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

VEC_INLINE vec vec_fnma(vec a, vec b, vec c)
{
    return (vec){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}

VEC_INLINE vec vec_abs(vec a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);

    return (vec){_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}

VEC_INLINE vec vec_round(vec a)
{
    return (vec){_mm256_round_ps(a.lo, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                 _mm256_round_ps(a.hi, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

VEC_INLINE lanes vec_bits(__m256 lo, __m256 hi)
{
    return (lanes)(_mm256_movemask_ps(lo) | _mm256_movemask_ps(hi) << 8);
}

VEC_INLINE lanes vec_less(vec a, vec b)
{
    return vec_bits(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ));
}

VEC_INLINE lanes vec_equal(vec a, vec b)
{
    return vec_bits(_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ));
}

VEC_INLINE vec vec_select(lanes m, vec yes, vec no)
{
    return (vec){_mm256_blendv_ps(no.lo, yes.lo, _mm256_castsi256_ps(vec_spread(m))),
                 _mm256_blendv_ps(no.hi, yes.hi, _mm256_castsi256_ps(vec_spread(m >> 8)))};
}

VEC_INLINE vec vec_keep(lanes m, vec a)
{
    return (vec){_mm256_and_ps(_mm256_castsi256_ps(vec_spread(m)), a.lo),
                 _mm256_and_ps(_mm256_castsi256_ps(vec_spread(m >> 8)), a.hi)};
}

VEC_INLINE vec vec_drop(lanes m, vec a) { return vec_keep((lanes)~m, a); }

VEC_INLINE __m256 vec_power2(__m256 n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}

VEC_INLINE vec vec_scale2(vec a, vec n)
{
    return (vec){_mm256_mul_ps(a.lo, vec_power2(n.lo)), _mm256_mul_ps(a.hi, vec_power2(n.hi))};
}

VEC_INLINE float vec_sum(vec a)
{
    __m256 b = _mm256_add_ps(a.lo, a.hi);
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));

    return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

VEC_INLINE float vec_largest(vec a)
{
    __m256 b = _mm256_max_ps(a.lo, a.hi);
    __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    __m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));

    return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

/* ---- bf16: to nearest even, denormals become 0, NaN stays NaN, as vcvtneps2bf16 does ---- */

VEC_INLINE __m256 vec_widen8(__m128i half)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

VEC_INLINE __m256i vec_narrow8(__m256 a)   /* in the low halves of 8 words */
{
    const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
    __m256i x = _mm256_castps_si256(a), top = _mm256_srli_epi32(x, 16);
    __m256i odd = _mm256_and_si256(top, _mm256_set1_epi32(1));
    __m256i y = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(x, _mm256_set1_epi32(0x7fff)), odd), 16);
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    __m256i tiny = _mm256_castps_si256(_mm256_cmp_ps(magnitude, _mm256_set1_ps(0x1p-126f), _CMP_LT_OQ));

    y = _mm256_blendv_epi8(y, _mm256_or_si256(top, _mm256_set1_epi32(0x40)), nan);
    return _mm256_blendv_epi8(y, _mm256_and_si256(top, _mm256_set1_epi32(0x8000)), tiny);
}

VEC_INLINE vec vec_widen(__m256i half)
{
    return (vec){vec_widen8(_mm256_castsi256_si128(half)), vec_widen8(_mm256_extracti128_si256(half, 1))};
}

VEC_INLINE __m256i vec_narrow(vec a)
{
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(vec_narrow8(a.lo), vec_narrow8(a.hi)), 0xd8);
}

VEC_INLINE vec vec_load_bf16(const uint16_t *x) { return vec_widen(_mm256_loadu_si256((const __m256i *)x)); }
VEC_INLINE void vec_store_bf16(uint16_t *x, vec a) { _mm256_storeu_si256((__m256i *)x, vec_narrow(a)); }

VEC_INLINE vec vec_load_bf16_part(const uint16_t *x, int n)
{
    uint16_t all[16] = {0};

    memcpy(all, x, (size_t)n * sizeof *x);
    return vec_load_bf16(all);
}

VEC_INLINE void vec_store_bf16_part(uint16_t *x, int n, vec a)
{
    uint16_t all[16];

    vec_store_bf16(all, a);
    memcpy(x, all, (size_t)n * sizeof *x);
}

/* ---- integers ---- */

/* a - b of 32 bits each, as floats; 0 where m is not. */
VEC_INLINE __m256 vec_half_difference(const int *a, const int *b, __m256i m)
{
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_maskload_epi32(a, m), _mm256_maskload_epi32(b, m)));
}

VEC_INLINE vec vec_load_difference(const void *a, const void *b, lanes m)
{
    const int *x = a, *y = b;

    return (vec){vec_half_difference(x, y, vec_spread(m)), vec_half_difference(x + 8, y + 8, vec_spread(m >> 8))};
}

/* To integers 0..255, to nearest even. */
VEC_INLINE void vec_store_u8(uint8_t *x, vec a)
{
    __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)), 0xd8);

    _mm_storeu_si128((__m128i *)x, _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

VEC_INLINE void vec_store_u8_part(uint8_t *x, lanes m, vec a)
{
    uint8_t all[16];

    vec_store_u8(all, a);
    for (int i = 0; i < 16; i++)
        if (m >> i & 1) x[i] = all[i];
}

VEC_INLINE void vec_transpose8(__m256 r[8])
{
    __m256 t[8];

    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            r[i + 2 * k] = _mm256_shuffle_ps(t[i + k], t[i + k + 2], 0x44);
            r[i + 2 * k + 1] = _mm256_shuffle_ps(t[i + k], t[i + k + 2], 0xee);
        }
    for (int k = 0; k < 4; k++) {
        t[k] = _mm256_permute2f128_ps(r[k], r[4 + k], 0x20);
        t[4 + k] = _mm256_permute2f128_ps(r[k], r[4 + k], 0x31);
    }
    for (int i = 0; i < 8; i++) r[i] = t[i];
}

/* r[i] lane j <-> r[j] lane i: four blocks of 8 x 8, of which two are swapped. */
VEC_INLINE void vec_transpose(vec r[16])
{
    __m256 block[4][8];

    for (int i = 0; i < 8; i++) {
        block[0][i] = r[i].lo;
        block[1][i] = r[8 + i].lo;
        block[2][i] = r[i].hi;
        block[3][i] = r[8 + i].hi;
    }
    for (int b = 0; b < 4; b++) vec_transpose8(block[b]);
    for (int i = 0; i < 8; i++) {
        r[i] = (vec){block[0][i], block[1][i]};
        r[8 + i] = (vec){block[2][i], block[3][i]};
    }
}
/* clang-format on */

#endif

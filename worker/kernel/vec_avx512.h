/* vec.h for AVX-512. */
#ifndef MP2_WORKER_KERNEL_VEC_AVX512_H
#define MP2_WORKER_KERNEL_VEC_AVX512_H

/* clang-format off */
typedef __m512 vec;

VEC_INLINE vec vec_zero(void) { return _mm512_setzero_ps(); }
VEC_INLINE vec vec_set(float a) { return _mm512_set1_ps(a); }
VEC_INLINE vec vec_load(const float *x) { return _mm512_loadu_ps(x); }
VEC_INLINE void vec_store(float *x, vec a) { _mm512_storeu_ps(x, a); }
VEC_INLINE vec vec_load_part(const float *x, lanes m) { return _mm512_maskz_loadu_ps(m, x); }
VEC_INLINE void vec_store_part(float *x, lanes m, vec a) { _mm512_mask_storeu_ps(x, m, a); }

VEC_INLINE vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
VEC_INLINE vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
VEC_INLINE vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
VEC_INLINE vec vec_div(vec a, vec b) { return _mm512_div_ps(a, b); }
VEC_INLINE vec vec_sqrt(vec a) { return _mm512_sqrt_ps(a); }
VEC_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }    /* a b + c */
VEC_INLINE vec vec_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }  /* c - a b */
VEC_INLINE vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }                /* b if either is NaN */
VEC_INLINE vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
VEC_INLINE vec vec_abs(vec a) { return _mm512_abs_ps(a); }
VEC_INLINE vec vec_round(vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

VEC_INLINE lanes vec_less(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
VEC_INLINE lanes vec_equal(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
VEC_INLINE vec vec_select(lanes m, vec yes, vec no) { return _mm512_mask_blend_ps(m, no, yes); }
VEC_INLINE vec vec_keep(lanes m, vec a) { return _mm512_maskz_mov_ps(m, a); }       /* 0 elsewhere */
VEC_INLINE vec vec_drop(lanes m, vec a) { return _mm512_maskz_mov_ps((lanes)~m, a); }

/* a 2^n for integer n in -126..127, a around 1. */
VEC_INLINE vec vec_scale2(vec a, vec n) { return _mm512_scalef_ps(a, n); }

/* Fixed tree: lanes 8 apart, 4, 2, 1. */
VEC_INLINE float vec_sum(vec a)
{
    __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));

    return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

VEC_INLINE float vec_largest(vec a)
{
    __m256 b = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    __m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));

    return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

/* ---- bf16: to nearest even, denormals become 0, NaN stays NaN, as vcvtneps2bf16 does ---- */

VEC_INLINE vec vec_widen(__m256i half)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

VEC_INLINE __m256i vec_narrow(vec a)
{
#ifdef __AVX512BF16__
    return (__m256i)_mm512_cvtneps_pbh(a);
#else
    __m512i x = _mm512_castps_si512(a);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(x, 16), _mm512_set1_epi32(1));
    __m512i y = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(x, _mm512_set1_epi32(0x7fff)), odd), 16);
    __m512i top = _mm512_srli_epi32(x, 16);
    __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    __mmask16 tiny = _mm512_cmp_ps_mask(_mm512_abs_ps(a), _mm512_set1_ps(0x1p-126f), _CMP_LT_OQ);

    y = _mm512_mask_or_epi32(y, nan, top, _mm512_set1_epi32(0x40));
    y = _mm512_mask_and_epi32(y, tiny, top, _mm512_set1_epi32(0x8000));
    return _mm512_cvtepi32_epi16(y);
#endif
}

VEC_INLINE vec vec_load_bf16(const uint16_t *x) { return vec_widen(_mm256_loadu_si256((const __m256i *)x)); }
VEC_INLINE void vec_store_bf16(uint16_t *x, vec a) { _mm256_storeu_si256((__m256i *)x, vec_narrow(a)); }

VEC_INLINE vec vec_load_bf16_part(const uint16_t *x, int n)
{
    return vec_widen(_mm256_maskz_loadu_epi16((lanes)((1u << n) - 1u), x));
}

VEC_INLINE void vec_store_bf16_part(uint16_t *x, int n, vec a)
{
    _mm256_mask_storeu_epi16(x, (lanes)((1u << n) - 1u), vec_narrow(a));
}

/* ---- integers ---- */

/* a - b of 32 bits each, as floats; 0 where m is not. */
VEC_INLINE vec vec_load_difference(const void *a, const void *b, lanes m)
{
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_maskz_loadu_epi32(m, a), _mm512_maskz_loadu_epi32(m, b)));
}

/* To integers 0..255, to nearest even. */
VEC_INLINE void vec_store_u8(uint8_t *x, vec a) { _mm_storeu_si128((__m128i *)x, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(a))); }

VEC_INLINE void vec_store_u8_part(uint8_t *x, lanes m, vec a)
{
    _mm_mask_storeu_epi8(x, m, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(a)));
}

/* r[i] lane j <-> r[j] lane i. */
VEC_INLINE void vec_transpose(vec r[16])
{
    vec t[16];

    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 2; k++) {
            __m512d a = _mm512_castps_pd(t[i + k]), b = _mm512_castps_pd(t[i + k + 2]);
            r[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    for (int k = 0; k < 4; k++)   /* r[4i+k] holds column k of each 128-bit part, rows 4i..4i+3 */
        for (int i = 0; i < 2; i++) {
            t[8 * i + k] = _mm512_shuffle_f32x4(r[8 * i + k], r[8 * i + 4 + k], 0x88);
            t[8 * i + 4 + k] = _mm512_shuffle_f32x4(r[8 * i + k], r[8 * i + 4 + k], 0xdd);
        }
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 2; i++) {
            r[4 * i + k] = _mm512_shuffle_f32x4(t[4 * i + k], t[8 + 4 * i + k], 0x88);
            r[4 * i + 8 + k] = _mm512_shuffle_f32x4(t[4 * i + k], t[8 + 4 * i + k], 0xdd);
        }
}
/* clang-format on */

#endif

/* Sixteen floats as one value, with the same meaning on every target: one __m512, or two __m256 under AVX2. Everything
 * here is exactly rounded or an explicit sequence of fused operations, so that kernels written with it give the same
 * bits everywhere. Tails are loaded and stored under a mask and run through the same arithmetic as full vectors.
 *
 * Included only by simd_*.c (compiled once per target). */
#ifndef MP2_WORKER_KERNEL_VEC_H
#define MP2_WORKER_KERNEL_VEC_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "worker/kernel/kernels.h"

#define VEC_INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

typedef uint16_t lanes; /* bit i: lane i takes part */

#ifdef __AVX512F__
#include "worker/kernel/vec_avx512.h"
#else
#include "worker/kernel/vec_avx2.h"
#endif

/* The first n lanes, n in 0..16. */
VEC_INLINE lanes vec_first(int64_t n)
{
    return (lanes)((1u << n) - 1u);
}

/* Lanes i.. of row x of n elements (zero after its end), and the reverse. */
VEC_INLINE vec vec_at(const float *x, int64_t i, int64_t n)
{
    return n - i >= LANES ? vec_load(x + i) : n > i ? vec_load_part(x + i, vec_first(n - i)) : vec_zero();
}

VEC_INLINE void vec_put(float *x, int64_t i, int64_t n, vec a)
{
    if (n - i >= LANES) vec_store(x + i, a);
    else if (n > i) vec_store_part(x + i, vec_first(n - i), a);
}

/* The same for rows of either type; type is a constant where speed matters. */
VEC_INLINE vec vec_at_type(enum number type, const void *x, int64_t i, int64_t n)
{
    const uint16_t *half = x;

    if (type == NUMBER_F32) return vec_at(x, i, n);
    if (n - i >= LANES) return vec_load_bf16(half + i);
    return n > i ? vec_load_bf16_part(half + i, (int)(n - i)) : vec_zero();
}

VEC_INLINE void vec_put_type(enum number type, void *x, int64_t i, int64_t n, vec a)
{
    uint16_t *half = x;

    if (type == NUMBER_F32) vec_put(x, i, n, a);
    else if (n - i >= LANES) vec_store_bf16(half + i, a);
    else if (n > i) vec_store_bf16_part(half + i, (int)(n - i), a);
}

VEC_INLINE void vec_put_u8(uint8_t *x, int64_t i, int64_t n, vec a)
{
    if (n - i >= LANES) vec_store_u8(x + i, a);
    else if (n > i) vec_store_u8_part(x + i, vec_first(n - i), a);
}

/* The lanes of vec_at(x, i, n) that are in the row. */
VEC_INLINE lanes vec_in_row(int64_t i, int64_t n)
{
    return n - i >= LANES ? (lanes)0xffff : n > i ? vec_first(n - i) : (lanes)0;
}

/* A row's sum uses four accumulators of 16 lanes; vector number i/16 goes to accumulator i/16 % 4. */
VEC_INLINE float vec_sum4(const vec a[4])
{
    return vec_sum(vec_add(vec_add(a[0], a[1]), vec_add(a[2], a[3])));
}

/* e^x for x up to 88 (undefined above), relative error below 1.2e-7; 0 below -87.3; NaN stays NaN. (Cephes' expf.) */
VEC_INLINE vec vec_exp(vec x)
{
    vec n = vec_round(vec_mul(x, vec_set(1.44269504088896341f)));
    vec r = vec_fma(n, vec_set(-0.693359375f), x), p;

    r = vec_fma(n, vec_set(2.12194440e-4f), r);
    p = vec_fma(vec_set(1.9875691500e-4f), r, vec_set(1.3981999507e-3f));
    p = vec_fma(p, r, vec_set(8.3334519073e-3f));
    p = vec_fma(p, r, vec_set(4.1665795894e-2f));
    p = vec_fma(p, r, vec_set(1.6666665459e-1f));
    p = vec_fma(p, r, vec_set(5.0000001201e-1f));
    p = vec_fma(vec_mul(r, r), p, vec_add(r, vec_set(1.0f)));
    return vec_drop(vec_less(x, vec_set(-87.3f)), vec_scale2(p, n));
}

#endif

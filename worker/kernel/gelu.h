/* GELU with the error function, twice.
 *
 * f32: with t = |x|, the normal tail is Phi(-t) = exp(-t^2/2) Q(t), where Q = erfcx(t/sqrt 2)/2 falls slowly; Q(t) (t +
 * 3) is a polynomial of degree 8 in w = (t - 3)/(t + 3), to 4e-8 for 0 <= t <= 13.5. So the tail keeps its relative
 * accuracy where 1 + erf would cancel, and backward gets the density for free.
 *
 * bf16: Phi - 1/2 and GELU' - 1/2 are odd, so x times a polynomial in x^2, on |x| <= c, of the form that is exact at c:
 * beyond c, Phi is taken as 0 or 1. Errors 4e-6 and 3e-5, far below bf16's rounding, without an exponential: at 512
 * rows of 4,096 this is the most expensive operation between matrix products. All fits minimise the maximum relative
 * (f32) or absolute (bf16) error. */
#ifndef MP2_WORKER_KERNEL_GELU_H
#define MP2_WORKER_KERNEL_GELU_H

#include "worker/kernel/vec.h"

VEC_INLINE vec horner(const float *c, int degree, vec x)
{
    vec p = vec_set(c[degree]);

#pragma GCC unroll 16
    for (int i = degree - 1; i >= 0; i--) p = vec_fma(p, x, vec_set(c[i]));
    return p;
}

/* exp(-x^2/2), with the argument as a sum of two floats. */
VEC_INLINE vec gauss(vec x)
{
    vec square = vec_mul(x, x), rest = vec_fma(x, x, vec_sub(vec_zero(), square)), half = vec_set(-0.5f);
    vec e = vec_exp(vec_mul(half, square));

    return vec_fma(e, vec_mul(half, rest), e);
}

/* Phi(x), given exp(-x^2/2). */
VEC_INLINE vec normal(vec x, vec e)
{
    static const float fit[] = {7.29083670e-01f, -5.09332243e-01f, 2.30019287e-01f,  -4.72569046e-02f, -1.04796621e-02f,
                                6.92789736e-03f, 1.07712021e-03f,  -9.09029699e-04f, -2.70633214e-04f};
    vec t = vec_abs(x), one = vec_set(1.0f), three = vec_set(3.0f), inverse = vec_div(one, vec_add(t, three)), tail;

    tail = vec_mul(vec_mul(e, horner(fit, 8, vec_mul(vec_sub(t, three), inverse))), inverse);
    return vec_select(vec_less(x, vec_zero()), tail, vec_sub(one, tail));
}

/* 1/2 + x ((1 - k) fit(k) + 1/(2c)) with x clamped to -c..c and k = 2 x^2/c^2 - 1. */
VEC_INLINE vec odd(const float *fit, int degree, float c, vec x)
{
    vec y = vec_min(vec_set(c), vec_max(vec_set(-c), x)), one = vec_set(1.0f);
    vec k = vec_fma(vec_mul(y, y), vec_set(2.0f / (c * c)), vec_set(-1.0f));
    vec p = vec_fma(vec_sub(one, k), horner(fit, degree, k), vec_set(0.5f / c));

    return vec_fma(y, p, vec_set(0.5f));
}

/* Phi(x), as accurate as type requires. */
VEC_INLINE vec gelu_factor(enum number type, vec x)
{
    static const float fit[] = {0.0457949608f,   -0.0313886315f, 0.0232479155f,   -0.0170250515f, 0.0118373358f,
                                -0.00649817052f, 0.00314786206f, -0.00314460055f, 0.00182131029f};

    return type == NUMBER_BF16 ? odd(fit, 8, 4.5f, x) : normal(x, gauss(x));
}

/* Phi(x) + x phi(x). */
VEC_INLINE vec gelu_slope(enum number type, vec x)
{
    static const float fit[] = {0.0449051929f,  -0.0368347424f, 0.0387537232f,   -0.042407855f, 0.0490075143f,
                                -0.0505516333f, 0.0242759274f,  -0.00927480933f, 0.0292695553f, -0.0209599275f};
    vec density = vec_set(0.3989422804014327f), e; /* 1 / sqrt(2 pi) */

    if (type == NUMBER_BF16) return odd(fit, 9, 4.75f, x);
    e = gauss(x);
    return vec_fma(x, vec_mul(density, e), normal(x, e));
}

#endif

/* GELU with the error function. With t = |x|, the normal tail is Phi(-t) = exp(-t^2/2) Q(t), where Q = erfcx(t/sqrt 2)/2
 * falls slowly and is a polynomial's work; so the tail keeps its relative accuracy where 1 + erf would cancel, and
 * backward has the density for nothing. Two fits (least relative maximum):
 *   f32    Q(t) (t + 3) in w = (t - 3)/(t + 3), degree 8, 0 <= t <= 13.5: 4e-8
 *   bf16   Q(t) in s = (t - 3)/3, degree 9, 0 <= t <= 6, flat beyond:     9e-5, a twentieth of bf16's half digit */
#include "worker/kernel/simd.h"
#include "worker/kernel/vec.h"

VEC_INLINE vec horner(const float *c, int degree, vec x)
{
    vec p = vec_set(c[degree]);

#pragma GCC unroll 16
    for (int i = degree - 1; i >= 0; i--) p = vec_fma(p, x, vec_set(c[i]));
    return p;
}

/* exp(-x^2/2), its argument carried in two floats. */
VEC_INLINE vec gauss(vec x)
{
    vec square = vec_mul(x, x), rest = vec_fma(x, x, vec_sub(vec_zero(), square)), half = vec_set(-0.5f);
    vec e = vec_exp(vec_mul(half, square));

    return vec_fma(e, vec_mul(half, rest), e);
}

VEC_INLINE vec mills(enum number type, vec t)
{
    static const float wide[] = {7.29083670e-01f, -5.09332243e-01f, 2.30019287e-01f, -4.72569046e-02f, -1.04796621e-02f,
                                 6.92789736e-03f, 1.07712021e-03f, -9.09029699e-04f, -2.70633214e-04f};
    static const float half[] = {0.1215242f, -0.10317156f, 0.08184852f, -0.06257798f, 0.04967889f, -0.03185563f,
                                 0.00809241f, -0.00896002f, 0.02122027f, -0.01102559f};
    vec three = vec_set(3.0f), inverse;

    if (type == NUMBER_BF16)
        return horner(half, 9, vec_mul(vec_sub(vec_min(vec_set(6.0f), t), three), vec_set(1.0f / 3.0f)));
    inverse = vec_div(vec_set(1.0f), vec_add(t, three));
    return vec_mul(horner(wide, 8, vec_mul(vec_sub(t, three), inverse)), inverse);
}

/* Phi(x), given exp(-x^2/2). */
VEC_INLINE vec normal(enum number type, vec x, vec e)
{
    vec tail = vec_mul(e, mills(type, vec_abs(x)));

    return vec_select(vec_less(x, vec_zero()), tail, vec_sub(vec_set(1.0f), tail));
}

VEC_INLINE vec gauss_type(enum number type, vec x)
{
    return type == NUMBER_BF16 ? vec_exp(vec_mul(vec_mul(x, x), vec_set(-0.5f))) : gauss(x);
}

VEC_INLINE void forward_type(int64_t n, enum number x_type, const void *x, enum number y_type, void *y)
{
    for (int64_t i = 0; i < n; i += LANES) {
        vec a = vec_at_type(x_type, x, i, n);

        vec_put_type(y_type, y, i, n, vec_mul(a, normal(y_type, a, gauss_type(y_type, a))));
    }
}

static void gelu_forward(int64_t n, enum number x_type, const void *x, enum number y_type, void *y)
{
    if (y_type == NUMBER_F32) forward_type(n, x_type, x, NUMBER_F32, y);
    else if (x_type == NUMBER_F32) forward_type(n, NUMBER_F32, x, NUMBER_BF16, y);
    else forward_type(n, NUMBER_BF16, x, NUMBER_BF16, y);
}

VEC_INLINE void backward_type(int64_t n, enum number x_type, const void *x, enum number dy_type, const void *d_y, void *d_x)
{
    vec density = vec_set(0.3989422804014327f);   /* 1 / sqrt(2 pi) */

    for (int64_t i = 0; i < n; i += LANES) {
        vec a = vec_at_type(x_type, x, i, n), e = gauss_type(x_type, a);
        vec slope = vec_fma(a, vec_mul(density, e), normal(x_type, a, e));

        vec_put_type(x_type, d_x, i, n, vec_mul(slope, vec_at_type(dy_type, d_y, i, n)));
    }
}

static void gelu_backward(int64_t n, enum number x_type, const void *x, enum number dy_type, const void *d_y, void *d_x)
{
    if (x_type == NUMBER_F32) backward_type(n, NUMBER_F32, x, dy_type, d_y, d_x);
    else if (dy_type == NUMBER_F32) backward_type(n, NUMBER_BF16, x, NUMBER_F32, d_y, d_x);
    else backward_type(n, NUMBER_BF16, x, NUMBER_BF16, d_y, d_x);
}

void KERNEL(gelu_kernels)(struct kernels *k)
{
    k->gelu_forward = gelu_forward;
    k->gelu_backward = gelu_backward;
}

/* GELU over arrays, and its backward; accuracy is described in gelu.h. */
#include "worker/kernel/gelu.h"
#include "worker/kernel/simd.h"

VEC_INLINE void forward_type(int64_t n, enum number x_type, const void *x, enum number y_type, void *y)
{
    for (int64_t i = 0; i < n; i += LANES) {
        vec a = vec_at_type(x_type, x, i, n);

        vec_put_type(y_type, y, i, n, vec_mul(a, gelu_factor(y_type, a)));
    }
}

static void gelu_forward(int64_t n, enum number x_type, const void *x, enum number y_type, void *y)
{
    if (y_type == NUMBER_F32) forward_type(n, x_type, x, NUMBER_F32, y);
    else if (x_type == NUMBER_F32) forward_type(n, NUMBER_F32, x, NUMBER_BF16, y);
    else forward_type(n, NUMBER_BF16, x, NUMBER_BF16, y);
}

VEC_INLINE void backward_type(int64_t n, enum number x_type, const void *x, enum number dy_type, const void *d_y,
                              void *d_x)
{
    for (int64_t i = 0; i < n; i += LANES) {
        vec slope = gelu_slope(x_type, vec_at_type(x_type, x, i, n));

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

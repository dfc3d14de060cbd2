/* The span head: two dot products per row, and backward. */
#include "worker/kernel/simd.h"
#include "worker/kernel/vec.h"

static void head_forward(int64_t rows, int width, const float *h, const float *head, float *logits)
{
    for (int64_t row = 0; row < rows; row++) {
        const float *x = h + row * width;
        vec start[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()},
            end[4] = {start[0], start[0], start[0], start[0]};

        for (int i = 0; i < width; i += 64)
            for (int k = 0; k < 4; k++) {
                int j = i + k * LANES;
                vec a = vec_at(x, j, width);

                start[k] = vec_fma(a, vec_at(head, j, width), start[k]);
                end[k] = vec_fma(a, vec_at(head + width, j, width), end[k]);
            }
        logits[2 * row] = vec_sum4(start);
        logits[2 * row + 1] = vec_sum4(end);
    }
}

static void head_backward(int64_t rows, int width, const float *h, const float *head, const float *d_logits, float *d_h,
                          float *d_head)
{
    for (int64_t row = 0; row < rows; row++) {
        vec d0 = vec_set(d_logits[2 * row]), d1 = vec_set(d_logits[2 * row + 1]);

        for (int i = 0; i < width; i += LANES)
            vec_put(d_h + row * width, i, width,
                    vec_fma(d1, vec_at(head + width, i, width), vec_mul(d0, vec_at(head, i, width))));
    }
    if (!d_head) return;
    for (int i = 0; i < width; i += LANES) {
        vec sum0 = vec_zero(), sum1 = vec_zero();

        for (int64_t row = 0; row < rows; row++) {
            vec a = vec_at(h + row * width, i, width);

            sum0 = vec_fma(vec_set(d_logits[2 * row]), a, sum0);
            sum1 = vec_fma(vec_set(d_logits[2 * row + 1]), a, sum1);
        }
        vec_put(d_head, i, width, sum0);
        vec_put(d_head + width, i, width, sum1);
    }
}

void KERNEL(head_kernels)(struct kernels *k)
{
    k->head_forward = head_forward;
    k->head_backward = head_backward;
}

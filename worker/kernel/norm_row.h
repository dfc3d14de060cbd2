/* What the LayerNorm of a sublayer and of the embedding share: the second half of a row. */
#ifndef MP2_WORKER_KERNEL_NORM_ROW_H
#define MP2_WORKER_KERNEL_NORM_ROW_H

#include "worker/kernel/dropout_bits.h"

/* The gradient of a row's output, the sum of one or two parts. */
VEC_INLINE vec norm_gradient(const float *a, const float *b, int j, int w)
{
    vec g = vec_at(a, j, w);

    return b ? vec_add(g, vec_at(b, j, w)) : g;
}

/* o holds the row r, sum its lane sums; o becomes LN(r) gamma + beta [dropped by `after`] [+ prompt]. */
VEC_INLINE void norm_finish(enum number type, const struct norm *n, int64_t row, const vec sum[4], float *o,
                            const struct dropout *after, void *out_matrix, void *xhat, float *rstd)
{
    int w = n->width;
    size_t start = (size_t)(row * w) * number_size(type);
    const struct row_place *place = n->place ? n->place + row : NULL;
    const float *prompt = NULL;
    float one_over;
    vec mean = vec_set(vec_sum4(sum) / (float)w), square[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()}, scale;

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): where there is a prompt, places are given */
    if (n->prompt && place->position >= 1 && place->position <= (uint32_t)n->prompt_rows)
        prompt = n->prompt + (size_t)(place->position - 1) * (size_t)w;
    for (int i = 0; i < w; i += 64)
        for (int k = 0; k < 4; k++) {
            int j = i + k * LANES;
            vec c = vec_keep(vec_in_row(j, w), vec_sub(vec_at(o, j, w), mean));

            square[k] = vec_fma(c, c, square[k]);
        }
    one_over = 1.0f / __builtin_sqrtf(vec_sum4(square) / (float)w + n->eps);
    scale = vec_set(one_over);
    if (rstd) rstd[row] = one_over;
    for (int i = 0; i < w; i += 64) {
        lanes keep[4] = {0, 0, 0, 0};

        if (after) dropout_at(after, n->site, place, i, keep);
        for (int k = 0; k < 4; k++) {
            int j = i + k * LANES;
            vec x = vec_mul(vec_sub(vec_at(o, j, w), mean), scale);
            vec y = vec_fma(x, vec_at(n->gamma, j, w), vec_at(n->beta, j, w));

            if (xhat) vec_put_type(type, (char *)xhat + start, j, w, x);
            if (after) y = dropout_apply(after, keep[k], y);
            if (prompt) y = vec_add(y, vec_at(prompt, j, w));
            vec_put(o, j, w, y);
            if (out_matrix) vec_put_type(type, (char *)out_matrix + start, j, w, y);
        }
    }
}

#endif

/* The end of a sublayer: dropout, residual, LayerNorm, the next layer's prompt, and backward. A row stays in the L1
 * cache between its passes: sum, centred squares (two passes, so that no digits cancel), result. */
#include "worker/kernel/norm_row.h"
#include "worker/kernel/simd.h"

VEC_INLINE void norm_forward_type(enum number type, const struct norm *n, const float *h, const void *y, float *out,
                                  void *out_matrix, void *xhat, float *rstd)
{
    int w = n->width;
    size_t row_bytes = (size_t)w * number_size(type);

    for (int64_t row = 0; row < n->rows; row++) {
        const struct row_place *place = n->place ? n->place + row : NULL;
        const char *y_row = (const char *)y + (size_t)row * row_bytes;
        float *o = out + row * w;
        vec sum[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()};

        for (int i = 0; i < w; i += 64) {
            lanes keep[4] = {0, 0, 0, 0};

            dropout_at(&n->drop, n->site, place, i, keep);
            for (int k = 0; k < 4; k++) {
                int j = i + k * LANES;
                vec y_drop = dropout_apply(&n->drop, keep[k], vec_at_type(type, y_row, j, w));
                vec r = vec_add(vec_at(h + row * w, j, w), y_drop);

                vec_put(o, j, w, r);
                sum[k] = vec_add(sum[k], r);
            }
        }
        norm_finish(type, n, row, sum, o, NULL, out_matrix, xhat, rstd);
    }
}

static void norm_forward(const struct norm *n, const float *h, const void *y, float *out, void *out_matrix, void *xhat,
                         float *rstd)
{
    if (n->type == NUMBER_BF16) norm_forward_type(NUMBER_BF16, n, h, y, out, out_matrix, xhat, rstd);
    else norm_forward_type(NUMBER_F32, n, h, y, out, out_matrix, xhat, rstd);
}

/* d_h = rstd (g - mean(g) - xhat mean(g xhat)) with g = d_out gamma. dropped: the embedding's dropout is undone first;
 * otherwise the sublayer's dropout of d_h goes to d_y. */
VEC_INLINE void norm_backward_type(enum number type, int dropped, const struct norm *n, const float *d_a,
                                   const float *d_b, const void *xhat, const float *rstd, float *d_h, void *d_y)
{
    int w = n->width;
    size_t row_bytes = (size_t)w * number_size(type);

    for (int64_t row = 0; row < n->rows; row++) {
        const struct row_place *place = n->place ? n->place + row : NULL;
        const char *x_row = (const char *)xhat + (size_t)row * row_bytes;
        char *y_row = d_y ? (char *)d_y + (size_t)row * row_bytes : NULL;
        float *d_row = d_h + row * w;
        vec sum[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()}, product[4] = {sum[0], sum[0], sum[0], sum[0]};
        vec mean, slope, scale = vec_set(rstd[row]);

        for (int i = 0; i < w; i += 64) {
            lanes keep[4] = {0, 0, 0, 0};

            if (dropped) dropout_at(&n->drop, n->site, place, i, keep);
            for (int k = 0; k < 4; k++) {
                int j = i + k * LANES;
                vec g = norm_gradient(d_a + row * w, d_b ? d_b + row * w : NULL, j, w);

                if (dropped) g = dropout_apply(&n->drop, keep[k], g);
                g = vec_mul(g, vec_at(n->gamma, j, w));
                vec_put(d_row, j, w, g);
                sum[k] = vec_add(sum[k], g);
                product[k] = vec_fma(g, vec_at_type(type, x_row, j, w), product[k]);
            }
        }
        mean = vec_set(vec_sum4(sum) / (float)w);
        slope = vec_set(vec_sum4(product) / (float)w);
        for (int i = 0; i < w; i += 64) {
            lanes keep[4] = {0, 0, 0, 0};

            if (!dropped) dropout_at(&n->drop, n->site, place, i, keep);
            for (int k = 0; k < 4; k++) {
                int j = i + k * LANES;
                vec g = vec_sub(vec_at(d_row, j, w), mean);

                g = vec_mul(scale, vec_fnma(vec_at_type(type, x_row, j, w), slope, g));
                vec_put(d_row, j, w, g);
                if (y_row) vec_put_type(type, y_row, j, w, dropout_apply(&n->drop, keep[k], g));
            }
        }
    }
}

static void norm_backward(const struct norm *n, const float *d_a, const float *d_b, const void *xhat, const float *rstd,
                          float *d_h, void *d_y)
{
    if (n->type == NUMBER_BF16) norm_backward_type(NUMBER_BF16, 0, n, d_a, d_b, xhat, rstd, d_h, d_y);
    else norm_backward_type(NUMBER_F32, 0, n, d_a, d_b, xhat, rstd, d_h, d_y);
}

static void embed_backward(const struct norm *n, const float *d_a, const float *d_b, const void *xhat,
                           const float *rstd, float *d_sum)
{
    if (n->type == NUMBER_BF16) norm_backward_type(NUMBER_BF16, 1, n, d_a, d_b, xhat, rstd, d_sum, NULL);
    else norm_backward_type(NUMBER_F32, 1, n, d_a, d_b, xhat, rstd, d_sum, NULL);
}

static void norm_parameters(const struct norm *n, int dropped, const float *d_a, const float *d_b, const void *xhat,
                            float *d_gamma, float *d_beta)
{
    int w = n->width;

    for (int64_t row = 0; row < n->rows; row++) {
        const char *x_row = (const char *)xhat + (size_t)(row * w) * number_size(n->type);

        for (int i = 0; i < w; i += 64) {
            lanes keep[4] = {0, 0, 0, 0};

            if (dropped) dropout_at(&n->drop, n->site, n->place ? n->place + row : NULL, i, keep);
            for (int k = 0; k < 4; k++) {
                int j = i + k * LANES;
                vec g = norm_gradient(d_a + row * w, d_b ? d_b + row * w : NULL, j, w);

                if (dropped) g = dropout_apply(&n->drop, keep[k], g);
                vec_put(d_beta, j, w, vec_add(vec_at(d_beta, j, w), g));
                vec_put(d_gamma, j, w, vec_fma(g, vec_at_type(n->type, x_row, j, w), vec_at(d_gamma, j, w)));
            }
        }
    }
}

void KERNEL(norm_kernels)(struct kernels *k)
{
    k->norm_forward = norm_forward;
    k->norm_backward = norm_backward;
    k->embed_backward = embed_backward;
    k->norm_parameters = norm_parameters;
}
